# Running sandboxes from outside: names, ps, stop, kill, wait, logs, rm, run -d.
load helper

detached() { # NAME PROGRAM...: starts it and says so
    local name=$1
    shift
    bailey run -d --name "$name" -- "$@"
    answered 0 "$name"
}

# For programs that go on when somebody makes /tmp/go.
until_told='until [ -e /tmp/go ]; do sleep 0.05; done'

says() { "$BAILEY" logs "$1" | grep -q "$2"; }

running() { "$BAILEY" ps -q | grep -qx "$1"; }

nothing_left() { [ -z "$(ls "$XDG_RUNTIME_DIR/bailey")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/bailey")"; }

monitor_of() { cat "$XDG_RUNTIME_DIR/bailey/$1/state.json" | sed 's/.*"pid":\([0-9]*\).*/\1/'; }

@test "ps: what runs, in words, names and JSON" {
    bailey ps -q
    answered 0 ""
    detached one sleep 1000
    bailey ps
    [ "${#lines[@]}" = 2 ] && [[ ${lines[1]} == one*"up "*"sleep 1000" ]] || fail "ps"
    bailey ps -q
    answered 0 one
    bailey ps --json
    [ "$(jq -r '.[0] | [.name, .status, .program[1]] | join(" ")' <<<"$output")" = "one running 1000" ] || fail "json"
}

@test "a run without a name gets one" {
    "$BAILEY" run -- sleep 1000 3>&- &
    eventually 10 eval '"$BAILEY" ps -q | grep -qE "^sleep-[0-9a-f]{4}$"' || fail "no name"
    bailey stop "$("$BAILEY" ps -q)"
    [ "$status" = 0 ] || fail "stop"
    nothing_left
}

@test "run -d: prints the name, keeps output and exit code until rm" {
    detached job sh -c 'echo out; echo err >&2; exit 6'
    bailey wait job
    answered 0 6
    bailey logs job
    answered 0 "out
err"
    bailey ps
    [ "${#lines[@]}" = 1 ] || fail "it has ended"
    bailey ps -a
    [[ ${lines[1]} == job*"exited (6)"* ]] || fail "ps -a"
    bailey run --name job -- true
    refused 125 job "bailey rm"
    bailey rm job
    answered 0 job
    nothing_left
}

@test "wait, stop and kill of what is just ending" {
    for i in $(seq 20); do
        detached short true
        bailey wait short
        answered 0 0
        bailey rm short
        detached short true
        bailey stop short
        answered 0 short
        bailey rm short
    done
    nothing_left
}

@test "run -d --rm leaves nothing" {
    bailey run -d --rm --name job -- sh -c "$until_told; exit 3"
    answered 0 job
    timeout 300 "$BAILEY" wait job >code 3>&- &
    # It has to be there first: the name is gone at the end.
    eventually 10 eval 'ls -l /proc/$(pgrep -P $!)/fd | grep -q socket:' || fail "nobody waits"
    "$BAILEY" exec job touch /tmp/go || true # it may end before touch has
    wait $!
    [ "$(cat code)" = 3 ] || fail "$(cat code)"
    eventually 10 eval '[ -z "$(ls "$XDG_RUNTIME_DIR/bailey")" ]' || nothing_left
}

@test "run -d: a failing start is told at once" {
    bailey run -d -- no-such-program
    refused 127 no-such-program
    bailey run -d -w /no/such -- true
    refused 125 /no/such
    bailey run -d -v "$place:/v" -- /v
    refused 126 /v
    bailey run -d -t -- true
    refused 125 -t
    bailey ps -a -q
    answered 0 ""
    nothing_left
}

@test "run -d holds nothing of the caller's" {
    name=$(timeout 20 "$BAILEY" run -d -- sleep 1000) || fail "the pipe stays open"
    bailey stop "$name"
    answered 0 "$name"
}

@test "a name is taken by one" {
    for i in 1 2 3 4 5 6 7 8; do
        "$BAILEY" run --name same -- sh -c 'echo ran; sleep 1000' 3>&- >>out 2>>err &
    done
    eventually 20 eval '[ "$(grep -c "^bailey: same: .*choose another" err)" = 7 ]' || fail "$(cat err)"
    eventually 10 grep -q ran out
    "$BAILEY" kill same >/dev/null
    wait
    [ "$(grep -c ran out)" = 1 ] || fail "$(cat out err)"
    nothing_left
}

@test "bad names" {
    bailey run --name a/b -- true
    refused 125 a/b
    for command in stop kill wait rm logs; do
        bailey "$command" nobody
        refused 125 nobody "no such sandbox"
        bailey "$command" ../x
        refused 125 ../x
        bailey "$command"
        [ "$status" = 125 ] || fail "$command without a name"
        bailey "$command" --no-such-option x
        refused 125 --no-such-option
    done
    bailey exec nobody true
    refused 125 nobody
    bailey ps extra
    refused 125 extra
    bailey stop -t soon x
    refused 125 soon
    bailey kill -s NOSIG x
    refused 125 NOSIG
}

@test "stop: SIGTERM, and SIGKILL when that is not heeded" {
    detached good sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
    eventually 10 says good ready
    bailey stop good
    answered 0 good
    bailey wait good
    answered 0 5
    detached bad sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    eventually 10 says bad ready
    bailey stop -t 0 bad
    answered 0 bad
    bailey wait bad
    answered 0 137
    bailey stop bad
    answered 0 bad
}

@test "kill: at once, or any signal" {
    detached one sh -c 'trap "echo got it; exit 9" USR2; echo ready; while :; do sleep 0.1; done'
    eventually 10 says one ready
    bailey kill -s SIGUSR2 one
    answered 0 one
    bailey wait one
    answered 0 9
    detached two sleep 1000
    bailey kill two
    answered 0 two
    bailey kill two
    refused 125 two "has ended"
    bailey wait two
    answered 0 137
}

@test "--all, several names, and one of them wrong" {
    detached a sleep 1000
    detached b sleep 1000
    bailey stop a nobody b
    [ "$status" = 125 ] && [ "$output" = "a
b" ] || fail "stop"
    detached c sleep 1000
    bailey stop --all
    answered 0 c
    bailey rm --all
    answered 0 "a
b
c"
    nothing_left
}

@test "rm refuses what runs, unless forced" {
    detached one sleep 1000
    bailey rm one
    refused 125 one running
    bailey rm -f one
    answered 0 one
    nothing_left
}

@test "logs: the last lines, and following" {
    detached one sh -c 'for i in 1 2 3 4 5; do echo line $i; done; '"$until_told"'; echo last; exit 2'
    eventually 10 says one "line 5"
    bailey logs --tail 2 one
    answered 0 "line 4
line 5"
    bailey logs --tail 0 one
    answered 0 ""
    timeout 300 "$BAILEY" logs -f -n 1 one >followed 3>&- &
    eventually 10 grep -q "line 5" followed
    "$BAILEY" exec one touch /tmp/go || true # it may end before touch has
    wait $!
    [ "$(cat followed)" = "line 5
last" ] || fail "$(cat followed)"
    "$BAILEY" run --name plain -- sleep 1000 3>&- &
    eventually 10 running plain
    bailey logs plain
    refused 125 plain "no log"
}

@test "kill -9 of the monitor leaves no stale entry" {
    "$BAILEY" run --name plain -- sleep 1000 3>&- &
    main=$!
    eventually 10 running plain
    detached kept sleep 1000
    kill -KILL "$main" "$(monitor_of kept)"
    wait "$main" || true
    eventually 10 eval '! running plain && ! running kept' || fail "still listed"
    [ ! -e "$XDG_RUNTIME_DIR/bailey/plain" ] || fail "left"
    bailey ps -a
    [[ ${lines[1]} == kept*"exited (137)"* ]] || fail "kept"
    bailey run --name plain -- true
    answered 0 ""
}

@test "the runtime directory is private, or refused" {
    mkdir -m 755 "$XDG_RUNTIME_DIR/bailey"
    bailey ps
    refused 125 "not private"
    bailey run --name x -- true
    refused 125 "not private"
    bailey run -- true
    answered 0 ""
    rmdir "$XDG_RUNTIME_DIR/bailey"
    ln -s "$place" "$XDG_RUNTIME_DIR/bailey"
    bailey ps
    [ "$status" = 125 ] || fail "a link"
    rm "$XDG_RUNTIME_DIR/bailey"
}

@test "fifty at once" {
    for i in $(seq 50); do
        "$BAILEY" run -d --name "n$i" -- sleep 1000 3>&- >>names &
    done
    wait
    [ "$(sort -u names | wc -l)" = 50 ] || fail "started: $(wc -l <names)"
    [ "$("$BAILEY" ps -q | wc -l)" = 50 ] || fail "listed"
    bailey exec n37 echo here
    answered 0 here
    bailey rm --all --force
    [ "$status" = 0 ] && [ "$(wc -l <<<"$output")" = 50 ] || fail "rm"
    nothing_left
}

@test "clients that misbehave don't hurt the sandbox" {
    detached one sleep 1000
    timeout 60 python3 - "$XDG_RUNTIME_DIR/bailey/one/control" <<'END'
import array, os, socket, struct, sys
os.chdir(os.path.dirname(sys.argv[1]))
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect('control')
    return s
r, w = os.pipe()
fds = array.array('i', [r] * 5)
for data in (b'', b'x', b'\xff' * 24, b'\0' * 24, b'y' * 4096, struct.pack('<IIQQ', 1, 999, 0, 0),
             struct.pack('<IIQQ', 1, 2, 4711, 0), struct.pack('<IIQQ', 2, 1, 0, 0)):
    s = connect()
    s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    s.close()
s = connect()                 # a job that is none
s.sendmsg([struct.pack('<IIQQ', 1, 3, 0, 0)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [w, r, r, r]))])
s.recv(100)
idle = []
for i in range(63):
    idle.append(connect())
flood = idle[0]               # never reads its answers
flood.setblocking(False)
try:
    while True:
        flood.send(struct.pack('<IIQQ', 1, 1, 0, 0))
except OSError:
    pass
END
    [ $? = 0 ] || fail "client"
    bailey exec one echo fine
    answered 0 fine
    bailey stop one
    answered 0 one
}
