"""What the drivers of foreign suites share: the same command natively and inside, as an
ordinary user, in fresh directories of one name, and results that survive an interruption.

A driver keeps one JSON object a line for each item it has finished; started again with the
same file it goes on with what is missing.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
USER = (os.geteuid(), os.getegid()) if os.geteuid() else (65534, 65534)


PR_SET_CHILD_SUBREAPER = 36


def end_children():
    """Kills what a run left behind, in whatever session: this process adopts it."""
    while True:
        parents = {}
        for stat in (Path('/proc', p, 'stat') for p in os.listdir('/proc') if p.isdigit()):
            try:
                rest = stat.read_text().rpartition(')')[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = (int(rest[1]), rest[0])
        own = {os.getpid()}
        while more := {pid for pid, (parent, _) in parents.items() if parent in own} - own:
            own |= more
        own.discard(os.getpid())
        if not own:
            return
        for pid in own:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.05)


class Place:
    """A scratch directory that the ordinary user can enter, with a copy of bailey in it."""

    def __init__(self, build):
        self.base = Path(tempfile.mkdtemp(prefix='suite.', dir='/tmp'))
        self.base.chmod(0o755)
        self.bailey = shutil.copy(Path(build) / 'bailey', self.base)
        self.work = self.base / 'work'
        self.out = self.base / 'out'
        self.env = {'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': str(self.work),
                    'TMPDIR': str(self.work), 'LC_ALL': 'C.UTF-8', 'TERM': 'dumb',
                    'USER': 'nobody', 'LOGNAME': 'nobody', 'XDG_RUNTIME_DIR': str(self.base / 'run')}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGHUP):  # ignored in the background of a script
            signal.signal(number, lambda *_: sys.exit(130))
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.base, ignore_errors=True)

    def fresh(self):
        for directory in (self.work, self.out, self.base / 'run'):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700)
            os.chown(directory, *USER)

    def run(self, command, inside, timeout, options=(), fill=None):
        """(exit code or None after the time-out, output and errors together)"""
        self.fresh()
        if fill:
            fill()
        if inside:
            given = [f'-e{n}={v}' for n, v in self.env.items() if n != 'XDG_RUNTIME_DIR']
            command = [self.bailey, 'run', '-q', '--hostname', os.uname().nodename, '-u', f'{USER[0]}:{USER[1]}', '-v',
                       f'{self.out}:{self.out}', *given, *options, '--', *command]
        identity = {'user': USER[0], 'group': USER[1], 'extra_groups': []} if os.geteuid() == 0 else {}
        with open(self.base / 'log', 'w+b') as log:
            process = subprocess.Popen(command, cwd=self.work, env=self.env, stdout=log,
                                       stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                                       start_new_session=True, **identity)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                code = None
                process.kill()
                process.wait()
            end_children()
            log.seek(0)
            return code, log.read().decode(errors='replace')


def differences(native, inside):
    """cases whose sets of verdicts, over all runs so far, have nothing in common"""
    seen = [{}, {}]
    for side, runs in zip(seen, (native, inside)):
        for run in runs:
            for case in {c for r in native + inside for c in r}:
                side.setdefault(case, set()).add(run.get(case, 'absent'))
    return {case: ['/'.join(sorted(seen[0][case])), '/'.join(sorted(seen[1][case]))]
            for case in sorted(seen[0]) if not seen[0][case] & seen[1][case]}


class Results:
    def __init__(self, path):
        self.path = Path(path)
        self.rows = {}
        if self.path.is_file():
            for line in self.path.read_text().splitlines():
                row = json.loads(line)
                self.rows[row['name']] = row

    def add(self, row):
        self.rows[row['name']] = row
        with open(self.path, 'a') as file:
            file.write(json.dumps(row) + '\n')
