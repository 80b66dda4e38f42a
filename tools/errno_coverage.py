#!/usr/bin/env python3
"""Which errnos of each system call's manual page the guest tests provoke.

usage: tools/errno_coverage.py [markdown FILE | missing [CALL...]]

The errnos come from the ERRORS sections of section 2 (Debian's manpages-dev), the checks from
tests/guest/*.c: CHECK_ERR(call(...), E) and CHECK(... call(...) ... && errno == E ...), where
the call is the C library's function or syscall(SYS_name, ...), and the calls that wait in
tests/guest/blocking_*.c.  What no program can provoke
on purpose, or not everywhere, is in tests/guest/errno_exempt with its reason.
"""
import gzip
import re
import sys
from collections import defaultdict
from pathlib import Path

import blocking_table

ROOT = Path(__file__).resolve().parent.parent
PAGES = Path('/usr/share/man/man2')
ERRNO = re.compile(r'\bE[A-Z0-9]{2,}\b')
SAME = {'EWOULDBLOCK': 'EAGAIN', 'EDEADLOCK': 'EDEADLK', 'ENOTSUP': 'EOPNOTSUPP'}
# The C library's name of a call, where it is another.
LIBRARY = {
    'euidaccess': 'faccessat2', 'eventfd': 'eventfd2', 'execl': 'execve', 'execv': 'execve',
    'faccessat': 'faccessat2', 'fexecve': 'execveat', 'fstatat': 'newfstatat', 'gethostname': 'sethostname',
    'futimens': 'utimensat', 'getpgrp': 'getpgid', 'inotify_init': 'inotify_init1',
    'killpg': 'kill', 'lockf': 'fcntl', 'lutimes': 'utimensat', 'mkfifo': 'mknod',
    'mq_receive': 'mq_timedreceive', 'mq_send': 'mq_timedsend', 'posix_fadvise': 'fadvise64',
    'posix_fallocate': 'fallocate', 'pread': 'pread64', 'prlimit': 'prlimit64',
    'pthread_sigmask': 'rt_sigprocmask', 'ptsname': 'ioctl', 'pwrite': 'pwrite64',
    'raise': 'tgkill', 'readdir': 'getdents64', 'recv': 'recvfrom', 'remove': 'unlink',
    'send': 'sendto', 'seteuid': 'setresuid', 'shm_open': 'open', 'sigaction': 'rt_sigaction',
    'signalfd': 'signalfd4', 'sigpending': 'rt_sigpending', 'sigprocmask': 'rt_sigprocmask',
    'sigqueue': 'rt_sigqueueinfo', 'sigsuspend': 'rt_sigsuspend', 'sigtimedwait': 'rt_sigtimedwait',
    'sigwaitinfo': 'rt_sigtimedwait', 'statvfs': 'statfs', 'tcgetattr': 'ioctl',
    'tcsetattr': 'ioctl', 'umount': 'umount2', 'wait': 'wait4', 'waitpid': 'wait4',
}
# Calls whose errors stand on another call's page.
PAGE = {'pread64': 'pread', 'pwrite64': 'pwrite', 'newfstatat': 'stat',
        'rt_sigaction': 'sigaction', 'prlimit64': 'getrlimit', 'fadvise64': 'posix_fadvise'}
# Forms of a call that share one page: what one provokes counts for each of them.
FORMS = [
    'read', 'open openat creat', 'stat fstat lstat newfstatat', 'rename renameat renameat2', 'link linkat',
    'unlink unlinkat', 'mkdir mkdirat', 'symlink symlinkat', 'readlink readlinkat', 'mknod mknodat',
    'chmod fchmod fchmodat', 'chown fchown lchown fchownat', 'access faccessat faccessat2',
    'truncate ftruncate', 'statfs fstatfs', 'utime utimes', 'utimensat futimesat', 'pipe pipe2',
    'dup dup2 dup3', 'accept accept4', 'recvfrom recvmsg', 'sendto sendmsg', 'readv writev preadv pwritev preadv2 pwritev2',
    'eventfd eventfd2', 'signalfd signalfd4', 'inotify_init inotify_init1', 'chdir fchdir',
    'poll ppoll', 'select pselect6', 'epoll_wait epoll_pwait epoll_pwait2', 'epoll_create epoll_create1',
    'getpgid setpgid getpgrp', 'sync syncfs', 'fsync fdatasync', 'clone clone3 fork vfork',
    'mlock mlock2 munlock mlockall munlockall', 'mmap munmap', 'getdents getdents64', 'kill', 'tkill tgkill',
    'getrlimit setrlimit prlimit64', 'getxattr lgetxattr fgetxattr', 'setxattr lsetxattr fsetxattr',
    'listxattr llistxattr flistxattr', 'removexattr lremovexattr fremovexattr', 'execve', 'execveat',
    'clock_gettime clock_settime clock_getres', 'getitimer setitimer', 'timer_settime timer_gettime timer_getoverrun',
    'timerfd_create timerfd_settime timerfd_gettime', 'sched_setscheduler sched_getscheduler',
    'sched_setparam sched_getparam', 'sched_setaffinity sched_getaffinity', 'setgroups getgroups',
    'getpriority setpriority', 'sethostname gethostname', 'getsockopt setsockopt', 'semop semtimedop',
    'msgsnd msgrcv', 'shmat shmdt', 'pkey_alloc pkey_free', 'ioprio_get ioprio_set', 'getcwd',
    'mq_timedsend', 'mq_timedreceive', 'gettimeofday settimeofday', 'sched_get_priority_max sched_get_priority_min',
    'capget capset', 'get_robust_list set_robust_list', 'sched_setattr sched_getattr', 'wait4 waitid',
    'process_vm_readv process_vm_writev', 'setdomainname getdomainname', 'mount_setattr',
]


def calls():
    """{name: level} of the system calls that are served"""
    found = {}
    for table in sorted(ROOT.glob('libos/*/syscalls.tbl')):
        for line in table.read_text().splitlines():
            words = line.split()
            if len(words) > 2 and words[0].isdigit() and words[2] in ('full', 'part'):
                found[words[1]] = words[2]
    return found


def page_of(call):
    text = page_text(PAGE.get(call, call))
    for _ in range(3):
        link = re.match(r"\.so man2/(\w+)\.2", text.lstrip())
        if not link:
            break
        text = page_text(link[1])
    return text


def page_text(name):
    path = PAGES / f'{name}.2.gz'
    return gzip.open(path, 'rt', errors='replace').read() if path.is_file() else ''


def documented(call):
    """the errnos that head a paragraph of the page's ERRORS"""
    section = re.search(r'^\.SH ERRORS$(.*?)(?=^\.SH )', page_of(call), re.S | re.M)
    found, head = set(), False
    for line in section[1].splitlines() if section else ():
        if head or line.startswith('.TQ'):
            found |= set(ERRNO.findall(line))
        head = line.startswith(('.TP', '.TQ'))
    return {SAME.get(e, e) for e in found}


def call_of(expression, names):
    """the innermost system call that an expression makes first"""
    direct = re.search(r'\b(?:SYS_|__NR_)(\w+)', expression) or \
        re.search(r'\bCALL\(\s*(\w+)', expression)
    if direct and direct[1] in names:
        return direct[1]
    for name in re.findall(r'\b([a-z_0-9]+)\(', expression):
        name = LIBRARY.get(name, name)
        if name in names:
            return name
    return None


def arguments(text, start):
    """the text between the parenthesis at start and its partner"""
    depth = 0
    for end in range(start, min(len(text), start + 600)):
        depth += {'(': 1, ')': -1}.get(text[end], 0)
        if depth == 0:
            return text[start + 1:end]
    return ''


def function_of(text, at):
    """(name, [errnos it is called with]) of the function around that place"""
    names = re.findall(r'^static \w+ \*?(\w+)\([^;{]*\)\s*\{', text[:at], re.M)
    if not names:
        return []
    calls = re.finditer(r'\b%s\(' % names[-1], text)
    return [e for c in calls for e in ERRNO.findall(arguments(text, c.end() - 1).rpartition(',')[2])]


def checked(names):
    """{call: errnos that guest tests provoke}"""
    found = defaultdict(set)
    for source in sorted((ROOT / 'tests' / 'guest').glob('*.c')):
        text = source.read_text()
        for match in re.finditer(r'\bCHECK(_ERR)?\(', text):
            inside = arguments(text, match.end() - 1)
            if match[1]:
                expression, _, errno = inside.rpartition(',')
                pairs = [(expression, ERRNO.findall(errno) or function_of(text, match.start()))]
            else:
                parts = re.split(r'errno == \(?(E[A-Z0-9]+)', inside)
                pairs = [(parts[i], [parts[i + 1]]) for i in range(0, len(parts) - 1, 2)]
            for expression, errnos in pairs:
                call = call_of(expression, names)
                if call:
                    found[call] |= {SAME.get(e, e) for e in errnos}
    for call, waits in blocking_table.cases().items():  # each ended by a handler
        found[call] |= {'EINTR' for wait in waits if wait[2] == 'EINTR'}
    for forms in FORMS:
        forms = forms.split()
        together = set().union(*(found[f] for f in forms))
        for form in forms:
            found[form] = together
    return found


def exempt():
    """{call or *: {errno}}, and the reasons as text"""
    found = defaultdict(set)
    for line in (ROOT / 'tests' / 'guest' / 'errno_exempt').read_text().splitlines():
        words = line.partition(':')[0].split()
        if words and not line.startswith('#'):
            for call in words[0].split(','):
                found[call] |= set(words[1:])
    return found


def table():
    levels = calls()
    tested, excused = checked(set(levels)), exempt()
    rows = []
    for call in sorted(levels):
        wanted = documented(call)
        excusable = wanted if '*' in excused[call] else excused['*'] | excused[call]
        rows.append((call, sorted(wanted & tested[call]), sorted(wanted - tested[call] - excusable),
                     sorted((wanted - tested[call]) & excusable)))
    return [row for row in rows if any(row[1:])]


def markdown(rows):
    done, missing = sum(len(r[1]) for r in rows), sum(len(r[2]) for r in rows)
    print(f'''# Errors that the guest tests provoke

Generated by `tools/errno_coverage.py`; do not edit. For each system call that is served: the
errors in its manual page (Debian's manpages-dev) that a program of `tests/guest/` provokes, natively
and inside, and those that none does yet. Forms of one call (`open`, `openat`) count together.
What can't be provoked on purpose, or not on every machine, is left out: `tests/guest/errno_exempt`
says why.

{len(rows)} calls; of {done + missing} errors {done} are provoked, {100 * done / (done + missing):.0f} %.

| call | provoked | not yet |
|---|---|---|''')
    for call, have, lack, _ in rows:
        if have or lack:
            print(f"| `{call}` | {' '.join(have)} | {' '.join(lack)} |")


def main():
    rows = table()
    if sys.argv[1:2] == ['markdown'] and len(sys.argv) == 3:
        sys.stdout = open(sys.argv[2], 'w')
        markdown(rows)
    elif sys.argv[1:2] == ['missing']:
        for call, _, lack, _ in rows:
            if lack and (len(sys.argv) == 2 or call in sys.argv):
                print(f"{call}: {' '.join(lack)}")
    else:
        sys.exit(__doc__.split('\n\n')[1])


if __name__ == '__main__':
    main()
