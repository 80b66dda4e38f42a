load helper

# Saves that nobody asks for from outside: --save-on exit and idle, and /dev/bailey/save.

@test "a program that asks is told which of the two it is" {
    bailey run --save-to here -- sh -c 'x=before; echo $x; r=$(cat /dev/bailey/save); echo $x $r; exit 3'
    answered 3 "before
before original"
    bailey resume here
    answered 3 "before resumed"
    bailey resume here
    answered 3 "before resumed"
}

@test "who was given no file cannot save, and names none" {
    bailey run -- cat /dev/bailey/save
    [ "$status" = 1 ]
    [[ $stderr == *"not permitted"* ]]
    bailey run --save-to here -- sh -c 'echo x >/dev/bailey/save'
    [ "$status" != 0 ]
    [ ! -e here ]
}

@test "asking again, not waiting, and what else runs meanwhile" {
    cat >asks.py <<'END'
import os, threading, time
n = 0
def count():
    global n
    while True: n += 1; time.sleep(0.001)
threading.Thread(target=count, daemon=True).start()
fd = os.open("/dev/bailey/save", os.O_RDONLY)
print(os.read(fd, 100), os.read(fd, 100), flush=True)
os.lseek(fd, 0, 0)
print(os.read(fd, 3), os.read(fd, 100), flush=True)
fd = os.open("/dev/bailey/save", os.O_RDONLY | os.O_NONBLOCK)
while True:
    try: print(os.read(fd, 100), flush=True); break
    except BlockingIOError: time.sleep(0.01)
was = n
time.sleep(0.2)
print(n > was)
END
    bailey run --save-to here -- python3 asks.py
    answered 0 "b'original\n' b''
b'ori' b'ginal\n'
b'original\n'
True"
    bailey resume here
    answered 0 "b'resumed\n'
True"
}

@test "two that ask at once are both saved" {
    bailey run --save-to here -- sh -c 'cat /dev/bailey/save & cat /dev/bailey/save; wait'
    answered 0 "original
original"
    bailey resume here
    [ "$status" = 0 ]
    [[ $output == *resumed* ]]
}

@test "a save that fails is told to who asks" {
    mkdir place
    bailey run --save-to place -- cat /dev/bailey/save
    [ "$status" = 1 ]
    [[ $stderr == *"the sandbox goes on"* ]]
    [ -d place ]
}

@test "on exit: the file holds what was there, and a copy ends like the original" {
    bailey run --save-on exit --save-to here -- sh -c 'echo one; echo kept >/tmp/file; exit 7'
    answered 7 one
    bailey resume here
    answered 7 ""
    "$BAILEY" resume -d --hold --name held here 3>&-
    [ "$("$BAILEY" exec held cat /tmp/file)" = kept ]
    "$BAILEY" stop held >/dev/null
}

@test "on exit: with threads and children that go on" {
    bailey run --save-on exit --save-to here -- python3 -c '
import os, subprocess, threading, time
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
subprocess.Popen(["sh", "-c", "sleep 0.3; echo late >/tmp/late; sleep 1000"])
print("end", flush=True)
os._exit(0)'
    answered 0 end
    "$BAILEY" resume -d --hold --name held here 3>&-
    eventually 30 "$BAILEY" exec held cat /tmp/late
    "$BAILEY" stop -t 0 held >/dev/null
}

@test "idle: saved when nothing has run for so long, and not before" {
    bailey run --save-on idle=1 --save-to here -- python3 -c '
import time
end = time.monotonic() + 2
while time.monotonic() < end: pass
print("busy", flush=True)
time.sleep(1000)
print("woken")'
    answered 0 busy
    bailey snapshot verify here
    [ "$status" = 0 ]
    bailey resume --timeout 1 here
    [ "$status" = 124 ]
    # A copy is watched like the original.
    bailey resume --save-on idle=1 --save-to there here
    [ "$status" = 0 ]
    bailey snapshot verify there
    [ "$status" = 0 ]
}

@test "the generation goes up with every resume, for those who watch it" {
    cat >watch.py <<'END'
import fcntl, os, select, signal
fd = os.open("/dev/bailey/generation", os.O_RDONLY)
told = []
signal.signal(signal.SIGIO, lambda *a: told.append(1))
fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC)
def number(): os.lseek(fd, 0, 0); return os.read(fd, 100)
e = select.epoll()
e.register(fd, select.EPOLLIN)
print(e.poll(10) != [], number(), e.poll(0), flush=True)
print(open("/dev/bailey/save").read(), end="", flush=True)
changed = e.poll(0.5) != []
print(changed, number(), e.poll(0), told, flush=True)
END
    bailey run --save-to here -- python3 watch.py
    answered 0 "True b'0\n' []
original
False b'0\n' [] []"
    bailey resume here
    answered 0 "resumed
True b'1\n' [] [1]"
}

@test "what there is to save on" {
    for when in '' idle idle= idle=0 idle=x exits KILL; do
        bailey run --save-on "$when" true
        refused 125 --save-on idle=SECONDS || refused 125 --save-on "no time"
    done
}
