# However a run ends, nothing of it is left.
load helper

# Starts a sandbox; $main is bailey and $picos are its picoprocesses.  They are all its
# children, whoever forked them.
start() {
    : >out
    "$BAILEY" run "$@" >out 2>err </dev/null 3>&- &
    main=$!
    eventually 10 grep -q ready out || fail "not started: $(cat err)"
    picos=$(pgrep -P "$main")
    [ -n "$picos" ] || fail "no picoprocess"
}

# A program that says "ready" and ends by itself when told to, not before it was looked at.
until_told='trap told=1 USR1; echo ready; until [ "$told" ]; do sleep 0.05; done'

ended_as() { # CODE
    code=0
    wait "$main" || code=$?
    [ "$code" = "$1" ] || fail "expected exit code $1, got $code: $(cat err)"
    eventually 10 gone || fail "left: $(ps -o pid,ppid,stat,comm -p $picos)"
}

gone() { ! ps -p $picos >/dev/null; }

@test "nothing is left after an ordinary end" {
    start -- sh -c "$until_told; exit 0"
    kill -USR1 "$main"
    ended_as 0
}

@test "SIGTERM reaches the program: 143" {
    start -- sh -c 'echo ready; sleep 1000 & wait'
    kill -TERM "$main"
    ended_as 143
}

@test "a handled signal is the program's affair" {
    start -- sh -c 'trap "echo bye; exit 7" INT TERM; echo ready; while :; do sleep 0.1; done'
    kill -INT "$main"
    ended_as 7
    [ "$(tail -n 1 out)" = bye ]
}

@test "SIGHUP and SIGUSR1 by default end the program" {
    start -- sh -c 'echo ready; exec sleep 1000'
    kill -HUP "$main"
    ended_as 129
    start -- sh -c 'echo ready; exec sleep 1000'
    kill -USR1 "$main"
    ended_as 138
}

@test "killing bailey with SIGKILL ends the sandbox" {
    start -- sh -c 'trap "" INT TERM HUP; echo ready; sleep 1000 & wait'
    kill -KILL "$main"
    ended_as 137
}

@test "killing bailey while processes are being made leaves none of them" {
    for i in {1..40}; do
        start -- sh -c 'for i in 1 2 3; do while :; do /bin/true; done & done; echo ready; wait'
        session=$(ps -o sid= -p $(head -n 1 <<<"$picos") | tr -d ' ')
        sleep 0.0$((i % 5))
        kill -KILL "$main"
        wait "$main" || true
        eventually 10 none_of "$session" || fail "left: $(ps -o pid,ppid,stat,wchan:20,comm -s "$session")"
    done
}
none_of() { ! ps -o stat= -s "$1" | grep -q '^[^ZX]'; } # SESSION: but for whom init hasn't collected

@test "killing a picoprocess ends the run with one line" {
    start -- sh -c 'echo ready; while :; do :; done'
    kill -KILL $(head -n 1 <<<"$picos")
    ended_as 137
    [ "$(grep -c '^bailey: ' err)" = 1 ] || fail "one line: $(cat err)"
}

@test "children of the program end with it" {
    start -- sh -c "sleep 1000 & sleep 1000 & $until_told; exit 3"
    kill -USR1 "$main"
    ended_as 3
}

@test "no file is left in the temporary directory or in /dev/shm" {
    ls -A /dev/shm >before 2>/dev/null || true # others may be at work there
    mkdir tmp
    TMPDIR=$place/tmp bailey run -- sh -c "echo x >/tmp/x$$; echo x >/dev/shm/x$$"
    [ "$status" = 0 ]
    [ -z "$(ls -A tmp)" ] || fail "left in TMPDIR: $(ls -A tmp)"
    [ ! -e "/tmp/x$$" ] || fail "left in /tmp"
    ! comm -13 before <(ls -A /dev/shm 2>/dev/null) | grep -e bailey -e "x$$" || fail "left in /dev/shm"
}

# SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGURG and SIGSYS: whatever else had a handler in the
# monitor would run what is not there.
@test "picoprocesses handle the signals of the contract and no others" {
    for how in "" "-d --name detached"; do
        if [ "$how" ]; then
            "$BAILEY" run $how -- sleep 1000 >/dev/null 3>&-
            main=$("$BAILEY" ps | awk '$1 == "detached" { print $2 }')
        else
            start -- sh -c 'trap "" TERM; echo ready; sleep 1000 & wait'
        fi
        for pico in $(pgrep -P "$main"); do
            grep -q '^SigCgt:.0*404004d8$' "/proc/$pico/status" || fail "$(cat "/proc/$pico/status")"
        done
        kill -KILL "$main"
    done
}
