"""What the programs of tests/objects share: the moment at which they are saved, and checks
that name themselves."""
import os
import sys
import time

failures = 0


def save():
    """Returns in the original and in every copy; natively it does nothing."""
    if os.path.exists('/dev/bailey/save'):
        with open('/dev/bailey/save') as f:
            return f.read().strip()
    return ''


def same(what, got, expected):
    global failures
    if got != expected:
        failures += 1
        print(f'{what}: {got!r}, not {expected!r}', file=sys.stderr)


def refused(what, error, call, *arguments):
    try:
        got = call(*arguments)
    except OSError as e:
        got = e.errno
    same(what, got, error)


def eventually(what, condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            same(what, 'not yet', 'reached')
            return
        time.sleep(0.01)


def asleep(pid, tid=None):
    """Does that thread sleep?"""
    with open(f'/proc/{pid}/task/{tid or pid}/stat') as f:
        return f.read().rpartition(')')[2].split()[0] == 'S'


def result():
    print('failed' if failures else 'ok', flush=True)
    sys.exit(1 if failures else 0)
