# What the shell offers after TAB.
load helper

complete_words() { # the command line so far, word by word
    COMP_WORDS=("$BAILEY" "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    source "$BATS_TEST_DIRNAME/../../cli/completion.bash"
    _bailey
}

@test "commands" {
    complete_words ''
    for command in run exec ps stop kill wait rm logs diff check version help; do
        [[ " ${COMPREPLY[*]} " == *" $command "* ]]
    done
    complete_words ch
    [ "${COMPREPLY[*]}" = check ]
    complete_words help st
    [ "${COMPREPLY[*]}" = stop ]
}

@test "options of run, each of them" {
    complete_words run --
    for option in $("$BAILEY" run --help | grep -oE -- '^ .*--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
        [[ " ${COMPREPLY[*]} " == *" $option "* ]]
    done
    complete_words run --work
    [ "${COMPREPLY[*]}" = --workdir ]
}

@test "names of sandboxes, and options of every command" {
    "$BAILEY" run -d --name alpha -- sleep 60
    "$BAILEY" run -d --name beta -- true
    "$BAILEY" wait beta
    for command in stop kill exec; do
        complete_words "$command" ''
        [ "${COMPREPLY[*]}" = alpha ]
    done
    for command in rm wait logs; do
        complete_words "$command" ''
        [ "${COMPREPLY[*]}" = "alpha beta" ]
    done
    complete_words exec alpha /bin/tru
    [[ " ${COMPREPLY[*]} " == *" /bin/true "* ]]
    complete_words exec --work
    [ "${COMPREPLY[*]}" = --workdir ]
    complete_words kill -s SIGUSR
    [ "${COMPREPLY[*]}" = "SIGUSR1 SIGUSR2" ]
}

@test "kinds of network" {
    complete_words run --net n
    [ "${COMPREPLY[*]}" = "none name=" ]
}
