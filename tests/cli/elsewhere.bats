load helper

# A snapshot goes on for another user and in other namespaces than those it was made in.

setup_file() {
    bailey=${BAILEY:-$BATS_TEST_DIRNAME/../../build/bailey}
    export SNAPSHOTS=$BATS_FILE_TMPDIR/snapshots
    mkdir "$SNAPSHOTS" && cp "$BATS_TEST_DIRNAME"/../objects/*.py "$SNAPSHOTS" && cd "$SNAPSHOTS"
    chmod 755 "$BATS_FILE_TMPDIR" .
    for name in streams files processes; do
        XDG_RUNTIME_DIR=$SNAPSHOTS "$bailey" run -q --save-to $name.bailey -- /usr/bin/python3 $name.py >$name.out 2>&1 </dev/null 3>&-
    done
    chmod 644 ./*.bailey
}

# Each of them goes on in an environment and finds all that it had.
go_on_in() { # COMMAND...: what the environment is entered with
    local name
    cd "$SNAPSHOTS"
    for name in streams files processes; do
        [ "$(cat $name.out)" = ok ] || fail "the original: $(cat $name.out)"
        try timeout 60 "$@" "$BAILEY" resume -q $name.bailey </dev/null 3>&-
        answered 0 ok
    done
}

can() { "$@" true 2>/dev/null || skip "the host refuses $*"; }

# Root has these of its own; an ordinary user becomes one in a user namespace.
apart() { [ "$(id -u)" = 0 ] && echo unshare "$@" || echo unshare -U -r "$@"; }

# $enter makes another user of root, who has a runtime directory and the program.
become_other() {
    [ "$(id -u)" = 0 ] || skip "not root"
    mkdir -m 700 "$place/of-12345" && chown 12345 "$place/of-12345"
    enter=(setpriv --reuid=12345 --regid=12345 --clear-groups env "XDG_RUNTIME_DIR=$place/of-12345")
    can "${enter[@]}"
    cp "$BAILEY" "$place/bailey" && BAILEY=$place/bailey # its own may lie where others can't go
}

@test "another user's: root's by an ordinary one" {
    become_other
    cp -r "$SNAPSHOTS" "$place/snapshots" && SNAPSHOTS=$place/snapshots
    go_on_in "${enter[@]}"
}

@test "another user's: an ordinary one's by root" {
    become_other
    mkdir -m 777 made && cp "$SNAPSHOTS"/*.py made && cd made
    for name in streams files processes; do
        try "${enter[@]}" "$BAILEY" run -q --save-to $name.bailey -- /usr/bin/python3 $name.py </dev/null 3>&-
        answered 0 ok
        try timeout 60 "$BAILEY" resume -q $name.bailey </dev/null 3>&-
        answered 0 ok
    done
}

@test "in a user namespace" {
    can unshare -U
    go_on_in unshare -U -r
}

@test "in another mount namespace, where the base is mounted anew and /tmp is another" {
    read -ra enter < <(apart -m)
    can "${enter[@]}"
    cat >enter <<'END'
#!/bin/sh
mount --bind /usr /usr && mount -o remount,bind,ro /usr && exec "$@"
END
    chmod 755 enter
    can "${enter[@]}" "$place/enter"
    go_on_in "${enter[@]}" "$place/enter"
}

@test "in another network namespace" {
    read -ra enter < <(apart -n)
    can "${enter[@]}"
    go_on_in "${enter[@]}"
}

@test "in a PID namespace" {
    read -ra enter < <(apart -p -f --mount-proc)
    can "${enter[@]}"
    go_on_in "${enter[@]}"
}

@test "a published port, in another network namespace" {
    command -v ip >/dev/null || skip "no ip"
    read -ra enter < <(apart -n)
    "${enter[@]}" ip link set lo up 2>/dev/null || skip "the host refuses ${enter[*]}"
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$BAILEY" run -q --name web -p "127.0.0.1:$port:80" -- python3 -c '
import socket
l = socket.create_server(("0.0.0.0", 80))
print("ready", flush=True)
while True:
    l.accept()[0].sendall(b"hello")' >out 2>&1 </dev/null 3>&- &
    eventually 30 grep -q ready out || fail "$(cat out)"
    "$BAILEY" save web --keep -o file 2>/dev/null # the original keeps the port, out here
    cat >reach <<'END'
ip link set lo up
"$1" resume -q --grant --name copy file >log 2>&1 &
python3 -c '
import socket, sys, time
for n in range(600):
    try: c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
    except OSError: time.sleep(0.1)
    else: print(c.recv(10)); break' "$2"
"$1" kill copy >>log 2>&1
wait
END
    try timeout 90 "${enter[@]}" sh reach "$BAILEY" "$port" 3>&-
    [ "$output" = "b'hello'" ] || fail "$(cat log)"
}
