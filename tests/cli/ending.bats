# However a run ends, nothing of it is left.
load helper

# Starts a sandbox in its own session; $main is bailey's pid and the session's id.
start() {
    setsid "$BAILEY" run "$@" >out 2>err &
    main=$!
    eventually 10 grep -q ready out || fail "not started: $(cat err)"
}

gone() { eventually 10 session_empty "$main" || fail "left: $(ps -o pid,stat,comm -s "$main")"; }

code() { wait "$main" && echo 0 || echo $?; }

@test "nothing is left after an ordinary end" {
    start -- sh -c 'echo ready; sleep 0.2'
    [ "$(code)" = 0 ]
    gone
}

@test "SIGTERM reaches the program: 143" {
    start -- sh -c 'echo ready; sleep 30 & wait'
    kill -TERM "$main"
    [ "$(code)" = 143 ] || fail "exit code"
    gone
}

@test "a handled signal is the program's affair" {
    start -- sh -c 'trap "echo bye; exit 7" INT TERM; echo ready; while :; do sleep 0.1; done'
    kill -INT "$main"
    [ "$(code)" = 7 ] || fail "exit code"
    [ "$(tail -n 1 out)" = bye ]
    gone
}

@test "SIGHUP and SIGUSR1 by default end the program" {
    start -- sh -c 'echo ready; exec sleep 30'
    kill -HUP "$main"
    [ "$(code)" = 129 ] || fail "SIGHUP"
    start -- sh -c 'echo ready; exec sleep 30'
    kill -USR1 "$main"
    [ "$(code)" = 138 ] || fail "SIGUSR1"
    gone
}

@test "killing bailey with SIGKILL ends the sandbox" {
    start -- sh -c 'trap "" INT TERM HUP; echo ready; sleep 60 & wait'
    kill -KILL "$main"
    [ "$(code)" = 137 ]
    gone
}

@test "killing a picoprocess ends the run with one line" {
    start -- sh -c 'echo ready; while :; do :; done'
    pico=$(ps -o pid= -s "$main" | tr -d ' ' | grep -vx "$main" | head -n 1)
    [ -n "$pico" ] || fail "no picoprocess"
    kill -KILL "$pico"
    code=$(code)
    [ "$code" = 125 ] || [ "$code" = 137 ] || fail "exit code $code"
    gone
}

@test "children of the program end with it" {
    start -- sh -c 'sleep 60 & sleep 60 & echo ready; exit 3'
    [ "$(code)" = 3 ] || fail "exit code"
    gone
}

@test "no file is left in the temporary directory or in /dev/shm" {
    shm=$(ls /dev/shm 2>/dev/null | wc -l)
    bailey run -- sh -c 'echo x >/tmp/x; echo x >/dev/shm/x'
    [ "$status" = 0 ]
    [ -z "$(ls -A "$place")" ] || fail "left in TMPDIR: $(ls -A "$place")"
    [ "$(ls /dev/shm 2>/dev/null | wc -l)" = "$shm" ] || fail "left in /dev/shm"
}
