load helper

# save --keep: what is written is what there was at one moment, while the original goes on.

# Steps through 32 MB in an order that depends on all that came before: memory of one moment
# with registers of another would give another sum.  On a quick machine it waits for the saves, and
# the original then for /tmp/go.
walker='
import os, sys, time, zlib
copy = "/dev/bailey/generation" # not outside
def going(): return os.path.exists(copy) and open(copy).read().strip() == "0" and not os.path.exists("/tmp/go")
buf = bytearray(32 << 20)
x = int(sys.argv[1])
for n in range(int(sys.argv[2])):
    i = x % len(buf)
    buf[i] = (buf[i] * 5 + n) & 255
    x = (x * 6364136223846793005 + buf[i] + 1442695040888963407) & (1 << 64) - 1
    if n % 100000 == 0: print("at", n, flush=True)
    while n == 1500000 and going(): time.sleep(0.05)
print(x, zlib.crc32(buf), flush=True)'

setup_file() {
    export STEPS=2000000
    python3 -c "$walker" 1 $STEPS | tail -1 >"$BATS_FILE_TMPDIR/expected-1"
    python3 -c "$walker" 2 $STEPS | tail -1 >"$BATS_FILE_TMPDIR/expected-2"
}

sum_of() { tail -1 "$1" | diff "$BATS_FILE_TMPDIR/expected-$2" -; }

@test "memory and registers of one moment, in the copy and in the original" {
    "$BAILEY" run -q --name walk -- python3 -c "$walker" 1 $STEPS >out </dev/null 3>&- &
    run=$!
    for n in 1 2 3; do
        eventually 60 grep -q "at ${n}00000" out
        try "$BAILEY" save walk --keep -o "file$n"
        [ "$status" = 0 ] || fail "save $n"
        [[ $stderr =~ "went on after "[0-9.]+" ms" ]]
    done
    "$BAILEY" exec walk touch /tmp/go
    wait $run
    sum_of out 1
    for n in 1 3; do
        bailey resume -q "file$n"
        tail -1 <<<"$output" >again
        sum_of again 1
    done
}

@test "what differs from a base, while it goes on" {
    "$BAILEY" run -q --name walk -- python3 -c "$walker" 2 $STEPS >out </dev/null 3>&- &
    run=$!
    eventually 60 grep -q "at 100000" out
    "$BAILEY" save walk --keep -o base 2>/dev/null
    "$BAILEY" save walk --keep --base base -o next 2>/dev/null
    "$BAILEY" exec walk touch /tmp/go
    wait $run
    sum_of out 2
    bailey resume -q next
    tail -1 <<<"$output" >again
    sum_of again 2
}

@test "several processes that share memory and change private memory" {
    cat >many.py <<'END'
import mmap, os, struct, sys, time
shared = mmap.mmap(-1, 4096)
kids = []
for k in range(4):
    pid = os.fork()
    if pid == 0:
        own = bytearray(1 << 20)
        for n in range(1, 100001):
            own[n * 4097 % len(own)] = n & 255
            struct.pack_into("Q", shared, k * 8, n)
        shared[256 + k] = sum(own) & 255
        os._exit(0)
    kids.append(pid)
print("ready", flush=True)
for pid in kids: os.waitpid(pid, 0)
copy = "/dev/bailey/generation"  # the save comes before the last line, however quick they were
while os.path.exists(copy) and open(copy).read().strip() == "0" and not os.path.exists("/tmp/go"): time.sleep(0.05)
print(struct.unpack_from("4Q", shared), bytes(shared[256:260]), flush=True)
END
    python3 many.py >expected
    "$BAILEY" run -q --name many -- python3 many.py >out </dev/null 3>&- &
    run=$!
    eventually 60 grep -q ready out
    "$BAILEY" save many --keep -o file 2>/dev/null
    "$BAILEY" exec many touch /tmp/go
    wait $run
    diff expected out
    bailey resume -q file
    tail -1 expected | diff - <(tail -1 <<<"$output")
}

@test "it ends while it is written: the file is whole" {
    "$BAILEY" run -q --name brief -- python3 -c '
import os
x = bytearray(os.urandom(48 << 20))
print("ready", flush=True)
while not os.path.exists("/tmp/go"): pass
print(len(x), flush=True)' >out </dev/null 3>&- &
    run=$!
    eventually 60 grep -q ready out
    "$BAILEY" save brief --keep -o file 2>/dev/null &
    save=$!
    sleep 0.1
    "$BAILEY" exec brief touch /tmp/go || true # it may end before touch has
    wait $run
    if wait $save; then
        bailey snapshot verify file
        [ "$status" = 0 ]
    else
        [ ! -e file ] # it had ended before it came to rest
    fi
}

@test "a file that cannot be written whole" {
    [ -w /dev/full ] || skip "no /dev/full"
    "$BAILEY" run -q --name full -- sh -c 'echo ready; until [ -e /tmp/go ]; do sleep 0.05; done; echo end' >out </dev/null 3>&- &
    run=$!
    eventually 60 grep -q ready out
    try "$BAILEY" save full --keep -o - >/dev/full
    ! "$BAILEY" save full --keep -o - >/dev/full 2>errors
    grep -q "it goes on" errors
    "$BAILEY" save full --keep -o file 2>/dev/null
    "$BAILEY" exec full touch /tmp/go
    wait $run
    grep -q end out
}

# A save that is being written for as long as nobody reads it; the program goes on at /tmp/go.
begin_long_save() { # OPTION... -- COMMAND...
    mkfifo pipe
    "$BAILEY" run -q --name long "${@:1:$#-1}" -- sh -c "echo ready; until [ -e /tmp/go ]; do sleep 0.3; done; ${*: -1}" >out 2>errors </dev/null 3>&- &
    run=$!
    eventually 60 grep -q ready out || fail "$(cat errors)"
    "$BAILEY" exec long sh -c 'head -c 3000000 /dev/urandom >/tmp/much' # more than a pipe holds
    { head -c 1000 >first; exec sleep 1000; } <pipe 3>&- &
    reader=$!
    "$BAILEY" save long --keep -o - >pipe 2>save.errors 3>&- &
    save=$!
    eventually 60 test -s first || fail "$(cat save.errors)"
    bailey save long --keep -o other
    refused 125 "another save" "wait"
}
end_reader() {
    kill $reader
    ! wait $save || fail "saved"
    [ -z "$("$BAILEY" ps -q)" ]
}

@test "limits hold while a file is being written" {
    attack=$(dirname "$BAILEY")/tests/hostile/hostile
    [ -x "$attack" ] || skip "no hostile program"
    cp "$attack" .
    begin_long_save --memory 64m "exec $PWD/hostile exhaust-private"
    "$BAILEY" exec long touch /tmp/go
    status=0
    wait $run || status=$?
    [ "$status" = 137 ] || fail "ended with $status: $(cat errors)"
    grep -q "more memory than --memory allows" errors
    end_reader
}

@test "CPU time counts while a file is being written" {
    begin_long_save --cpu-time 2 'while :; do :; done'
    "$BAILEY" exec long touch /tmp/go
    status=0
    wait $run || status=$?
    [ "$status" = 124 ] || fail "ended with $status: $(cat errors)"
    end_reader
}
