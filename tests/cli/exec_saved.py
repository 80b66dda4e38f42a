"""usage: exec_saved.py BAILEY NAME FILE

What becomes of terminals of bailey exec -it when the sandbox NAME is saved to FILE and resumed: who
sits at one is told that the sandbox has ended; in the copy those terminals have hung up, as when a
connection breaks."""
import os
import pty
import select
import subprocess
import sys
import time

bailey, name, file = sys.argv[1:]


def session(*argv):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(bailey, [bailey, 'exec', '-it', name, *argv])
    return pid, fd


def expect(fd, text, seen=b''):
    end = time.monotonic() + 90
    while text not in seen:
        left = end - time.monotonic()
        assert left > 0 and select.select([fd], [], [], left)[0], f'no {text} in {seen}'
        seen += os.read(fd, 65536)


def eventually(what, condition):
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def inside(*command):
    return subprocess.run([bailey, 'exec', name, *command], stdout=subprocess.PIPE, text=True).stdout


def there(program):
    return bool(inside('pgrep', '-f', program).strip())


plain = session('sh', '-c', 'trap "echo hung up >/tmp/plain; exit" HUP; echo ready; while :; do sleep 0.1; done')
stays = session('sh', '-c', 'trap "" HUP; echo ready; while read x || [ ! -e /tmp/go ]; do sleep 0.1; done;'
                ' echo lost || echo refused >/tmp/stays; exec sleep 98765')
for pid, fd in (plain, stays):
    expect(fd, b'ready')
subprocess.run([bailey, 'save', '-o', file, name], stdout=subprocess.DEVNULL, check=True)
for pid, fd in (plain, stays):
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 137, f'ended with {code}'
subprocess.run([bailey, 'rm', name], stdout=subprocess.DEVNULL)
subprocess.run([bailey, 'resume', '-d', '--name', name, file], stdout=subprocess.DEVNULL, check=True)
eventually('hung up', lambda: inside('cat', '/tmp/plain') == 'hung up\n')
inside('touch', '/tmp/go')
eventually('goes on', lambda: there('^sleep 98765'))
assert inside('cat', '/tmp/stays') == 'refused\n'  # it writes to nobody
again = session('sh', '-c', 'tty; echo again')
expect(again[1], b'again')
os.waitpid(again[0], 0)
subprocess.run([bailey, 'kill', name], stdout=subprocess.DEVNULL, check=True)
