#!/usr/bin/env python3
"""Generates everything that lists the contract from abi/contract.tbl.

usage: gen_contract.py header|filter|markdown|count OUTPUT TABLE

header    abi/contract.h: numbers and names of the calls
filter    the list of host system calls the host filter knows
markdown  docs/contract.md
count     one line with the three numbers the tests hold against the limits
"""
import sys

KINDS = ('data', 'control', 'upcall')
LIMITS = {'calls': 35, 'upcalls': 3, 'host system calls': 20}


def parse(path):
    rows = []
    for number, line in enumerate(open(path), 1):
        line = line.split('#', 1)[0].strip()
        if not line:
            continue
        cells = [c.strip() for c in line.split('|')]
        if len(cells) != 5 or cells[1] not in KINDS or cells[3] not in ('yes', 'no', '-'):
            sys.exit(f'{path}:{number}: bad entry: {line}')
        name, kind, host, blocks, meaning = cells
        hosts = [h.strip() for h in host.split(',') if h.strip() != '-']
        if kind == 'control' and hosts != ['monitor']:
            sys.exit(f'{path}:{number}: a control call goes to the monitor')
        rows.append(dict(name=name, kind=kind, hosts=hosts, blocks=blocks, meaning=meaning))
    return rows


def host_calls(rows):
    seen = []
    for row in rows:
        seen += [h for h in row['hosts'] if h != 'monitor' and h not in seen]
    return sorted(seen)


def counts(rows):
    return {'calls': sum(r['kind'] != 'upcall' for r in rows),
            'upcalls': sum(r['kind'] == 'upcall' for r in rows),
            'host system calls': len(host_calls(rows))}


def header(rows):
    numbers = counts(rows)
    yield '/* Generated from abi/contract.tbl by tools/gen_contract.py: do not edit. */'
    yield '#ifndef BAILEY_ABI_CONTRACT_H\n#define BAILEY_ABI_CONTRACT_H\n'
    yield 'enum host_call {'
    for i, row in enumerate((r for r in rows if r['kind'] != 'upcall'), 1):
        yield f'    HOST_CALL_{row["name"].upper()} = {i},'
    yield '};\n'
    yield '/* X(name, NAME, is_control) for each call */'
    yield '#define HOST_CALLS(X) \\'
    for row in rows:
        if row['kind'] != 'upcall':
            yield f'    X({row["name"]}, {row["name"].upper()}, {int(row["kind"] == "control")}) \\'
    yield ''
    yield f'#define HOST_CALL_COUNT {numbers["calls"]}'
    yield f'#define HOST_UPCALL_COUNT {numbers["upcalls"]}'
    yield f'#define HOST_SYSCALL_COUNT {numbers["host system calls"]}'
    yield '\n#endif'


def filter_list(rows):
    yield '/* Generated from abi/contract.tbl by tools/gen_contract.py: do not edit. */'
    for name in host_calls(rows):
        yield f'FILTER_CALL({name})'


def markdown(rows):
    yield '# The contract\n'
    yield 'Generated from `abi/contract.tbl` by `tools/gen_contract.py`; do not edit.'
    yield 'Arguments, units and errors of each call stand in `abi/host_abi.h`,'
    yield 'message formats in `abi/message.h`.\n'
    for what, n in counts(rows).items():
        yield f'- {n} {what} (limit {LIMITS[what]})'
    for kind, title in (('data', 'Data calls: the PAL makes a filtered host system call'),
                        ('control', 'Control calls: a message to the monitor'),
                        ('upcall', 'Upcalls: the host calls the library OS')):
        yield f'\n## {title}\n\n| name | host system call | may sleep | meaning |\n|---|---|---|---|'
        for row in rows:
            if row['kind'] == kind:
                host = ', '.join(f'`{h}`' for h in row['hosts']) or '-'
                yield f'| `{row["name"]}` | {host} | {row["blocks"]} | {row["meaning"]} |'
    yield '\n## Host system calls reachable from inside\n'
    yield ', '.join(f'`{h}`' for h in host_calls(rows)) + '.'


def count(rows):
    numbers = counts(rows)
    for what, n in numbers.items():
        if n > LIMITS[what]:
            sys.exit(f'the contract has {n} {what}, more than {LIMITS[what]}')
    yield ', '.join(f'{n} {what} (limit {LIMITS[what]})' for what, n in numbers.items())


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    kind, output, table = sys.argv[1:]
    make = {'header': header, 'filter': filter_list, 'markdown': markdown, 'count': count}[kind]
    text = '\n'.join(make(parse(table))) + '\n'
    if output == '-':
        sys.stdout.write(text)
    else:
        with open(output, 'w') as f:
            f.write(text)


main()
