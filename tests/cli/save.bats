#!/usr/bin/env bats
# Saving and resuming: what a program prints is the same as without.

setup() {
    dir=$(mktemp -d)
    cd "$dir"
    name=save$$x$BATS_TEST_NUMBER
}

teardown() {
    "$BAILEY" rm -f "$name" >/dev/null 2>&1 || true
    cd /
    rm -rf "$dir"
}

# Runs a program, saves it when it has printed N lines, resumes it, and compares all
# output with that of a run that was left alone.  Some lines later it waits for the save, should
# that take long to begin; outside there is none to wait for.
waits='while [ "$(cat /dev/bailey/generation 2>/dev/null)" = 0 ]; do sleep 0.05; done'
waits_py='
copy = "/dev/bailey/generation"
while os.path.exists(copy) and open(copy).read().strip() == "0": time.sleep(0.05)'
saved_after() { # LINES PROGRAM...
    local lines=$1 run
    shift
    "$@" >expected
    : >first
    "$BAILEY" run -q --name "$name" -- "$@" >first 3>&- &
    run=$!
    until [ "$(wc -l <first)" -ge "$lines" ]; do sleep 0.01; done
    "$BAILEY" save "$name" -o file.bailey >/dev/null
    wait $run
    timeout 60 "$BAILEY" resume file.bailey >second 3>&-
    cat first second | diff expected -
    [ -s second ]
}

@test "a shell with a pipeline goes on where it was" {
    saved_after 3 bash -c 'for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; [ $i != 7 ] || { '"$waits"'; }; done | while read x; do echo got $x; done; echo end'
}

@test "python with a thread that sleeps" {
    saved_after 3 /usr/bin/python3 -c '
import os, threading, time
n, copy = 0, "/dev/bailey/generation"
def tick():
    global n
    for i in range(60): time.sleep(0.05); n += 1
t = threading.Thread(target=tick); t.start()
for i in range(20):
    print(i, flush=True); time.sleep(0.15)
    if i == 12:
        while os.path.exists(copy) and open(copy).read().strip() == "0": time.sleep(0.05)
t.join(); print(n)'
}

@test "connections, what is on its way in them, and who waits for them" {
    saved_after 1 /usr/bin/python3 -c '
import os, socket, threading, time
l = socket.create_server(("127.0.0.1", 0))
address = l.getsockname()
c = socket.create_connection(address)
a = l.accept()[0]
waiting = socket.create_connection(address)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"datagram", u.getsockname())
c.sendall(b"x" * 100000)
def blocked():
    b = socket.create_connection(address)
    b.settimeout(60)
    print(b.recv(10), flush=True)
t = threading.Thread(target=blocked)
t.start()
print("ready", flush=True)'"$waits_py"'
n = 0
while n < 100000: n += len(a.recv(65536))
print(n, u.recv(20), flush=True)
p = l.accept()[0]
waiting.send(b"hello")
print(p.recv(10), c.getpeername() == address, flush=True)
l.accept()[0].send(b"woken")
t.join()'
}

# Six lines; after the fourth the original waits to be told to go on, the copy does not.
six='for i in 1 2 3 4 5 6; do
    echo $i
    [ $i != 4 ] || until [ -e /tmp/go ] || [ "$(cat /dev/bailey/generation)" != 0 ]; do sleep 0.05; done
done'

@test "--keep: the sandbox goes on, and so does the copy" {
    "$BAILEY" run -q --name "$name" -- bash -c "$six" >first 3>&- &
    run=$!
    until [ "$(wc -l <first)" -ge 2 ]; do sleep 0.01; done
    "$BAILEY" save "$name" --keep -o file.bailey >/dev/null
    "$BAILEY" exec "$name" touch /tmp/go
    wait $run
    printf '%s\n' 1 2 3 4 5 6 | diff - first
    "$BAILEY" resume file.bailey 3>&- | tail -1 | grep -x 6
}

@test "a file that is no snapshot is refused in one line" {
    echo nothing >file.bailey
    run "$BAILEY" resume file.bailey
    [ "$status" -eq 125 ]
    [ "${#lines[@]}" -eq 1 ]
    run "$BAILEY" resume missing.bailey
    [ "$status" -eq 125 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "where the file can't be written the sandbox goes on" {
    "$BAILEY" run -q --name "$name" -- bash -c "$six" >first 3>&- &
    run=$!
    until [ "$(wc -l <first)" -ge 2 ]; do sleep 0.01; done
    run "$BAILEY" save "$name" -o /nowhere/file.bailey
    [ "$status" -eq 125 ]
    if [ -w /dev/full ]; then
        ! "$BAILEY" save "$name" -o - >/dev/full
    fi
    "$BAILEY" exec "$name" touch /tmp/go
    wait
    printf '%s\n' 1 2 3 4 5 6 | diff - first
}

@test "resume -d prints the name once it goes on, and lets go" {
    "$BAILEY" run -d --name "$name" -- sleep 1000 3>&-
    "$BAILEY" save "$name" -o file.bailey >/dev/null
    "$BAILEY" rm "$name" >/dev/null
    run timeout 60 "$BAILEY" resume -d --name "$name" file.bailey 3>&-
    [ "$status" = 0 ]
    [ "$output" = "$name" ]
    "$BAILEY" exec "$name" true
    "$BAILEY" stop -t 0 "$name" >/dev/null
}

@test "a resume at another terminal: modes, size, and painted anew" {
    command -v less >/dev/null || skip "no less"
    python3 "$BATS_TEST_DIRNAME/resume_terminal.py" "$BAILEY"
}
