#!/usr/bin/env python3
"""Makes docs/monitor-calls.md from monitor/own_calls.inc.

usage: gen_own_calls.py OUTPUT TABLE
"""
import re
import sys

KINDS = {'MAY': 'any', 'ABSENT': 'refused: as if the kernel had none'}


def main():
    output, table = sys.argv[1:]
    text = re.sub(r'/\*.*?\*/', '', open(table).read(), flags=re.S)
    rows = []
    for kind, body in re.findall(r'^(MAY_IF|MAY|ABSENT)\((.*?"\s*)\)$', text, flags=re.S | re.M):
        body = ' '.join(body.split())
        head, why = body[:body.index('"')], ''.join(re.findall(r'"([^"]*)"', body))
        name, *rest = [p.strip() for p in head.split(',', 2)]
        check = KINDS.get(kind) or f'argument {int(rest[0]) + 1}: ' + rest[1].strip(' ,')
        check = check.replace('IS(', 'one of ').replace('WITHIN(', 'no bits but ').rstrip(')')
        rows.append((name, check.replace('|', 'and'), why))
    with open(output, 'w') as f:
        f.write('# What the monitor may call\n\nGenerated from `monitor/own_calls.inc` by '
                '`tools/gen_own_calls.py`; do not edit.\n\nOnce a sandbox runs, its monitor may make '
                f'these {len(rows)} host system calls and no other ([security.md](security.md)).\n\n'
                '| call | arguments | why |\n|---|---|---|\n')
        for name, check, why in sorted(rows):
            f.write(f'| `{name}` | {check} | {why} |\n')


main()
