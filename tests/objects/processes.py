"""Processes and what /proc says of them: parents, groups, sessions, threads with names, those that
have ended and were not waited for, orphans, credentials, limits, numbers."""
import ctypes
import os
import resource
import signal
import threading
import time

from saving import asleep, eventually, refused, result, same, save

libc = ctypes.CDLL(None)
PR_SET_CHILD_SUBREAPER, PR_SET_NAME = 36, 15


def line(pid, name):
    with open(f'/proc/{pid}/{name}') as f:
        return f.read()


def status(pid):
    return dict(l.split(':\t', 1) for l in line(pid, 'status').splitlines())


class Child:
    """A process that does what it is told through a pipe, and answers."""

    def __init__(self, *setup):
        self.orders, w = os.pipe()
        r, self.answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(w)
            os.close(r)
            for call in setup:
                call()
            self.serve()
        os.close(self.orders)
        os.close(self.answers)
        self.w, self.r = w, os.fdopen(r)

    def serve(self):
        with os.fdopen(self.orders) as orders:
            for order in orders:
                os.write(self.answers, f'{eval(order)!r}\n'.encode())
        os._exit(6)

    def ask(self, order):
        os.write(self.w, order.encode() + b'\n')
        return eval(self.r.readline())

    def end(self):
        os.write(self.w, b'os._exit(6)\n')
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def thread(name, stop):
    named = threading.Event()

    def run():
        libc.prctl(PR_SET_NAME, name.encode())
        named.set()
        stop.wait()
    t = threading.Thread(target=run)
    t.start()
    named.wait()
    return t


libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
session = Child(os.setsid)
group = Child(os.setpgrp)
limited = Child(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (50, 60)),
                lambda: os.nice(3), lambda: os.chdir('/usr'), lambda: os.umask(0o11))
nested = Child()
grandchild = nested.ask('Child().pid')
first = os.getpid()
ended, killed = os.fork(), 0
if ended == 0:
    os._exit(44)
killed = os.fork()
if killed == 0:
    signal.pause()
os.kill(killed, signal.SIGKILL)
for pid in (ended, killed):
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
# One whose parent has ended is ours.
(r, w), (number, told) = os.pipe(), os.pipe()
if (middle := os.fork()) == 0:
    if (orphan := os.fork()) == 0:
        os.close(w)
        os.read(r, 1)
        os._exit(os.getppid() != first)
    os.write(told, orphan.to_bytes(4, 'little'))
    os._exit(0)
os.waitpid(middle, 0)
orphan = int.from_bytes(os.read(number, 4), 'little')
stop = threading.Event()
threads = [thread(f'thread {n}', stop) for n in range(5)]
pidfd = os.pidfd_open(session.pid)
everyone = [os.getpid(), session.pid, group.pid, limited.pid, nested.pid, grandchild, orphan]
for pid in everyone[1:]:
    eventually('asleep', lambda: asleep(pid))


def picture():
    """What must be the same afterwards."""
    seen = {'threads': sorted(os.listdir('/proc/self/task'), key=int)}
    seen['names'] = sorted(line(f'self/task/{t}', 'comm') for t in seen['threads'])
    for pid in everyone:
        s = status(pid)
        stat = line(pid, 'stat').rpartition(')')[2].split()
        seen[pid] = [s[k] for k in ('Name', 'Umask', 'PPid', 'Uid', 'Gid', 'Groups', 'NSpid', 'Threads', 'SigCgt',
                                    'SigIgn', 'SigBlk', 'ShdPnd')]
        seen[pid] += [stat[1:4], stat[16:18], stat[19]]  # parent, group, session; nice; start
        seen[pid] += [os.readlink(f'/proc/{pid}/{n}') for n in ('cwd', 'exe', 'root')]
        seen[pid] += [line(pid, n) for n in ('cmdline', 'limits', 'comm', 'oom_score_adj')]
        seen[pid].append(sorted((fd, os.readlink(f'/proc/{pid}/fd/{fd}')) for fd in os.listdir(f'/proc/{pid}/fd')
                                if os.path.lexists(f'/proc/{pid}/fd/{fd}')))
    seen['dead'] = status(ended)['State'], status(killed)['State']
    return seen


before, cpu, clock = picture(), time.process_time(), time.monotonic()
saved = save()
after = picture()
for what in before:
    if what == os.getpid():  # the descriptors of a listing come and go
        before[what].pop(), after[what].pop()
    same(what, after[what], before[what])
same('CPU time goes on', time.process_time() >= cpu, True)
same('time goes on', time.monotonic() >= clock, True)
same('session', session.ask('os.getsid(0) == os.getpid() == os.getpgrp()'), True)
same('group', group.ask(f'os.getpgrp() == os.getpid() and os.getsid(0) == {os.getsid(0)}'), True)
same('parent', group.ask('os.getppid()'), os.getpid())
same('of its own', limited.ask('(resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0), os.getcwd(), os.umask(0))'),
     ((50, 60), min(19, 3 + os.nice(0)), '/usr', 0o11))
same('waited for', os.waitstatus_to_exitcode(os.waitpid(ended, 0)[1]), 44)
same('waited for, killed', os.waitpid(killed, 0)[1], signal.SIGKILL)
refused('waited for twice', 10, os.waitpid, killed, 0)
os.kill(group.pid, signal.SIGTERM)
same('signalled', os.waitpid(group.pid, 0)[1], signal.SIGTERM)
same('ended', session.end(), 6)
refused('gone', 3, signal.pidfd_send_signal, pidfd, 0)
new = Child()
# A host's numbers may begin anew.
same('numbers go on', new.pid not in everyone and (not saved or new.pid > max(everyone)), True)
for child in (new, limited, nested):
    same('ended', child.end(), 6)
os.write(w, b'x' * 2)
same('an orphan', os.waitstatus_to_exitcode(os.waitpid(orphan, 0)[1]), 0)
os.waitpid(grandchild, 0)
stop.set()
for t in threads:
    t.join()
result()
