# needs: python3 vim less htop bash
# timeout: 120
# passes: yes
# Programs that paint on a terminal, driven through a pseudo terminal of 24 lines: vim edits
# a file, less pages one, htop shows a process, a Python session answers.
cat > drive.py <<'EOF'
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

class Screen:
    """A program on a terminal; wait() reads until a text came, keys() types."""
    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM='xterm', HOME=os.getcwd(), LESSHISTFILE='-', PYTHON_HISTORY='/dev/null')
            os.execvp(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        self.seen = b''

    def wait(self, text, seconds=120):
        end = time.monotonic() + seconds
        while not re.search(text, self.plain()):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                print('never came:', text, self.seen[-500:]); sys.exit(1)
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b''
            if not data:
                print('ended before:', text, self.seen[-500:]); sys.exit(1)
            self.seen += data

    def plain(self):
        return re.sub(rb'\x1b(\[[0-9;?>=]*[a-zA-Z]|[()][A-Z0-9]|[=>])', b'', self.seen)

    def keys(self, text):
        self.seen = b''
        os.write(self.fd, text)

    def end(self):
        while True:
            try:
                if not os.read(self.fd, 4096):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

with open('text', 'w') as f:
    f.writelines('line %d\n' % i for i in range(1, 201))

v = Screen('vim', '-u', 'NONE', '-i', 'NONE', '-n', 'text')
v.wait(rb'line 20')
def say(what, answer):
    v.keys(b':echo "now-" . ' + what + b'\r'); v.wait(b'now-' + answer)
v.keys(b':100\r'); say(b'line(".")', b'100')
v.keys(b'ccchanged here\x1b'); say(b'getline(".")', b'changed here')
v.keys(b'ddp:%s/line 2$/second/\r'); say(b'getline(2)', b'second')
v.keys(b':r !echo from a shell\r'); say(b'getline(".")', b'from a shell')
fcntl.ioctl(v.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
for _ in range(100):
    v.keys(b':echo "now-" . &lines . "x" . &columns\r'); v.wait(rb'now-\d+x\d+')
    if b'now-30x100' in v.plain():
        break
else:
    print('the size never changed')
v.keys(b':wq\r')
print('vim', v.end())
os.system('seq -f "line %g" 200 | diff - text')

p = Screen('less', 'text')
p.wait(rb'line 22')
p.keys(b' '); p.wait(rb'line 4\d')
p.keys(b'/line 150\r'); p.wait(rb'line 150')
p.keys(b'G'); p.wait(rb'line 200')
p.keys(b'100g'); p.wait(rb'line 10\d')
p.keys(b'q')
print('less', p.end())

h = Screen('htop', '--delay=1')
h.wait(rb'htop')
h.keys(b'h'); h.wait(rb'pause.resume process')
h.keys(b' '); h.wait(rb'Mem')
fcntl.ioctl(h.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
h.keys(b'q')
print('htop', h.end())

y = Screen('python3', '-q')
y.wait(rb'>>> ')
y.keys(b'6 * 7\r'); y.wait(rb'42\r\n>>> ')
y.keys(b'def f(x):\r'); y.wait(rb'\.\.\. ')
y.keys(b'  return x + 1\r'); y.wait(rb'\.\.\. ')
y.keys(b'\r'); y.wait(rb'>>> ')
y.keys(b'f(41)\x7f\x7f10)\r'); y.wait(rb'411\r\n>>> ')
y.keys(b'while True: pass\r'); y.wait(rb'\.\.\. ')
y.keys(b'\r'); time.sleep(0.3); y.keys(b'\x03'); y.wait(rb'KeyboardInterrupt'); y.wait(rb'>>> ')
y.keys(b'import os; os.isatty(0), os.get_terminal_size().columns\r'); y.wait(rb'\(True, 80\)\s+>>> ')
y.keys(b'1/0\r'); y.wait(rb'ZeroDivisionError[^>]*>>> ')
y.keys(b'\x04')
print('python', y.end())
EOF
timeout 400 /usr/bin/python3 -u drive.py
