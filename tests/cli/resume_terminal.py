"""usage: resume_terminal.py BAILEY

A full-screen program and a shell, saved at one terminal, go on at another of another size."""
import fcntl, os, pty, select, struct, subprocess, sys, termios, time

bailey = sys.argv[1]


class Terminal:
    def __init__(self, rows, columns, *argv):
        ready, told = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.close(told)
            os.read(ready, 1)  # until the size is set
            os.execv(bailey, [bailey, *argv])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        self.before = self.modes()
        os.close(ready)
        os.close(told)
        self.seen = b''

    def modes(self):
        return termios.tcgetattr(self.fd)

    def expect(self, text):
        end = time.monotonic() + 90
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], f'no {text} in {self.seen}'
            self.seen += os.read(self.fd, 65536)
        self.seen = self.seen.split(text, 1)[1]

    def end(self):
        assert os.waitpid(self.pid, 0)[1] == 0


def until_it_reads_keys(terminal):
    end = time.monotonic() + 90
    while terminal.modes() == terminal.before or not asleep():
        assert time.monotonic() < end, 'it does not read keys'
        time.sleep(0.05)


def asleep():
    stat = subprocess.run([bailey, 'exec', 'screen', 'cat', '/proc/1/stat'], stdout=subprocess.PIPE, text=True).stdout
    return stat.rpartition(')')[2].split()[:1] == ['S']


def goes_on(program, ready, painted, size, leave):
    first = Terminal(30, 100, 'run', '-it', '--name', 'screen', '-e', 'PS1=$ ', '-e', 'TERM=xterm', '--', *program)
    first.expect(ready)
    until_it_reads_keys(first)
    modes = first.modes()
    subprocess.run([bailey, 'save', '-o', 'snap', 'screen'], stdout=subprocess.DEVNULL, check=True)
    first.end()
    assert first.modes() == first.before, 'the terminal is not as it was after the save'
    second = Terminal(20, 60, 'resume', '-it', 'snap')
    second.expect(painted)
    assert second.modes()[:4] == modes[:4], 'not the modes the program had set'
    os.write(second.fd, size)
    second.expect(b'20 60')
    os.write(second.fd, leave)
    second.end()
    assert second.modes() == second.before, 'the terminal is not as it was'


with open('text', 'w') as f:
    f.writelines(f'line {n}\n' for n in range(500))
goes_on(['bash', '--norc'], b'$ ', b'$ ', b'stty size\r', b'exit\r')
goes_on(['less', 'text'], b'line 28', b'line 9', b'!stty size\r', b'\rq')
