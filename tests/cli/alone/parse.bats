# What the monitor is told: run by meson in front of one that starts nothing.
load ../helper

@test "options in every form" {
    mkdir d && export TERM=dumb LANG=C
    bailey run -i -eA=1 -e B=2 --env A=3 --env=C=4 -v "$place/d:/x/./y/:ro" --volume=d:/z -u 54321:6 \
        --memory 64m --memory=2G --timeout 2m --rm -- prog -e --env
    answered 0 "env A=3
env B=2
env C=4
env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
env HOME=/
env TERM=dumb
env LANG=C
volume $place/d /x/y 1
volume $place/d /z 0
user 54321 6 memory 2147483648 timeout 120
arg prog
arg -e
arg --env"
}

@test "the program ends the options" {
    bailey run -q prog --rm -- x
    [[ $output == *"arg prog
arg --rm
arg --
arg x" ]] || fail "arguments"
}

@test "an environment file" {
    printf '  # comment\n\nX=a b\nY\n\tZ==\nPATH=/p' >file
    export Y='from outside'
    bailey run --env-file file prog
    [[ $output == *"env X=a b
env Y=from outside
env Z==
env PATH=/p"* ]] || fail "settings"
}

@test "users and their homes come from the root" {
    mkdir -p r/etc
    printf 'root:x:0:0:::\nann:x:12:34:Ann:/home/ann:/bin/sh\nbroken\nx:y\n' >r/etc/passwd
    printf 'crew:x:77:\n' >r/etc/group
    bailey run --root r -u ann prog
    [[ $output == *"env HOME=/home/ann"* && $output == *"user 12 34 "* ]] || fail "ann"
    bailey run --root r -u 12:crew prog
    [[ $output == *"user 12 77 "* ]] || fail "crew"
    rm r/etc/passwd && ln -s /etc/passwd r/etc/passwd
    bailey run --root r -u nobody prog
    refused 125 nobody
}
