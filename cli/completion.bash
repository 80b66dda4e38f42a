# bash completion for bailey.  Commands and options come from the program's own help, names
# from what runs, so that none of them is ever out of date.
_bailey_commands()
{
    "${COMP_WORDS[0]}" help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

_bailey_options()
{
    "${COMP_WORDS[0]}" help "$1" 2>/dev/null | grep -oE '^ +(-.,)? *--[a-z-]+|^ +-[a-z],' |
        grep -oE -- '--?[a-z][a-z-]*'
}

_bailey_images() { "${COMP_WORDS[0]}" image ls 2>/dev/null | sed '1d; s/ .*//; /^-/d'; }

_bailey_offer() { mapfile -t COMPREPLY < <(compgen "$@" -- "$cur"); }

# The value of an option; false if prev takes none.
_bailey_value()
{
    case $prev in
    --root | -v | --volume) _bailey_offer -d ;;
    --image) _bailey_offer -f -W "$(_bailey_images)" ;;
    --env-file | --diff | -o | --output) _bailey_offer -f ;;
    --net) _bailey_offer -W "none host allow= name=" ;;
    -s | --signal) _bailey_offer -W "$(compgen -A signal SIG)" ;;
    -e | --env) _bailey_offer -v ;;
    -u | --user) _bailey_offer -u ;;
    *) return 1 ;;
    esac
}

# Is the program's or sandbox's name among the words before the cursor?
_bailey_named()
{
    local word
    for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
        "${COMP_WORDS[0]}" ps -q 2>/dev/null | grep -qxF -e "$word" && return
    done
    return 1
}

_bailey()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    local bailey=${COMP_WORDS[0]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        _bailey_offer -W "$(_bailey_commands) --help --version"
        return
    fi
    _bailey_value && return
    if [[ $cur == -* ]]; then
        _bailey_offer -W "$(_bailey_options "$command") --"
        return
    fi
    case $command in
    help) _bailey_offer -W "$(_bailey_commands)" ;;
    stop | kill | save) _bailey_offer -W "$("$bailey" ps -q 2>/dev/null)" ;;
    clone) _bailey_offer -f -W "$("$bailey" ps -q 2>/dev/null)" ;;
    image)
        if [ "$COMP_CWORD" -eq 2 ]; then
            _bailey_offer -W "$("$bailey" image --help 2>/dev/null | sed -n 's/^  image \([a-z]*\) .*/\1/p')"
        else
            _bailey_offer -f -W "$(_bailey_images)"
        fi
        ;;
    commit)
        [ "$COMP_CWORD" -eq 2 ] && _bailey_offer -W "$("$bailey" ps -q 2>/dev/null)"
        ;;
    rm | wait | logs) _bailey_offer -W "$("$bailey" ps -a -q 2>/dev/null)" ;;
    exec)
        if _bailey_named; then
            _bailey_offer -c -f
        else
            _bailey_offer -W "$("$bailey" ps -q 2>/dev/null)"
        fi
        ;;
    run) _bailey_offer -c -f ;;
    *) _bailey_offer -f ;;
    esac
}
complete -F _bailey bailey
