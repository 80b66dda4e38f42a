# Programs started as a shell user would: results, streams, environment, files.
load helper

@test "exit codes" {
    bailey run -- true
    answered 0 ""
    bailey run -- false
    answered 1 ""
    bailey run -- sh -c 'exit 42'
    answered 42 ""
}

@test "a program that ends by a signal gives 128+n" {
    bailey run -- sh -c 'kill -TERM $$'
    answered 143 ""
    bailey run -- sh -c 'kill -KILL $$'
    answered 137 ""
}

@test "a program that is not there: 127" {
    bailey run -- no-such-program
    refused 127 no-such-program
    bailey run -- /no/such/program
    refused 127 /no/such/program
}

@test "a file that cannot be executed: 126" {
    echo text >plain
    bailey run -v "$place:/v" -- /v/plain
    refused 126 /v/plain
    bailey run -v "$place:/v" -- /v
    refused 126 /v
}

@test "wrong architecture, truncated and hostile ELF files: 126" {
    cp /bin/true good
    head -c 100 good >short
    head -c 20 good >shorter
    cp good arm && printf '\xb7\x00' | dd of=arm bs=1 seek=18 conv=notrunc status=none
    cp good bits32 && printf '\x01' | dd of=bits32 bs=1 seek=4 conv=notrunc status=none
    cp good manyph && printf '\xff\xff' | dd of=manyph bs=1 seek=56 conv=notrunc status=none
    cp good farph && printf '\xff\xff\xff\xff\xff\xff\xff\x7f' | dd of=farph bs=1 seek=32 conv=notrunc status=none
    printf '\x7fELF' >magic
    : >empty
    printf '#!/no/such/interpreter\n' >script
    chmod 755 -- *
    for file in short shorter arm bits32 manyph farph magic empty; do
        bailey run -v "$place:/v" -- "/v/$file"
        refused 126 "/v/$file"
    done
    bailey run -v "$place:/v" -- /v/script
    [ "$status" = 126 ] || [ "$status" = 127 ] || fail "missing interpreter"
}

@test "scripts run by their interpreter, with arguments" {
    printf '#!/bin/sh -e\necho "$0 $1 $#"\n' >script
    chmod 755 script
    bailey run -v "$place:/v" -- /v/script 'a b' c
    answered 0 "/v/script a b 2"
}

@test "the program's own options are its own" {
    bailey run echo -n --help
    answered 0 "--help"
    bailey run -- echo -- x
    answered 0 "-- x"
}

@test "standard input: a pipe, a file, closed" {
    try bash -c "printf 'a\nb\n' | '$BAILEY' run -- wc -l"
    answered 0 2
    printf 'from a file\n' >in
    try bash -c "'$BAILEY' run -- cat <in"
    answered 0 "from a file"
    try bash -c "'$BAILEY' run -- sh -c 'cat 2>/dev/null || echo closed' <&-"
    answered 0 closed
}

@test "a reader and its shell share one file position" {
    printf 'one\ntwo\nthree\n' >in
    try bash -c "{ '$BAILEY' run -- sh -c 'read a; echo got \$a'; cat; } <in"
    [ "${lines[0]}" = "got one" ] || fail "first line"
    [ "${lines[1]}" = two ] || fail "the rest is for the next reader"
}

@test "output and errors keep apart, order within one stream is kept" {
    bailey run -- sh -c 'echo out; echo err >&2'
    [[ $status = 0 && $output = out && $stderr = err ]] || fail "streams mixed"
    try bash -c "'$BAILEY' run -- sh -c 'for i in 1 2 3; do echo o\$i; echo e\$i >&2; done' 2>&1"
    answered 0 "o1
e1
o2
e2
o3
e3"
}

@test "appending to a file, as >> does" {
    echo first >log
    "$BAILEY" run -- echo second >>log
    try cat log
    answered 0 "first
second"
}

@test "a closed pipe ends a writer with SIGPIPE" {
    try bash -c "'$BAILEY' run -- yes | head -n 1; echo \${PIPESTATUS[0]}"
    answered 0 "y
141"
}

@test "a full device is an error of the program's" {
    try bash -c "'$BAILEY' run -- echo x >/dev/full"
    [ "$status" = 1 ] && [[ $stderr == *"No space left"* ]] || fail "write error"
}

@test "the environment is a container's minimum" {
    export SECRET=1 LANG=C.UTF-8 TERM=dumb
    bailey run -- env
    [ "$status" = 0 ]
    [[ $output != *SECRET* ]] || fail "the caller's environment got in"
    [[ $output == *PATH=* && $output == *HOME=/root* && $output == *TERM=dumb* && $output == *LANG=C.UTF-8* ]] ||
        fail "a default is missing"
}

@test "-e and --env-file" {
    export GIVEN=caller
    printf '# comment\nFILE=1\nGIVEN\n' >env
    bailey run -e A=1 -eB='2 3' --env A=4 -e GIVEN -e UNSET_ONE -e HOME=/x --env-file=env -- \
        sh -c 'echo "$A|$B|$GIVEN|${UNSET_ONE-unset}|$HOME|$FILE"'
    answered 0 "4|2 3|caller|unset|/x|1"
}

@test "PATH is searched inside" {
    mkdir bin && printf '#!/bin/sh\necho mine\n' >bin/tool && chmod 755 bin/tool
    bailey run -v "$place/bin:/v" -e PATH=/v:/bin -- tool
    answered 0 mine
}

@test "--workdir, and the caller's directory without it" {
    bailey run -w /usr/lib -- pwd
    answered 0 /usr/lib
    bailey run -w /no/such/dir -- pwd
    refused 125 /no/such/dir
    cd /usr/share && bailey run -- pwd
    answered 0 /usr/share
}

@test "--user by name and by number" {
    bailey run -- id -u
    answered 0 0
    bailey run -u 1234:55 -- sh -c 'id -u; id -g'
    answered 0 "1234
55"
    bailey run -u nobody -- sh -c 'id -un; echo $HOME'
    answered 0 "nobody
/nonexistent"
}

@test "--hostname" {
    bailey run --hostname tower -- uname -n
    answered 0 tower
    bailey run --hostname tower -- cat /proc/sys/kernel/hostname
    answered 0 tower
}

@test "-v: reading, writing, read-only, one file" {
    mkdir d && echo hello >d/file
    bailey run -v "$place/d:/data" -- sh -c 'cat /data/file; echo new >/data/new'
    answered 0 hello
    [ "$(cat d/new)" = new ] || fail "the write did not reach the host"
    bailey run -v "$place/d:/data:ro" -- sh -c 'echo x >/data/file'
    [ "$status" != 0 ] && [[ $stderr == *"Read-only file system"* ]] || fail "written to a read-only volume"
    [ "$(cat d/file)" = hello ]
    bailey run -v d/file:/etc/motd:ro -- cat /etc/motd
    answered 0 hello
}

@test "a volume cannot be left by .. or a symbolic link" {
    mkdir d && echo secret >outside && ln -s "$place/outside" d/link && ln -s .. d/up
    bailey run -v "$place/d:/data" -w /data -- sh -c 'cat link up/outside ../outside 2>/dev/null; echo done'
    answered 0 "done"
}

@test "changes to the root stay inside" {
    bailey run -- sh -c 'echo x >/etc/bailey-test && cat /etc/bailey-test && rm /etc/hostname && ls /etc/hostname'
    [[ $output == x ]] || fail "the root is writable inside"
    [ ! -e /etc/bailey-test ] || fail "it reached the host"
    [ -e /etc/hostname ] || fail "it reached the host"
}

@test "--read-only" {
    bailey run --read-only -- sh -c 'echo x >/etc/x'
    [ "$status" != 0 ] && [[ $stderr == *"Read-only file system"* ]] || fail "written"
}

@test "--root" {
    mkdir -p r/bin r/lib64 r/etc
    cp /bin/sh r/bin/ && echo inside >r/etc/name
    cp /lib64/ld-linux-x86-64.so.2 r/lib64/ && mkdir -p r/lib/x86_64-linux-gnu &&
        cp /lib/x86_64-linux-gnu/libc.so.6 r/lib/x86_64-linux-gnu/
    bailey run --root r -- /bin/sh -c 'read name </etc/name; echo $name; echo x >/new; echo /*'
    [ "${lines[0]}" = inside ] || fail "--root"
    [[ ${lines[1]} == *new* && ${lines[1]} != *usr* ]] || fail "listing"
    [ ! -e r/new ] || fail "the root directory changed"
}

@test "a volume file that vanishes in mid-read" {
    head -c 50000000 /dev/zero >big
    bailey run -v "$place:/v" -- sh -c 'exec 3</v/big; head -c 10 <&3 >/dev/null; rm /v/big; wc -c <&3'
    [ "$status" = 0 ] || fail "reading on"
}

@test "--trace on standard error and in a file" {
    bailey run --trace -- true
    [ "$status" = 0 ] && [[ $stderr == *mmap\(* && $stderr == *"exited with 0"* ]] ||
        fail "trace"
    bailey run --trace=calls -- echo x
    answered 0 x
    [ -z "$stderr" ] || fail "the trace went to standard error as well"
    grep -q 'write(1, "x\\n", 2).*= 2' calls || fail "$(cat calls)"
}

@test "--stats: what was counted, by call" {
    bailey run --stats -- sh -c 'for i in 1 2 3; do /bin/true; done; exit 3'
    [ "$status" = 3 ] && [ -z "$output" ] || fail "the program's own output"
    local line
    for line in "calls [0-9]*: .*mmap" "[0-9]* calls trapped; [0-9]* sites rewritten" \
        "host calls [0-9]*: .*mmap" "requests [0-9]*: .*attributes_get" "on the host [0-9]* faults" \
        "[0-9]* control calls"; do
        grep -q "^bailey: stats: .*$line" <<<"$stderr" || fail "expected '$line'"
    done
    bailey run -- true
    answered 0 ""
    [ -z "$stderr" ] || fail "nothing without --stats"
}

@test "--timeout: 124, also for a program that ignores SIGTERM" {
    bailey run --timeout 1 -- sleep 30
    [ "$status" = 124 ] || fail "124 expected"
    bailey run --timeout 1 -- sh -c 'trap "" TERM; while :; do sleep 1; done'
    [ "$status" = 124 ] || fail "124 expected"
}

@test "--memory: the program meets a limit, and the message says so if it is killed" {
    bailey run --memory 64m -- python3 -c '
try:
    b = bytearray(200 << 20)
    print("got it")
except MemoryError:
    print("ENOMEM")'
    [ "$output" = ENOMEM ] || { [ "$status" = 137 ] && [[ $stderr == *memory* ]]; } || fail "limit"
}

@test "a full disk under a volume is the program's ENOSPC" {
    [ "$(id -u)" = 0 ] || skip "mounting needs root"
    mkdir small && mount -t tmpfs -o size=1m tmpfs small || skip "no tmpfs here"
    bailey run -v "$place/small:/v" -- sh -c 'dd if=/dev/zero of=/v/f bs=64k count=64 2>&1'
    umount small
    [ "$status" = 1 ] && [[ $output == *"No space left on device"* ]] || fail "ENOSPC"
}

@test "--diff: a list and an archive of what changed" {
    program='import os
open("/etc/new", "w").write("x" * 1000)
open("/etc/hostname", "a").write("more")
os.remove("/etc/passwd")
os.makedirs("/srv/a/" + "n" * 120)
os.symlink("/target", "/srv/a/link")'
    long=$(printf 'n%.0s' {1..120})
    bailey run -w / --diff - -- python3 -c "$program"
    [ "$status" = 0 ] || fail "run"
    listed=$(sort <<<"$stderr")
    [ "$listed" = "A /etc/new
A /srv
A /srv/a
A /srv/a/link
A /srv/a/$long
C /etc
C /etc/hostname
D /etc/passwd" ] || fail "list: $listed"
    bailey run -w / --diff d.tar -- python3 -c "$program"
    answered 0 ""
    bailey diff d.tar
    [ "$(sort <<<"$output")" = "$listed" ] || fail "archive"
    mkdir x && tar -C x -xf d.tar
    [ "$(wc -c <x/etc/new)" = 1000 ] && [ -e x/etc/.wh.passwd ] && [ "$(readlink x/srv/a/link)" = /target ] ||
        fail "extracted"
    [[ $(cat x/etc/hostname) == "$(cat /etc/hostname)"*more ]] || fail "changed file"
}

@test "--diff of a run that does not begin, or on a full disk" {
    bailey run --diff d.tar -- no-such-program
    refused 127 no-such-program
    [ ! -e d.tar ] || fail "an empty archive is left"
    bailey run --diff /dev/full -- true
    refused 125 --diff "No space left"
}

@test "setarch: the same addresses each time, another machine's name" {
    bailey run -- setarch -R sh -c 'head -1 /proc/$$/maps; sh -c "head -1 /proc/\$\$/maps; :"; cat /proc/self/personality'
    [ "$status" = 0 ] || fail "setarch -R"
    [ "${#lines[@]}" = 3 ] && [ "${lines[0]}" = "${lines[1]}" ] || fail "addresses differ: $output"
    [ "${lines[2]}" = 00040000 ] || fail "$output"
    bailey run -- setarch i686 uname -m
    [ "$output" = i686 ] || fail "$output"
}
