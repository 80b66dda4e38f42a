#!/usr/bin/env python3
"""How many host system calls can a program's process make: here, and in others' sandboxes?

usage: bench/reachable.py [BUILD]          as root

Starts a sleeping program in each, takes the seccomp filters of the process that runs it
from the kernel (and, for gVisor, of the kernel it runs on, which makes host calls in its
stead), and follows every path of them for every number: a number counts if some arguments
let it pass.  TRAP and ERRNO do not pass; a filter's notification does not either, since the
host kernel does nothing for it.
"""
import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, GET_FILTER = 0x4206, 0x4207, 17, 0x420c
PASSING = {0x7fff0000, 0x7ffc0000}  # ALLOW, LOG
ARCH = 0xc000003e
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def filters(pid):
    """The process's filters, newest first."""
    if libc.ptrace(PTRACE_SEIZE, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), f'cannot look at process {pid}')
    libc.ptrace(PTRACE_INTERRUPT, pid, None, None)
    os.waitpid(pid, 0x40000000)  # __WALL
    found = []
    while True:
        n = libc.ptrace(GET_FILTER, pid, ctypes.c_void_p(len(found)), None)
        if n <= 0:
            break
        code = ctypes.create_string_buffer(8 * n)
        libc.ptrace(GET_FILTER, pid, ctypes.c_void_p(len(found)), code)
        found.append(list(struct.iter_unpack('<HBBI', code.raw)))
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    return found


def passes(program, nr):
    """Is there a path that lets the number pass?  What is not known goes both ways."""
    seen, todo = set(), [(0, None)]
    while todo:
        at, a = todo.pop()
        if (at, a) in seen:
            continue
        seen.add((at, a))
        op, jt, jf, k = program[at]
        kind = op & 7
        if kind == 6:  # return
            if (k & 0xffff0000) in PASSING:
                return True
        elif kind == 0:  # load
            known = {0: nr, 4: ARCH}
            todo.append((at + 1, known.get(k) if op == 0x20 else None))
        elif kind == 5 and op == 0x05:
            todo.append((at + 1 + k, a))
        elif kind == 5:
            tests = {0x10: lambda: a == k, 0x20: lambda: a > k, 0x30: lambda: a >= k, 0x40: lambda: a & k}
            if a is None or op & 8:
                todo += [(at + 1 + jt, a), (at + 1 + jf, a)]
            else:
                todo.append((at + 1 + (jt if tests[op & 0x70]() else jf), a))
        else:  # arithmetic, scratch memory: the number is not followed through it
            todo.append((at + 1, None if kind in (1, 3, 4, 7) and op not in (0x54,) else
                         (a & k if op == 0x54 and a is not None else a)))
    return False


def native():
    text = Path('/usr/include/x86_64-linux-gnu/asm/unistd_64.h').read_text()
    return sorted({int(n) for n in re.findall(r'#define __NR_\w+ (\d+)', text)})


def descendants(pid):
    yield pid
    for task in Path(f'/proc/{pid}/task').glob('*'):
        try:
            for child in (task / 'children').read_text().split():
                yield from descendants(int(child))
        except OSError:
            pass


def named(root, pattern):
    """The last of the descendants whose command line matches."""
    found = None
    for pid in descendants(root):
        try:
            line = Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace')
        except OSError:
            continue
        if re.search(pattern, line):
            found = pid
    return found


def first_child(root):
    """Of a picoprocess nothing is left to read but that it is there."""
    return list(descendants(root))[1:2][0]


def report(name, command, pattern):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        pid = pattern(process.pid) if callable(pattern) else named(process.pid, pattern)
        if not pid:
            print(f'{name:34} did not start')
            return
        all_filters = filters(pid)
        numbers = [n for n in native() if all(passes(f, n) for f in all_filters)]
        print(f'{name:34} {len(numbers):4}   ({len(all_filters)} filters)')
    except OSError as error:
        print(f'{name:34} {error}')
    finally:
        process.terminate()
        process.wait()


def main():
    build = Path(sys.argv[1] if len(sys.argv) > 1 else 'build').resolve()
    print(f'{"natively":34} {len(native()):4}')
    report('bailey: the program\'s process', [build / 'bailey', 'run', '--', 'sleep', '9'], first_child)
    report('bailey: the monitor', [build / 'bailey', 'run', '--', 'sleep', '9'], lambda pid: pid)
    if shutil.which('bwrap'):
        report('bubblewrap', ['bwrap', '--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', 'sleep', '9'], r'^sleep')
    if shutil.which('runsc'):
        report('gVisor: the kernel under a program', ['runsc', '--platform=ptrace', '--network=none',
               '--ignore-cgroups', 'do', 'sleep', '9'], r'runsc-sandbox|runsc.* boot')


main()
