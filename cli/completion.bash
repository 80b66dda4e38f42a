# bash completion for bailey.  The options come from the program's own help, so that
# they are never out of date.
_bailey()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        local commands
        commands=$("${COMP_WORDS[0]}" help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
        return
    fi
    if [ "$command" = run ]; then
        case $prev in
        --root | -v | --volume) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
        --env-file | --diff) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --net) mapfile -t COMPREPLY < <(compgen -W "none host allow= name=" -- "$cur"); return ;;
        -e | --env) mapfile -t COMPREPLY < <(compgen -v -- "$cur"); return ;;
        -u | --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
        esac
        if [[ $cur == -* ]]; then
            local options
            options=$("${COMP_WORDS[0]}" run --help 2>/dev/null | grep -oE '^ +(-.,)? *--[a-z-]+|^ +-[a-z],' |
                grep -oE -- '--?[a-z][a-z-]*')
            mapfile -t COMPREPLY < <(compgen -W "$options --" -- "$cur")
            return
        fi
        mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
        return
    fi
    if [ "$command" = help ]; then
        mapfile -t COMPREPLY < <(compgen -W "run diff check version help" -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -F _bailey bailey
