#!/usr/bin/env bats
# Copies of a running or saved sandbox: what they share, and where they part.

load helper

# Counts in a variable, and answers a line to every line in /tmp/ask (a FIFO).
program='
import os, threading, time
n = 0
def count():
    global n
    while True: n += 1; time.sleep(0.01)
threading.Thread(target=count, daemon=True).start()
data = bytearray(b"shared" * 200000)
here = open("/tmp/here", "w+")
release = os.open("/usr/lib/os-release", os.O_RDONLY)
os.mkfifo("/tmp/ask"); os.mkfifo("/tmp/answer")
print("ready", flush=True)
while True:
    with open("/tmp/ask") as f: word = f.read().strip()
    if word == "write": data[:6] = b"parted"; here.write("mine"); here.flush(); answer = "written"
    elif word == "random": answer = os.urandom(16).hex() + os.getrandom(16).hex()
    elif word == "data": answer = bytes(data[:6]).decode() + bytes(data[-6:]).decode() + str(len(data)) + open("/tmp/here").read()
    elif word == "count": answer = str(n)
    elif word == "read": answer = os.read(release, 5).hex()
    elif word == "pid": answer = str(os.getpid())
    else: answer = "what?"
    with open("/tmp/answer", "w") as f: f.write(answer + "\n")
'

begin() { # [ARG...]: the sandbox "base"
    "$BAILEY" run -d --name base "$@" -- python3 -c "$program" >/dev/null 3>&-
    eventually 30 said_ready base
}
said_ready() { [ "$("$BAILEY" logs "$1")" = ready ]; }

ask() { # NAME WORD
    timeout 120 "$BAILEY" exec "$1" sh -c "echo $2 >/tmp/ask; cat /tmp/answer"
}

running() { "$BAILEY" ps -q | grep -cx -e "$1-[0-9]*" || true; }

@test "copies of a running sandbox go on from the same moment, each for itself" {
    begin
    bailey clone base -n 3
    answered 0 $'base-1\nbase-2\nbase-3'
    [ "$(ask base-2 write)" = written ]
    [ "$(ask base-2 data)" = partedshared1200000mine ]
    for name in base base-1 base-3; do
        [ "$(ask $name data)" = sharedshared1200000 ]
        [ "$(ask $name pid)" = "$(ask base-2 pid)" ]
    done
    [ "$(ask base write)" = written ]
    [ "$(ask base-1 data)" = sharedshared1200000 ]
    first=$(ask base-1 count)
    eventually 10 eval '[ "$(ask base-1 count)" -gt "$first" ]'
}

@test "a file that was open: each copy reads on from where it was, for itself" {
    part() { dd if=/usr/lib/os-release bs=5 skip="$1" count=1 status=none | od -An -tx1 | tr -d ' \n'; }
    begin
    [ "$(ask base read)" = "$(part 0)" ]
    bailey clone base -n 3
    answered 0 $'base-1\nbase-2\nbase-3'
    for n in 1 2 3; do [ "$(ask base-1 read)" = "$(part $n)" ]; done
    for name in base base-2 base-3; do [ "$(ask $name read)" = "$(part 1)" ]; done
}

@test "copies do not need the one they come from, and can be cloned again" {
    begin
    bailey clone base --name copy
    answered 0 copy
    "$BAILEY" kill base >/dev/null
    [ "$(ask copy data)" = sharedshared1200000 ]
    bailey clone copy -n 2 --name grandchild
    answered 0 $'grandchild-1\ngrandchild-2'
    "$BAILEY" kill copy >/dev/null
    [ "$(ask grandchild-1 write)" = written ]
    [ "$(ask grandchild-2 data)" = sharedshared1200000 ]
}

@test "copies of a file, in any of its forms; and what is saved of a copy" {
    begin
    "$BAILEY" save base --keep -o cold.bailey >/dev/null
    "$BAILEY" save base --warm -o warm.bailey >/dev/null
    bailey clone cold.bailey -n 2
    answered 0 $'cold-1\ncold-2'
    bailey clone ./warm.bailey -n 2
    answered 0 $'warm-1\nwarm-2'
    try timeout 300 "$BAILEY" clone - <cold.bailey
    answered 0 clone-1
    for name in cold-1 cold-2 warm-1 warm-2 clone-1; do
        [ "$(ask $name data)" = sharedshared1200000 ]
    done
    [ "$(ask warm-1 write)" = written ]
    "$BAILEY" save warm-1 -o again.bailey >/dev/null
    "$BAILEY" resume -d --name again again.bailey >/dev/null 3>&-
    [ "$(ask again data)" = partedshared1200000mine ]
    [ "$(ask warm-2 data)" = sharedshared1200000 ]
}

@test "two at once from one file" {
    begin
    "$BAILEY" save base --warm -o file.bailey >/dev/null
    timeout 300 "$BAILEY" clone file.bailey --name left -n 3 >left 3>&- &
    timeout 300 "$BAILEY" clone file.bailey --name right -n 3 >right 3>&-
    wait $!
    [ "$(cat left right)" = $'left-1\nleft-2\nleft-3\nright-1\nright-2\nright-3' ]
    [ "$(ask left-3 write)" = written ]
    [ "$(ask right-3 data)" = sharedshared1200000 ]
}

@test "twenty, all alive, none with another's randomness" {
    begin
    bailey clone base -n 20
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 20 ]
    [ "$(running base)" = 20 ]
    for i in {1..20}; do ask base-$i random; done >randoms
    ask base random >>randoms
    [ "$(sort -u randoms | wc -l)" = 21 ]
    for name in base base-1 base-20; do
        "$BAILEY" exec $name cat /proc/sys/kernel/random/boot_id
    done >ids
    [ "$(sort -u ids | wc -l)" = 3 ]
    "$BAILEY" rm -af >/dev/null
    [ -z "$(ls "$XDG_RUNTIME_DIR/bailey")" ]
}

@test "names that are taken: the next numbers, or none is started" {
    begin
    bailey clone base -n 2
    "$BAILEY" rm -f base-1 >/dev/null
    bailey clone base -n 2
    answered 0 $'base-1\nbase-3'
    bailey clone base --name base-2
    refused 125 base-2 running
    "$BAILEY" run -d --name other-3 -- sleep 1000 >/dev/null 3>&-
    bailey clone base -n 4 --name other
    refused 125 other-3 running
    [ "$(running other)" = 1 ]
}

@test "bad words" {
    for bad in 0 -1 x 10001 99999999999999999999; do
        bailey clone base -n $bad
        refused 125 "$bad"
    done
    bailey clone
    refused 125
    bailey clone nothing
    refused 125 nothing "no such sandbox"
    bailey clone base two
    refused 125 two
    bailey clone / -n 2
    refused 125 /
}

@test "a file that was cut short or changed starts nothing" {
    begin
    "$BAILEY" save base --warm -o whole.bailey >/dev/null
    size=$(stat -c %s whole.bailey)
    for cut in 0 100 4096 $((size / 2)) $((size - 4096)) $((size - 1)); do
        head -c "$cut" whole.bailey >cut.bailey
        bailey clone cut.bailey -n 2
        refused 125 cut.bailey
    done
    for at in 5 50 5000 $((size / 2)) $((size - 300)) $((size - 10)); do
        cp whole.bailey cut.bailey
        printf '\xa5' | dd of=cut.bailey bs=1 seek="$at" conv=notrunc 2>/dev/null
        cmp -s whole.bailey cut.bailey && continue
        bailey clone cut.bailey -n 2
        refused 125 cut.bailey
    done
    [ -z "$("$BAILEY" ps -q)" ]
}

@test "a port that is published already: one line; with one of its own it runs" {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$BAILEY" run -d --name base -p "127.0.0.1:$port:80" -- python3 -c '
import socket
l = socket.create_server(("0.0.0.0", 80))
print("ready", flush=True)
while True: l.accept()' >/dev/null 3>&-
    eventually 30 said_ready base
    bailey clone base -n 3
    refused 125 "$port" "another port"
    [ -z "$("$BAILEY" ps -q | grep -v '^base$')" ]
    bailey clone base --net none
    answered 0 base-1
    bailey clone base --net none --hostname other
    [ "$("$BAILEY" exec base-2 hostname)" = other ]
}

@test "a warm file is checked once, and again when it has changed; others' are copied" {
    begin
    "$BAILEY" save base --warm -o file.bailey >/dev/null
    sleep 2.1 # what has just been written is not remembered
    bailey clone file.bailey
    answered 0 file-1
    [ "$(ls "$XDG_RUNTIME_DIR/bailey/.checked" | wc -l)" = 1 ]
    [ "$(ask file-1 data)" = sharedshared1200000 ]
    inside=$(cat "/proc/$("$BAILEY" ps | awk '$1 == "file-1" { print $2 }')/task/"*/children)
    if [ -r "/proc/${inside%% *}/maps" ]; then
        grep -q 'file\.bailey' "/proc/${inside%% *}/maps"
    fi
    bailey clone file.bailey
    answered 0 file-2
    [ "$(ask file-2 write)" = written ]
    # Whoever else may write to it must not change what runs.
    cp file.bailey others.bailey
    chmod 666 others.bailey
    bailey clone others.bailey
    answered 0 others-1
    shred -n 1 others.bailey
    [ "$(ask others-1 data)" = sharedshared1200000 ]
    "$BAILEY" save file-2 -o again.bailey >/dev/null
    "$BAILEY" rm -af >/dev/null
    printf '\xa5\xa5\xa5' | dd of=file.bailey bs=1 seek=200000 conv=notrunc 2>/dev/null
    bailey clone file.bailey
    refused 125 file.bailey changed
    "$BAILEY" resume -d --name again again.bailey >/dev/null 3>&-
    [ "$(ask again data)" = partedshared1200000mine ]
}

# Also those that only wait for somebody to ask how they ended.
all_gone() { ! ps -o state= -p "$(tr ' ' , <<<"$*")" | grep -qv Z; }
descriptors() { ls "/proc/$("$BAILEY" ps | awk -v name="$1" '$1 == name { print $2 }')/fd" | wc -l; }

@test "fifty: a later one holds no more than an early one; stopped together, nothing is left" {
    "$BAILEY" run -d --name base -- python3 -c '
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: signal.pause()' >/dev/null 3>&-
    eventually 30 said_ready base
    bailey clone base -n 50
    [ "$status" = 0 ]
    [ "$(running base)" = 50 ]
    eventually 10 eval '[ "$(descriptors base-1)" = "$(descriptors base-49)" ]'
    monitors=$("$BAILEY" ps | awk 'NR > 1 { print $2 }')
    inside=$(for pid in $monitors; do cat "/proc/$pid/task/"*/children; done)
    # Fewer descriptors than sandboxes: the limit is raised, or it is one line.
    bash -c 'ulimit -Sn 40 && exec "$0" ps -q' "$BAILEY" >names
    [ "$(wc -l <names)" = 51 ]
    try bash -c 'ulimit -n 40 && exec "$0" ps -q' "$BAILEY"
    refused 125 "ulimit -n"
    # None heeds SIGTERM: one patience for all of them.
    try timeout 300 "$BAILEY" stop -t 1 $(cat names)
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 51 ]
    [ -z "$("$BAILEY" ps -q --all | xargs -r "$BAILEY" wait | grep -vx 137)" ]
    eventually 10 all_gone $monitors $inside
    "$BAILEY" rm -a >/dev/null
    [ -z "$(ls "$XDG_RUNTIME_DIR/bailey")" ]
}

@test "a copy of an idle program holds some forty pages of the library OS's state" {
    segment_pages() {
        pid=$("$BAILEY" ps | awk -v name="$1" '$1 == name { print $2 }')
        fd=$(find "/proc/$pid/fd" -lname '*bailey-segment*')
        echo $(($(stat -L -c %b "$fd") / 8))
    }
    "$BAILEY" run -d --name base -- sleep 1000 >/dev/null 3>&-
    sleep 0.3
    bailey clone base
    [ "$status" = 0 ]
    sleep 0.3
    echo "pages: $(segment_pages base-1)"
    [ "$(segment_pages base-1)" -le 48 ]
}

@test "a host that starts no more processes: one line, and none stays" {
    [ "$(id -u)" != 0 ] || skip "root may start as many as it likes"
    "$BAILEY" run -d --name base -- sleep 1000 >/dev/null 3>&-
    # What this user has already counts as well.
    count=$(ps -L -u "$(id -u)" --no-headers | wc -l)
    for more in 1 2 3 4 5 30 31; do
        try bash -c 'ulimit -u "$1" && exec "$0" clone base -n 40' "$BAILEY" $((count + more))
        refused 125 "ulimit -u"
        [ "$("$BAILEY" ps -q --all)" = base ]
    done
}

@test "copies are saved by a signal, each under its own name" {
    "$BAILEY" run -d --name base -- sleep 1000 >/dev/null 3>&-
    bailey clone base -n 2 --save-on USR1
    answered 0 $'base-1\nbase-2'
    for name in base-1 base-2; do
        kill -USR1 "$("$BAILEY" ps | awk -v name=$name '$1 == name { print $2 }')"
        eventually 20 test -s "$name.bailey"
        bailey snapshot info "$name.bailey"
        [[ $output == *"name        $name"* ]]
    done
}
