"""usage: exec_terminal.py BAILEY NAME

What somebody at a terminal sees of bailey exec -it (and run -it) in the sandbox NAME."""
import fcntl, os, pty, select, signal, struct, subprocess, sys, termios, time

bailey, name = sys.argv[1:]


class Session:
    def __init__(self, *argv):
        ready, told = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.close(told)
            os.read(ready, 1)  # until the size is set
            os.execv(bailey, [bailey, *argv])
        self.resize(30, 100)
        self.before = termios.tcgetattr(self.fd)
        os.close(ready)
        os.close(told)
        self.seen = b''

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text):
        end = time.monotonic() + 90
        while text.encode() not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f'no {text!r} in {self.seen!r}'
            if select.select([self.fd], [], [], left)[0]:
                data = os.read(self.fd, 65536)
                assert data, f'the end, and no {text!r} in {self.seen!r}'
                self.seen += data
        self.seen = self.seen.split(text.encode(), 1)[1]

    def drain(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                os.read(self.fd, 65536)
            except OSError:  # nobody has it open any more
                return

    def end(self, code):
        while True:  # a full terminal would keep it from ending
            self.drain()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.02)
        got = os.waitstatus_to_exitcode(status)
        assert got == code, f'ended with {got}, not {code}'
        assert termios.tcgetattr(self.fd) == self.before, 'the terminal is not as it was'
        os.close(self.fd)


def inside(*command):
    return subprocess.run([bailey, 'exec', name, *command], stdout=subprocess.PIPE, text=True).stdout


def eventually(condition):
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def shell():
    s = Session('exec', '-it', '-e', 'PS1=$ ', name, 'bash', '--norc')
    s.expect('$ ')
    s.type('tty; stty size; echo $((20+3))end\r')
    s.expect('/dev/pts/')
    s.expect('30 100')
    s.expect('23end')
    s.resize(41, 123)
    eventually(lambda: '41 123' in inside('sh', '-c', 'stty size </dev/pts/0'))
    s.type('sleep 987\r')
    eventually(lambda: inside('pgrep', '-f', '^sleep 987'))
    s.type('\x03')
    s.expect('$ ')
    s.type('echo code=$?\r')
    s.expect('code=130')
    s.type('sleep 986\r')
    eventually(lambda: inside('pgrep', '-f', '^sleep 986'))
    s.type('\x1a')
    s.expect('Stopped')
    s.type('jobs; kill %1; exit 5\r')
    s.end(5)
    eventually(lambda: not inside('pgrep', '-f', '^sleep 98'))


def simple():
    s = Session('exec', '-it', name, 'sh', '-c', 'stty raw; kill -9 $$')
    s.end(137)
    s = Session('exec', '-it', name, 'cat')
    s.type('hello\r')
    s.expect('hello')
    s.expect('hello')
    s.type('\x04')
    s.end(0)
    s = Session('exec', '-it', name, 'seq', '30000')
    s.expect('\r\n30000')
    s.end(0)
    s = Session('exec', '-it', name, 'no-such-program')
    s.expect('no-such-program')
    s.end(127)


def ended_from_outside():
    s = Session('exec', '-it', name, 'sh', '-c', 'echo ready; exec sleep 985')
    s.expect('ready')
    os.kill(s.pid, signal.SIGTERM)
    s.end(143)
    s = Session('exec', '-it', name, 'sh', '-c', 'echo ready; exec sleep 985')
    s.expect('ready')
    os.close(s.fd)  # the terminal goes away
    os.waitpid(s.pid, 0)
    eventually(lambda: not inside('pgrep', '-f', '^sleep 985'))


def run():
    """run -it: the host's terminal itself is the sandbox's."""
    s = Session('run', '-it', '--', 'sh', '-c', 'stty raw -echo; kill -9 $$')
    s.end(137)
    s = Session('run', '-it', '--name', 'other', '--', 'sh', '-c', 'stty raw -echo; echo ready; sleep 60')
    s.expect('ready')
    subprocess.run([bailey, 'kill', 'other'], stdout=subprocess.DEVNULL, check=True)
    s.end(137)


for test in (shell, simple, ended_from_outside, run):
    test()
