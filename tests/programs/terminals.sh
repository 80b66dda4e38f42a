# needs: script python3 bash stty tmux
# Programs on a pseudo terminal: script, an interactive bash with jobs, tmux.
script -qec 'tty | tr -d 0-9; stty -a; stty rows 30 cols 90; stty size; exit 3' /dev/null </dev/null
echo "script: $?"

cat > drive.py <<'END'
import os, pty, re
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1='<%>', INPUTRC='/dev/null', TERM='dumb')
    os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])
def until(text):
    seen = b''
    while text not in seen:
        try:
            seen += os.read(fd, 1)
        except OSError as e:
            return seen + b'(%d)' % e.errno
    return re.sub(rb'\] \d+', b'] N', seen)
print(until(b'<%>'))
for keys, answer in [
        (b'tty | tr -d 0-9\n', b'<%>'), (b'echo up; cat\n', b'\nup\r\n'),
        (b'line\n', b'line\r\nline\r\n'), (b'\x1a', b'<%>'), (b'jobs\n', b'<%>'),
        (b'fg\n', b'\ncat\r\n'), (b'\x04', b'<%>'),
        (b'bash -c "echo up; sleep 100"\n', b'\nup\r\n'), (b'\x03', b'<%>'),
        (b'echo $?\n', b'<%>'), (b'exit 5\n', b'(end)')]:
    os.write(fd, keys)
    seen = until(answer)
    print(keys, seen)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
timeout 150 python3 drive.py

# Who may not log in has a shell that runs nothing, and so no pane.
export TERM=xterm TMUX_TMPDIR="$PWD" SHELL=/bin/sh
t() { tmux -L test -f /dev/null "$@"; }
# A server of our own that stays: one that new-session starts ends when it finds itself without
# sessions, which a client may be just in time to see.
t -D 2> server.log &
new() { t -N new-session -d -x 80 -y 24 "sh -c 'stty size; tty | tr -d 0-9; cat'" 2> new.log; }
i=0; until new || [ $i = 100 ]; do i=$((i + 1)); sleep 0.1; done
shown() { # waits until the pane has $2 lines with $1
    for i in $(seq 200); do
        t capture-pane -p > pane
        [ "$(grep -c "$1" pane)" = "$2" ] && break
        sleep 0.2
    done
}
shown /dev/pts 1
t send-keys typed Enter
shown typed 2
grep . pane
t kill-server; wait
