# bailey exec: another program in a running sandbox.
load helper

start() { # NAME OPTIONS... -- PROGRAM...
    bailey run -d --name "$@"
    [ "$status" = 0 ] || fail "start"
}

exec_in() { try timeout 300 "$BAILEY" exec "$@"; }

@test "output, errors, exit code" {
    start box -- sleep 1000
    exec_in box sh -c 'echo out; echo err >&2; exit 7'
    [[ $status = 7 && $output = out && $stderr = err ]] || fail "streams"
    exec_in box -- echo -n x
    answered 0 x
}

@test "it sees what the first program sees, and is nobody's child" {
    start box -- sh -c 'echo hello >/tmp/file; exec sleep 1000'
    eventually 10 eval '"$BAILEY" exec box cat /tmp/file 2>/dev/null | grep -q hello'
    exec_in box sh -c 'echo $PPID; ps -o pid=,ppid=,sid= -p $$ | tr -s " "'
    [ "${lines[0]}" = 0 ] || fail "parent"
    read -r pid parent session <<<"${lines[1]}"
    [[ $parent = 0 && $session = "$pid" ]] || fail "session"
    exec_in box sh -c '(sleep 1000; echo) >/dev/null 2>&1 & exit 0' # does not wait for it
    answered 0 ""
}

@test "no such program, no right to run it" {
    start box -- sleep 1000
    exec_in box no-such-program
    refused 127 no-such-program
    exec_in box /no/such/program
    refused 127 /no/such
    exec_in box /etc/passwd
    refused 126 /etc/passwd
    exec_in box /etc
    refused 126 /etc
    exec_in -w /no/such box true
    [ "$status" = 127 ] || [ "$status" = 126 ] || fail "directory"
    exec_in box
    refused 125 "nothing to run"
    exec_in box ''
    refused 125 empty
}

@test "signals: 128+n, and they are passed on" {
    start box -- sleep 1000
    exec_in box sh -c 'kill -KILL $$'
    answered 137 ""
    for sig in INT TERM HUP USR1; do
        "$BAILEY" exec box sh -c 'echo ready; exec sleep 1000' >out 3>&- &
        main=$!
        eventually 10 grep -q ready out
        kill -"$sig" "$main"
        code=0
        wait "$main" || code=$?
        [ "$code" = $((128 + $(kill -l "$sig"))) ] || fail "$sig: $code"
    done
    "$BAILEY" exec box sh -c 'trap "echo caught; exit 3" TERM; echo ready; while :; do sleep 0.1; done' >out 3>&- &
    main=$!
    eventually 10 grep -q ready out
    kill -TERM "$main"
    code=0
    wait "$main" || code=$?
    [ "$code" = 3 ] && [ "$(tail -n 1 out)" = caught ] || fail "trap"
    eventually 10 eval '[ "$("$BAILEY" exec box pgrep -x sleep)" = 1 ]' || fail "others live"
}

@test "a client that is killed hangs up" {
    start box -- sleep 1000
    "$BAILEY" exec box sh -c 'echo ready; exec sleep 1000' >out 3>&- &
    main=$!
    eventually 10 grep -q ready out
    kill -KILL "$main"
    eventually 10 eval '[ "$("$BAILEY" exec box pgrep -x sleep)" = 1 ]' || fail "it lives"
}

@test "standard input only with -i" {
    start box -- sleep 1000
    try bash -c "echo text | '$BAILEY' exec -i box cat"
    answered 0 text
    try bash -c "echo text | '$BAILEY' exec box cat"
    answered 0 ""
    head -c 3000000 /dev/urandom >big
    "$BAILEY" exec -i box cat <big >copy
    cmp big copy
    try bash -c "head -c 300000 /dev/zero | '$BAILEY' exec -i box cat | wc -c"
    answered 0 300000
    try bash -c "'$BAILEY' exec -i box cat <&- || echo failed"
    [[ $output == *failed* || -z $output ]] || fail "closed"
}

@test "a reader that goes away ends the writer" {
    start box -- sleep 1000
    try bash -c "timeout 30 '$BAILEY' exec box yes | head -n 1; echo \${PIPESTATUS[0]}"
    answered 0 "y
141"
}

@test "-e, -w, -u" {
    start box -e A=run -e B=run -w /usr -- sleep 1000
    exec_in box sh -c 'echo $A $B $PWD $HOME'
    answered 0 "run run /usr /root"
    exec_in -e A=exec -e C=new -w /tmp box sh -c 'echo $A $B $C $PWD'
    answered 0 "exec run new /tmp"
    exec_in -u nobody box sh -c 'id -un; echo $HOME; cat /proc/self/status | grep CapEff'
    [[ ${lines[0]} = nobody && ${lines[1]} = /nonexistent && ${lines[2]} == *0000000000000000 ]] || fail "user"
    exec_in -u 1234:55 box sh -c 'id -u; id -g'
    answered 0 "1234
55"
    exec_in -u no-such-user box true
    refused 125 no-such-user
}

@test "-d goes on by itself" {
    start box -- sleep 1000
    exec_in -d box sh -c 'sleep 1; echo done >/tmp/file'
    answered 0 ""
    eventually 10 eval '"$BAILEY" exec box cat /tmp/file 2>/dev/null | grep -q done' || fail "not done"
    exec_in -d box no-such-program
    refused 127 no-such-program
}

@test "large arguments, and too large ones" {
    start box -- sleep 1000
    long=$(head -c 100000 /dev/zero | tr '\0' x)
    exec_in box sh -c 'echo ${#1}' sh "$long"
    answered 0 100000
    mapfile -t many < <(seq 100000)
    exec_in box sh -c 'echo $#' sh "${many[@]}"
    answered 0 100000
}

@test "many at once" {
    start box -- sleep 1000
    for i in $(seq 20); do
        "$BAILEY" exec box sh -c "sleep 0.2; echo $i" >>all 3>&- &
    done
    wait
    [ "$(sort -n all | tr '\n' ' ')" = "$(seq -s ' ' 20) " ] || fail "$(cat all)"
    for i in $(seq 40); do
        "$BAILEY" exec box true || fail "run $i"
    done
    eventually 10 eval '[ "$("$BAILEY" exec box sh -c "ls /proc | grep -c ^[0-9]")" -le 5 ]' || fail "processes left"
}

@test "within --pids" {
    start box --pids 4 -- sleep 1000
    exec_in box sh -c 'sleep 1000 & sleep 1000 & sleep 1000 & sleep 1000 & wait'
    [ "$status" != 0 ] || fail "no limit"
    exec_in box true
    [ "$status" = 0 ] || refused 125 limit
}

@test "the sandbox ends meanwhile" {
    start box -- sleep 1000
    "$BAILEY" exec box sh -c 'echo ready; exec sleep 1000' >out 3>&- &
    main=$!
    eventually 10 grep -q ready out
    bailey stop -t 5 box
    answered 0 box
    code=0
    wait "$main" || code=$?
    [ "$code" = 137 ] || fail "code $code"
    exec_in box true
    refused 125 box "not running"
    for i in 1 2 3 4 5; do # whatever the moment: an end, not a hang
        bailey run -d --rm --name "short$i" -- sleep "0.0$i"
        try timeout 120 "$BAILEY" exec "short$i" sleep 1000
        [[ $status = 137 || $status = 125 ]] || fail "status"
    done
}

@test "program 1 ends, and with it the others" {
    start box -- sh -c 'until [ -e /tmp/go ]; do sleep 0.05; done; exit 4'
    "$BAILEY" exec box sh -c 'touch /tmp/go; exec sleep 1000' 3>&- &
    main=$!
    bailey wait box
    answered 0 4
    code=0
    wait "$main" || code=$?
    [ "$code" = 137 ] || fail "code $code"
}

@test "-t: a terminal" {
    start box -- sleep 1000
    timeout 600 python3 "$BATS_TEST_DIRNAME/exec_terminal.py" "$BAILEY" box
}

@test "-t without a terminal here" {
    start box -- sleep 1000
    try bash -c "'$BAILEY' exec -it box true </dev/null"
    refused 125 -t
    try bash -c "'$BAILEY' exec -t box sh -c 'tty; stty -echo; echo x' </dev/null"
    [ "$output" = $'/dev/pts/0\r\nx\r' ] || fail "output"
}

@test "program 1's first thread has ended" {
    command -v gcc >/dev/null || skip "no compiler"
    cat >threads.c <<'END'
#include <pthread.h>
#include <unistd.h>
static void *rest(void *arg) { sleep(60); return arg; }
int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, rest, NULL);
    pthread_exit(NULL);
}
END
    gcc -o threads threads.c -lpthread
    start box -v "$place:/v" -- /v/threads
    exec_in box echo here
    answered 0 here
    bailey stop -t 30 box
    answered 0 box
}

@test "a save, and what a resumed sandbox makes of its jobs" {
    start box -- sleep 1000
    mkfifo hold
    exec 5<>hold # nobody writes, and it does not end
    "$BAILEY" exec -i box sh -c 'echo ready; cat; echo end >/tmp/end; sleep 1000' >out 3>&- 5>&- <hold &
    main=$!
    eventually 10 grep -q ready out
    "$BAILEY" exec -t box sh -c 'trap "" HUP; echo ready; cat; echo end >/tmp/end2; sleep 1000' >out2 3>&- </dev/null &
    second=$!
    eventually 10 grep -q ready out2
    bailey save --keep -o snap box
    [ "$status" = 0 ] || fail "save"
    exec_in box echo still
    answered 0 still
    kill "$main" "$second"
    "$BAILEY" resume --name again snap </dev/null >out3 2>&1 3>&- &
    eventually 10 eval '"$BAILEY" ps -q | grep -q again' || fail "resume: $(cat out3)"
    eventually 10 eval '"$BAILEY" exec again cat /tmp/end | grep -q end' || fail "standard input ends"
    for i in $(seq 40); do
        "$BAILEY" exec again true || fail "run $i"
    done
    exec_in again pgrep -xc sleep
    [ "$output" -ge 2 ] || fail "they go on"
    bailey stop -t 0 again
    [ "$status" = 0 ] || fail "stop"
}

@test "terminals of exec -it in a resumed sandbox: they have hung up" {
    start box -- sleep 1000
    python3 "$BATS_TEST_DIRNAME/exec_saved.py" "$BAILEY" box snap
}
