load helper

# What a snapshot's file says it needs is what whoever wrote it wants.

make_one() { # OPTION...: a snapshot of a program that counts, in `file`
    "$BAILEY" run -q --name "grant$$" "$@" -- sh -c 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done' >out 3>&- &
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
