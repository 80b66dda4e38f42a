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
    for command in run diff check version help; do
        [[ " ${COMPREPLY[*]} " == *" $command "* ]]
    done
    complete_words ch
    [ "${COMPREPLY[*]}" = check ]
}

@test "options of run, each of them" {
    complete_words run --
    for option in $("$BAILEY" run --help | grep -oE -- '^ .*--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
        [[ " ${COMPREPLY[*]} " == *" $option "* ]]
    done
    complete_words run --work
    [ "${COMPREPLY[*]}" = --workdir ]
}

@test "kinds of network" {
    complete_words run --net n
    [ "${COMPREPLY[*]}" = "none name=" ]
}
