load helper

# A save that is broken off, and resumes that cannot be: nothing half-done is left.

# Counts for as long as it runs; what it holds can't be packed.
begin() {
    "$BAILEY" run -q --name counts -- sh -c 'head -c 3000000 /dev/urandom >/tmp/much; n=0; while :; do echo $n; n=$((n + 1)); sleep 0.05; done' \
        >out 2>errors </dev/null 3>&- &
    eventually 30 grep -qx 2 out || fail "$(cat errors)"
}
goes_on() {
    local before
    before=$(wc -l <out)
    eventually 30 eval '[ "$(wc -l <out)" -gt $((before + 2)) ]' || fail "it does not go on"
}

@test "bailey save is killed in the middle: it goes on, and the older file stands" {
    begin
    echo older >file
    mkfifo pipe
    # A base that comes slowly: it is read as it is written, so the save has begun.
    for keep in "" --keep; do
        { head -c 1000 >first; exec sleep 1000; } <pipe 3>&- &
        reader=$!
        "$BAILEY" save $keep -o - counts >pipe 2>/dev/null 3>&- &
        save=$!
        eventually 30 test -s first || fail "nothing written"
        kill -KILL $save $reader
        wait $save $reader || true
        rm first
        goes_on
    done
    for pause in 0 0.01 0.02 0.05 0.1 0.2; do
        "$BAILEY" save --keep -o file counts >/dev/null 2>&1 3>&- &
        sleep $pause
        kill -KILL $! 2>/dev/null || true
        wait $! || true
        [ "$(head -c 5 file)" = older ] || "$BAILEY" snapshot verify file >/dev/null
        goes_on
    done
    # Now one that nobody disturbs, of a sandbox that has got over all of that.
    eventually 30 "$BAILEY" save -o file counts >/dev/null 2>&1
    "$BAILEY" snapshot verify file >/dev/null
    timeout 60 "$BAILEY" resume file 2>errors 3>&- | head -n 3 >more || true
    [ "$(head -n 1 more)" -ge "$(tail -n 1 out)" ] || fail "it went on at $(head -n 1 more), not $(tail -n 1 out)"
}

@test "the monitor is killed in the middle: the older file stands" {
    begin
    echo older >file
    mkfifo pipe
    { head -c 1000 >first; exec sleep 1000; } <pipe 3>&- &
    reader=$!
    "$BAILEY" save -o - counts >pipe 2>/dev/null 3>&- &
    save=$!
    eventually 30 test -s first || fail "nothing written"
    kill -KILL "$("$BAILEY" ps | awk '$1 == "counts" { print $2 }')"
    ! wait $save
    kill $reader
    [ "$(cat file)" = older ]
    bailey save -o file counts
    [ "$status" = 125 ]
    [ "$(cat file)" = older ]
    [ "$(ls | grep -c '^file')" = 1 ]
}

@test "a full disk: it goes on, the older file stands, nothing half is left" {
    cat >inside <<'END'
mount -t tmpfs -o size=1m none small && echo older >small/file || exit 77
"$1" run -q --name counts -- sh -c 'head -c 3000000 /dev/urandom >/tmp/much; n=0; while :; do echo $n; n=$((n + 1)); sleep 0.05; done' >out 2>errors &
until grep -qx 2 out; do sleep 0.05; done
for how in "" --keep --warm; do
    "$1" save $how -o small/file counts 2>line && exit 1
    grep -q "^bailey: .*No space left on device" line || exit 2
    [ "$(wc -l <line)" = 1 ] || exit 3
    [ "$(cat small/file)" = older ] && [ "$(ls small)" = file ] || exit 4
    n=$(wc -l <out)
    until [ "$(wc -l <out)" -gt $((n + 2)) ]; do sleep 0.05; done
done
"$1" kill counts >/dev/null
END
    mkdir small
    enter=(unshare -m)
    [ "$(id -u)" = 0 ] || enter=(unshare -U -r -m)
    "${enter[@]}" true 2>/dev/null || skip "the host refuses ${enter[*]}"
    try timeout 300 "${enter[@]}" sh inside "$BAILEY" 3>&-
    [ "$status" != 77 ] || skip "the host refuses a tmpfs"
    answered 0 "" || fail "$(cat line)"
}

@test "two resumes of one file at once" {
    begin
    "$BAILEY" save -o file counts >/dev/null
    for n in 1 2 3; do
        timeout 60 "$BAILEY" resume -q --name "copy$n" file >"out$n" 2>"errors$n" </dev/null 3>&- &
    done
    for n in 1 2 3; do
        eventually 60 eval "[ \"\$(wc -l <out$n)\" -gt 3 ]" || fail "$(cat "errors$n")"
    done
    [ "$(head -qn 1 out1 out2 out3 | sort -u | wc -l)" = 1 ]
    # And two under one name: one of them is told.
    bailey resume -d --name copy1 file
    refused 125 copy1
}

@test "a mapped file of a volume that is gone" {
    mkdir bin && cp "$(command -v sleep)" bin/sleeps
    "$BAILEY" run -q --name based -v "$PWD/bin:/own:ro" -- sh -c 'echo ready; exec /own/sleeps 1000' >out 2>errors </dev/null 3>&- &
    eventually 30 grep -q ready out || fail "$(cat errors)"
    eventually 30 eval '"$BAILEY" exec based pgrep -x sleeps >/dev/null'
    "$BAILEY" save -o file based >/dev/null
    mv bin/sleeps bin/gone
    bailey resume --grant file
    refused 125 "changed since the save: /own/sleeps"
    [ -z "$("$BAILEY" ps -q)" ]
    [ -z "$(ls "$XDG_RUNTIME_DIR/bailey")" ]
    mv bin/gone bin/sleeps
    "$BAILEY" resume -d --name based --grant file 3>&-
}

@test "a file of the base that is another one" {
    enter=(unshare -m)
    [ "$(id -u)" = 0 ] || enter=(unshare -U -r -m)
    original=$(realpath "$(command -v sleep)")
    cp "$original" other && printf x >>other
    "${enter[@]}" mount --bind other "$original" 2>/dev/null || skip "the host refuses ${enter[*]}"
    "$BAILEY" run -d --name based -- "$original" 1000 >/dev/null 3>&-
    "$BAILEY" save -o file based >/dev/null
    "$BAILEY" rm based >/dev/null
    try timeout 60 "${enter[@]}" sh -c 'mount --bind other "$1" && "$2" resume file' - "$original" "$BAILEY" </dev/null 3>&-
    refused 125 "changed since the save: $original"
    [ -z "$("$BAILEY" ps -q)" ]
    "$BAILEY" resume -d --name based file 3>&-
}
