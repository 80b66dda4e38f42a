# What the tests of the network share: peers on the host, servers in sandboxes.

setup() {
    BAILEY=${BAILEY:-$BATS_TEST_DIRNAME/../../build/bailey}
    tests=$(cd "$BATS_TEST_DIRNAME/.." && pwd)/net
    place=$(mktemp -d)
    chmod 755 "$place"
    cp "$tests"/*.py "$place"
    cd "$place" || return 1
    export TMPDIR=$place XDG_RUNTIME_DIR=$place
    others=()
}

teardown() {
    for pid in "${others[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    kill $(jobs -p) 2>/dev/null || true # the sleeps that hold the peers' input open
    wait
    cd / && rm -rf "$place"
}

has_ipv6() { python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null; }

# A peer on the host; $port is where it listens.
peer() { # WHAT ARGUMENT...
    : >peer.out
    sleep 1000 | python3 peer.py "$@" >peer.out 2>peer.err 3>&- &
    others+=($!)
    eventually 10 test -s peer.out || fail "no peer: $(cat peer.err)"
    port=$(head -n 1 peer.out)
}

# A sandbox that serves: `inside OPTIONS -- WHAT...`; $main is its bailey.  What -p 0 picked is
# in $port.
inside() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    : >out
    timeout 300 "$BAILEY" run "${options[@]}" -v "$place:/t:ro" -- python3 /t/inside.py "$@" >out 2>err </dev/null 3>&- &
    main=$!
    others+=("$main")
    eventually 20 grep -q ready out || fail "not started: $(cat err)"
    port=$(sed -n 's/.*published at .*:\([0-9]*\).*/\1/p' err | head -n 1)
}

outside() { try timeout 300 python3 peer.py "$@" </dev/null; }
run_inside() { # OPTIONS -- WHAT...
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    bailey run -q "${options[@]}" -v "$place:/t:ro" -- python3 /t/inside.py "$@"
}
