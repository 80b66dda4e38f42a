load helper

# What a snapshot's file says it needs is what whoever wrote it wants.

make_one() { # OPTION...: a snapshot of a program that counts, in `file`
    "$BAILEY" run -q --name "grant$$" "$@" -- sh -c "echo 1; $until_resumed; for i in 2 3 4 5 6; do echo \$i; done" >out 3>&- &
    until [ -s out ]; do sleep 0.01; done
    "$BAILEY" save "grant$$" -o file >/dev/null
    wait $!
}

@test "a volume is given by name, or all at once, and never because the file says so" {
    mkdir v
    make_one -v "$PWD/v:/v"
    try "$BAILEY" resume file
    [ "$status" = 125 ]
    [ "$output" = "" ]
    [[ "$stderr" == *"it asks for $PWD/v, to be written at /v"* ]]
    try "$BAILEY" resume -v "$PWD/v:/w" file
    [ "$status" = 125 ]
    try "$BAILEY" resume -v "$PWD/v:/v" file
    [ "$status" = 0 ]
    [ "${lines[-1]}" = 6 ]
    try "$BAILEY" resume --grant file
    [ "$status" = 0 ]
}

@test "the directory it was started in is shown where the caller is in it" {
    make_one
    try "$BAILEY" resume file
    [ "$status" = 0 ]
    mkdir below
    cd below
    try "$BAILEY" resume ../file
    [ "$status" = 125 ]
    [[ "$stderr" == *"where it was started"* ]]
    try "$BAILEY" resume --grant ../file
    [ "$status" = 0 ]
}

# Escape, the one-character form of it, and a mark that turns the direction of writing.
hostile=$'\e[31m\u009b2J\u202e'

no_controls() { # TEXT
    ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' <<<"$1" ||
        fail "drives the terminal: $(od -c <<<"$1")"
}

@test "names in a snapshot do not drive the terminal" {
    mkdir "v$hostile"
    make_one -v "$PWD/v$hostile:/v$hostile"
    bailey resume file
    [ "$status" = 125 ]
    [[ $stderr == *"it asks for $PWD/v\\x1b[31m\\xc2\\x9b2J"*"written at /v\\x1b["* ]] || fail name
    no_controls "$stderr"
    mv file "file$hostile"
    bailey resume "file$hostile"
    [ "$status" = 125 ]
    no_controls "$stderr"
}

@test "names of programs and files do not drive the terminal" {
    "$BAILEY" run -d --name "grant$$" -- sh -c 'sleep 60' "$hostile" >/dev/null 3>&-
    bailey ps
    [[ $output == *'sh -c sleep 60 \x1b[31m'* ]] || fail program
    no_controls "$output"
    "$BAILEY" rm -f "grant$$" >/dev/null
    "$BAILEY" run -q --diff d.tar -- touch "f$hostile"
    bailey diff d.tar
    [[ $output == *"/f\\x1b[31m"* ]] || fail file
    no_controls "$output"
}
