load helper

@test "a limit that is no number is refused" {
    for option in "--cpus 0" "--cpus x" "--cpu-time x" "--files 3" "--output 0" "--output x"; do
        # shellcheck disable=SC2086
        try "$BAILEY" run $option -- /bin/true
        [ "$status" = 125 ]
    done
}

@test "--cpus is what the program sees" {
    try "$BAILEY" run --cpus 1 -- nproc
    [ "$status" = 0 ]
    [ "$output" = 1 ]
}

@test "--files is the program's limit" {
    try "$BAILEY" run --files 40 -- sh -c 'ulimit -n'
    [ "$output" = 40 ]
}

@test "--cpu-time ends what uses more, in one process or several" {
    try "$BAILEY" run --cpu-time 1 -- sh -c 'while :; do :; done & while :; do :; done'
    [ "$status" = 124 ]
    [[ "$stderr" == *"more CPU time than --cpu-time allows"* ]]
}

@test "--output lets so much pass and ends the run" {
    try "$BAILEY" run --output 10k -- sh -c 'yes'
    [ "$status" = 137 ]
    [ "$(wc -c <"$BATS_TEST_TMPDIR/output")" = 10240 ]
    [[ "$stderr" == *"wrote more than --output allows"* ]]
}

@test "--output changes nothing for who stays below it" {
    try "$BAILEY" run --output 1m -- sh -c 'echo out; echo err >&2; exit 4'
    [ "$status" = 4 ]
    [ "$output" = out ]
    [ "$stderr" = err ]
}

@test "--output holds for files" {
    mkdir v
    try "$BAILEY" run --output 64k -v "$PWD/v:/v" -- sh -c 'head -c 200000 /dev/zero >/v/file'
    [ "$status" != 0 ]
    [ "$(wc -c <v/file)" = 65536 ]
}

@test "a program within --memory and --pids is left alone" {
    try "$BAILEY" run --memory 256m --pids 50 -- sh -c 'for i in 1 2 3 4; do sleep 0.1 & done; wait; echo done'
    [ "$status" = 0 ]
    [ "$output" = done ]
}

@test "too few descriptors, however many: it runs, or it is one line that says so" {
    file=$BATS_TEST_TMPDIR/file
    "$BAILEY" run -d --rm --name "few$$" -- sleep 1000 >/dev/null 3>&-
    "$BAILEY" save "few$$" -o "$file" >/dev/null
    for files in {6..40}; do
        try bash -c 'ulimit -n "$1" && exec "$0" run -- true' "$BAILEY" "$files"
        [ "$status" = 0 ] || refused 125 "ulimit -n"
        try bash -c 'ulimit -n "$1" && exec "$0" resume --timeout 1 "$2"' "$BAILEY" "$files" "$file"
        [ "$status" = 124 ] || refused 125 "ulimit -n"
    done
}
