"""Pseudo terminals: modes, size, what was typed and what was written, sessions and jobs."""
import fcntl
import os
import pty
import signal
import struct
import termios

from saving import asleep, eventually, refused, result, same, save

SIZE = struct.pack('HHHH', 33, 77, 5, 6)


def modes_of(fd):
    return termios.tcgetattr(fd)


# One whose line is still being typed, with bytes for the screen.
master, slave = os.openpty()
modes = modes_of(slave)
modes[3] &= ~termios.ECHO
modes[6][termios.VERASE] = b'#'
termios.tcsetattr(slave, termios.TCSANOW, modes)
fcntl.ioctl(master, termios.TIOCSWINSZ, SIZE)
os.write(master, b'a whole line\nhalf a lx')
os.write(slave, b'for the screen\n')
# A raw one, in packet mode.
raw_master, raw = os.openpty()
name = os.ttyname(raw)
tty = modes_of(raw)
tty[0] = tty[1] = tty[3] = 0
termios.tcsetattr(raw, termios.TCSANOW, tty)
tty = modes_of(raw)
fcntl.ioctl(raw_master, termios.TIOCPKT, struct.pack('i', 1))
os.write(raw_master, b'\x03\x04raw')
os.write(raw, b'packet')
# A session with a job in the foreground.
leader, screen = pty.fork()
if leader == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        os.write(1, b'job %d\n' % os.getpid())
        os.read(0, 100)  # ^C ends it here
        os._exit(1)
    _, status = os.waitpid(job, 0)
    os.tcsetpgrp(0, os.getpid())
    os.write(1, b'ended %d\n' % status)
    os.read(0, 100)
    os._exit(0)
text = b''
while b'\n' not in text:
    text += os.read(screen, 100)
job = int(text.split()[1])
eventually('the job reads', lambda: asleep(job))

save()

same('modes', modes_of(slave), modes)
same('size', fcntl.ioctl(slave, termios.TIOCGWINSZ, b'\0' * 8), SIZE)
same('screen', os.read(master, 100), b'for the screen\r\n')
same('a line', os.read(slave, 100), b'a whole line\n')
os.write(master, b'#ine\n')
same('the line that was being typed', os.read(slave, 100), b'half a line\n')
same('raw modes', modes_of(raw), tty)
same('its name', os.ttyname(raw), name)
same('raw input', os.read(raw, 100), b'\x03\x04raw')
same('a packet', os.read(raw_master, 100), b'\0packet')
same('foreground', os.tcgetpgrp(screen), job)
os.write(screen, b'\x03')
text = b''
while b'ended' not in text or not text.endswith(b'\n'):
    text += os.read(screen, 100)
same('^C', text.endswith(b'ended %d\r\n' % signal.SIGINT), True)
os.close(screen)
same('hang-up', os.waitpid(leader, 0)[1], signal.SIGHUP)
os.close(master)
same('end of input', os.read(slave, 10), b'')
refused('nobody shows it', 5, os.write, slave, b'x')
result()
