# Bash with a pseudo terminal, for the soak: the chain of digests is in one of its variables.
import fcntl, hashlib, os, pty, struct, sys, termios, time

pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(PS1="", PS2="", TERM="dumb")
    os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
left = b""


def sleeps():
    """Is that what is in the foreground?"""
    group = os.tcgetpgrp(terminal)
    if group == pid:
        return False
    try:
        with open("/proc/%d/comm" % group) as f:
            return f.read() == "sleep\n"
    except OSError:
        return False


def line():
    global left
    while b"\n" not in left:
        left += os.read(terminal, 4096)
    text, left = left.split(b"\n", 1)
    return text.decode(errors="replace").strip("\r")


def ask(command, expected):
    os.write(terminal, command.encode() + b"\n")
    # An interactive shell may speak of its jobs, and of itself at its start.
    mark = expected.split(" ")[0]
    while not (answer := line()).startswith(mark):
        pass
    if answer != expected:
        sys.exit("bash says %r, not %r" % (answer, expected))


ask("stty -echo; PS1=; h=; echo ready", "ready")
digest, n = "", 0
while True:
    n += 1
    digest = hashlib.sha256((digest + str(n)).encode()).hexdigest()
    ask("h=$(printf %%s%%s \"$h\" %d | sha256sum); h=${h%%%% *}; echo DIGEST $h" % n, "DIGEST " + digest)
    if n % 7 == 0:  # the terminal's size, as a program in the foreground sees it
        size = (20 + n % 50, 60 + n % 100)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        ask("echo SIZE $(stty size)", "SIZE %d %d" % size)
    if n % 11 == 0:  # a job in the background, waited for
        ask("sleep 0.01 & wait $!; echo WAITED $?", "WAITED 0")
    if n % 13 == 0:  # ^C ends what is in the foreground, not the shell
        os.write(terminal, b"sleep 1000\n")
        while not sleeps():  # else it is the shell that gets it, with what has been typed by then
            time.sleep(0.01)
        os.write(terminal, b"\x03")
        ask("echo INTERRUPTED $?", "INTERRUPTED 130")
    os.write(1, b"shell %d %s\n" % (n, digest.encode()))
