#!/usr/bin/env python3
"""Makes docs/monitor-calls.md from the lists of calls of the processes outside.

usage: gen_own_calls.py OUTPUT
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = {'MAY': 'any', 'ABSENT': 'refused: as if the kernel had none', 'SETUP': 'any'}
HEAD = '''# What the processes outside may call

Generated from `monitor/own_calls.inc` and `net/own_calls.inc` by `tools/gen_own_calls.py`;
do not edit.  What the program's process may call is in [security.md](security.md).
'''


def entries(table):
    """(kind, call, arguments, reason) of each line."""
    text = re.sub(r'/\*.*?\*/', '', (ROOT / table).read_text(), flags=re.S)
    for kind, body in re.findall(r'^(MAY_IF|MAY|ABSENT|SETUP)\((.*?"\s*)\)$', text, flags=re.S | re.M):
        body = ' '.join(body.split())
        head, why = body[:body.index('"')], ''.join(re.findall(r'"([^"]*)"', body))
        name, *rest = [p.strip() for p in head.split(',', 2)]
        check = KINDS.get(kind) or f'argument {int(rest[0]) + 1}: ' + rest[1].strip(' ,')
        check = check.replace('IS(', 'one of ').replace('WITHIN(', 'no bits but ').rstrip(')')
        yield kind, name, check.replace('|', 'and'), why


def section(title, text, rows):
    rows = sorted(row[1:] for row in rows)
    lines = [f'\n## {title}\n', text.format(len(rows)), '', '| call | arguments | why |', '|---|---|---|']
    return '\n'.join(lines + [f'| `{name}` | {check} | {why} |' for name, check, why in rows]) + '\n'


def main():
    monitor, net = list(entries('monitor/own_calls.inc')), list(entries('net/own_calls.inc'))
    Path(sys.argv[1]).write_text(
        HEAD
        + section('The monitor, while a sandbox runs',
                  'These {} host system calls and no other.', [e for e in monitor if e[0] != 'SETUP'])
        + section('Besides, while the sandbox is made',
                  'Until the sandbox is served, arguments are not looked at, and these {} may be made too: by\n'
                  'the monitor, and by the process that becomes the sandbox before it puts itself behind the\n'
                  'filter of the contract.  A snapshot is read here.',
                  [e for e in monitor if e[0] == 'SETUP'])
        + section('The network service',
                  'These {} host system calls and no other, from before its first request on.', net))


main()
