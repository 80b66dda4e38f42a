# The forms of a snapshot that `bailey save` can be asked for.
load helper

# A program that counts, saved while it goes on; what it prints after a resume follows.
begin() {
    name=form$$x$BATS_TEST_NUMBER
    "$BAILEY" run -q --name "$name" -- python3 -c '
import time
for n in range(1, 1000000):
    print(n, flush=True)
    time.sleep(0.05)' \
        >out 2>err 3>&- &
    main=$!
    eventually 20 test -s out || fail "not started: $(cat err)"
}

finish() {
    "$BAILEY" kill "$name" >/dev/null 2>&1 || true
    wait "$main" || true
    "$BAILEY" rm -f "$name" >/dev/null 2>&1 || true
}

goes_on() { # resume options...: it prints the next numbers
    timeout 300 "$BAILEY" resume "$@" 3>&- 2>resume.err | head -n 3 >resumed || true
    local first
    first=$(head -n 1 resumed)
    [ "$(xargs <resumed)" = "$first $((first + 1)) $((first + 2))" ] || fail "resumed: $(cat resumed resume.err)"
}

@test "incremental: only what changed, and it needs its base" {
    begin
    "$BAILEY" save --keep -o base "$name" >/dev/null
    "$BAILEY" save --keep --base base -o next "$name" >/dev/null
    finish
    bailey snapshot info --json next
    [ "$(jq '.base_pages > .pages' <<<"$output")" = true ] || fail "all is new"
    goes_on next
    mv base moved
    bailey resume next
    refused 125 "its base base is missing"
    goes_on --base moved next
}

size() { stat -c %s "$1"; }

@test "incremental: the size follows what changed, whoever came and went" {
    name=form$$x$BATS_TEST_NUMBER
    "$BAILEY" run -q --name "$name" -- python3 -c '
import os, signal, time
def child():
    pid = os.fork()
    if pid == 0:
        keep = os.urandom(2 << 20)
        os.close(ready[0])
        os.write(ready[1], b"x")
        while True: signal.pause()
    return pid
ready = os.pipe()
children = [child() for n in range(4)]
for n in range(4): os.read(ready[0], 1)
print("ready", flush=True)
def go(*_):
    os.kill(children[0], signal.SIGKILL)
    os.waitpid(children[0], 0)
    print("less", flush=True)
signal.signal(signal.SIGUSR1, go)
while True: signal.pause()' >out 2>err 3>&- &
    main=$!
    eventually 20 test -s out || fail "not started: $(cat err)"
    "$BAILEY" save --keep -o base "$name" >/dev/null
    "$BAILEY" save --keep --base base -o same "$name" >/dev/null
    "$BAILEY" kill -s USR1 "$name"
    eventually 20 grep -q less out
    "$BAILEY" save --keep --base base -o less "$name" >/dev/null
    finish
    [ "$(($(size same) * 20))" -lt "$(size base)" ] || fail "unchanged: $(ls -l)"
    [ "$(($(size less) * 20))" -lt "$(size base)" ] || fail "one less: $(ls -l)"
    "$BAILEY" resume -q --name "$name" less >out 2>err 3>&- &
    main=$!
    eventually 20 eval '[ "$("$BAILEY" exec "$name" sh -c "ls -d /proc/[0-9]*" | wc -l)" = 5 ]' || fail "processes: $(cat err)"
    "$BAILEY" save --keep --base less -o resumed "$name" >/dev/null
    finish
    [ "$(($(size resumed) * 20))" -lt "$(size base)" ] || fail "resumed: $(ls -l)"
}

@test "encrypted and signed" {
    begin
    "$BAILEY" snapshot keygen key
    "$BAILEY" save --keep --encrypt key --sign key -o file "$name" >/dev/null
    bailey save --keep --encrypt key.pub -o other "$name"
    refused 125 "not a secret key file"
    bailey save --keep --encrypt none -o other "$name"
    refused 125 "none: No such file"
    bailey save --keep --warm --encrypt key -o other "$name"
    refused 125 --warm
    [ ! -e other ]
    finish
    bailey resume file
    refused 125 encrypted
    goes_on --key key --signer key.pub file
}

@test "warm: pages as they are" {
    begin
    "$BAILEY" save --keep --warm -o file "$name" >/dev/null
    finish
    bailey snapshot info file
    [[ $output == *"warm (uncompressed)"* ]]
    goes_on file
}

@test "through a pipe" {
    begin
    "$BAILEY" save --keep -o - "$name" | cat >file
    finish
    goes_on - <file
}

@test "a snapshot says what it holds and needs" {
    begin
    "$BAILEY" save --keep -o file "$name" >/dev/null
    finish
    bailey snapshot info --json file
    [ "$(jq -r '.cpu.feature | length > 5' <<<"$output")" = true ]
    [ "$(jq -r '.kernel.release[0]' <<<"$output")" = "$(uname -r)" ]
    [[ $(jq -r '.summary.process[0]' <<<"$output") == "1 parent 0 threads 1 python3" ]]
}

@test "bases and keys lie anywhere" {
    mkdir work elsewhere other
    "$BAILEY" snapshot keygen elsewhere/key
    cd work
    begin
    "$BAILEY" save --keep --encrypt ../elsewhere/key -o ../elsewhere/first "$name" >/dev/null
    "$BAILEY" save --keep --base ../elsewhere/first --encrypt ../elsewhere/key -o ../elsewhere/second "$name" >/dev/null
    "$BAILEY" save --base ../elsewhere/second --encrypt ../elsewhere/key --sign ../elsewhere/key -o ../other/third \
        "$name" >/dev/null
    finish
    bailey snapshot info --json --key ../elsewhere/key --base ../elsewhere/second ../other/third
    [ "$(jq '.base_pages > .pages' <<<"$output")" = true ] || fail "all is new"
    bailey resume --key ../elsewhere/key ../other/third
    refused 125 "its base ../other/second is missing"
    goes_on --key ../elsewhere/key --signer ../elsewhere/key.pub --base ../elsewhere/second ../other/third
    "$BAILEY" clone --name "$name" -n 2 --key ../elsewhere/key --base ../elsewhere/second ../other/third >/dev/null
    eventually 20 eval '"$BAILEY" logs "$name-2" | grep -q .' || fail "the second copy says nothing"
    "$BAILEY" rm -f "$name-1" "$name-2" >/dev/null
}
