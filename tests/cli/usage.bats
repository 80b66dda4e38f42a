# The command line itself: help, and what is refused before anything starts.
load helper

@test "help names every command and goes to standard output" {
    bailey --help
    [ "$status" = 0 ] && [ -z "$stderr" ]
    for command in run diff check version help; do
        [[ $output == *"  $command"* ]] || fail "$command is missing"
    done
    bailey help
    [ "$status" = 0 ]
}

@test "run --help lists the options" {
    bailey run --help
    [ "$status" = 0 ] && [ -z "$stderr" ]
    for option in env env-file workdir volume user hostname memory pids name tty rm net root \
        read-only timeout trace quiet debug; do
        [[ $output == *"--$option"* ]] || fail "--$option is missing"
    done
    bailey help run
    [ "$status" = 0 ]
}

@test "version" {
    bailey version
    [[ $status = 0 && $output == "bailey "[0-9]* ]]
    bailey --version
    [ "$status" = 0 ]
}

@test "no command, an unknown command, an unknown option" {
    bailey
    refused 125 "no command"
    bailey fly
    refused 125 fly
    bailey run --fly true
    refused 125 --fly "run --help"
    bailey run -Z true
    refused 125 -Z
    bailey help fly
    refused 125 fly
}

@test "no program, an empty program name" {
    bailey run
    refused 125 "no program"
    bailey run --
    refused 125 "no program"
    bailey run ''
    refused 125 empty
}

@test "values that are missing or make no sense" {
    bailey run -e
    refused 125 -e
    bailey run -e =x true
    refused 125 name
    bailey run --rm=yes true
    refused 125 --rm
    bailey run --memory 5x true
    refused 125 --memory 5x
    bailey run --memory -1 true
    refused 125 --memory
    bailey run --memory 99999999999999999999g true
    refused 125 --memory
    bailey run --pids 0 true
    refused 125 --pids
    bailey run --timeout 0 true
    refused 125 --timeout
    bailey run --timeout ten true
    refused 125 --timeout
    bailey run -w relative true
    refused 125 relative absolute
    bailey run --hostname '' true
    refused 125 --hostname
    bailey run --name 'a b' true
    refused 125 --name
    bailey run --trace= true
    refused 125 --trace
}

@test "-t without a terminal" {
    bailey run -t true
    refused 125 -t terminal
}

@test "users and groups that do not exist" {
    bailey run -u no-such-user true
    refused 125 no-such-user
    bailey run -u 0:no-such-group true
    refused 125 no-such-group
}

@test "a message stays one line whatever it quotes" {
    bailey run -v "$(printf 'a\nb\033[31m'):/x" true
    refused 125 "No such file"
    [[ $stderr != *$'\033'* ]] || fail "an escape sequence came through"
}

@test "volumes: host path missing, a symbolic link loop, a device" {
    bailey run -v "$place/none:/x" true
    refused 125 "$place/none" "No such file or directory"
    ln -s loop loop
    bailey run -v "$place/loop:/x" true
    refused 125 "symbolic link"
    bailey run -v /dev/null:/x true
    refused 125 /dev/null
}

@test "volumes: form of the pair" {
    mkdir d
    for pair in d d: :/x d:relative d:/x:maybe d:/x/../y; do
        bailey run -v "$pair" true
        refused 125 "$pair" HOST:GUEST
    done
    bailey run -v d:/ true
    refused 125 --root
    bailey run -v d:/proc/x true
    refused 125 /proc/x
}

@test "volumes: two on one place, one inside itself" {
    mkdir -p d/sub
    bailey run -v d:/x -v d/sub:/x/ true
    refused 125 "two volumes"
    bailey run -v d:/x -v d:/x/sub true
    refused 125 loop
    bailey run --root d -v d:/sub true
    refused 125 loop
}

@test "--root: missing, not a directory" {
    bailey run --root "$place/none" true
    refused 125 "No such file or directory"
    touch file
    bailey run --root file true
    refused 125 "Not a directory"
}

@test "--env-file: missing, a directory, a bad line" {
    bailey run --env-file none true
    refused 125 none
    bailey run --env-file . true
    refused 125 directory
    printf 'A=1\n# comment\n\nB C=2\n' >env
    bailey run --env-file env true
    refused 125 env:4
}

@test "diff: what is not a layer archive" {
    bailey diff
    refused 125 diff
    bailey diff none.tar
    refused 125 none.tar
    head -c 2048 /dev/urandom >noise.tar
    bailey diff noise.tar
    refused 125 "not a tar"
    : >empty.tar
    bailey diff empty.tar
    refused 125 early
}

@test "diff lists changes and removals, long names too" {
    long=$(printf 'n%.0s' {1..120})
    mkdir -p layer/etc
    touch layer/etc/new layer/etc/.wh.old "layer/$long"
    echo content >layer/file
    for format in gnu posix; do
        tar -C layer --format=$format -cf layer.tar etc/new etc/.wh.old "$long" file
        bailey diff layer.tar
        answered 0 "C /etc/new
D /etc/old
C /$long
C /file"
        head -c 700 layer.tar >cut.tar
        bailey diff cut.tar
        [ "$status" = 125 ]
    done
}

@test "check says line by line what the host offers" {
    bailey check
    [ "$status" = 0 ] || fail "this host cannot run sandboxes"
    [ "$(wc -l <<<"$output")" -ge 3 ]
}
