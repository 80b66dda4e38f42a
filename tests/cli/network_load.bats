# Sandboxes under load from this machine: nobody is forgotten, whatever else happens meanwhile.
load helper
load network

@test "a server of one loop, saved under load, and again where it goes on" {
    inside --name loop -p 127.0.0.1:0:80 -- loop 80 9
    python3 peer.py rounds "$port" 2000 1 >alone.out 2>&1 3>&- &
    for i in 1 2; do
        bailey save --keep -o kept.$i loop
        answered 0 "kept.$i"
    done
    outside rounds "$port" 500 3
    answered 0 1500
    eventually 30 grep -q 2000 alone.out || fail "$(cat alone.out)"
    bailey save -o ended loop
    wait "$main" || true
    timeout 300 "$BAILEY" resume -q --name again --grant ended >out 2>err </dev/null 3>&- &
    main=$!
    others+=("$main")
    eventually 20 "$BAILEY" exec again true 2>/dev/null
    bailey exec again python3 /t/peer.py rounds 80 500 2
    answered 0 1000
    bailey kill again
    wait "$main" || true
    [ ! -s err ] || fail "$(cat err)"
}

# Of the monitor and the network service, in kB.
memory_outside() {
    local monitor
    monitor=$(pgrep -P "$main")
    cat "/proc/$monitor/status" $(pgrep -P "$monitor" | sed 's|.*|/proc/&/status|') 2>/dev/null |
        awk '/^Name:.*bailey/ { own = 1 } /^Name:/ && !/bailey/ { own = 0 } /VmRSS/ && own { n += $2 } END { print n }'
}

@test "a thousand connections that nobody accepts: others go on, nothing is kept" {
    local before after silent
    inside -p 127.0.0.1:0:80 -p 127.0.0.1:0:81 -- deaf 80 81
    silent=$port
    port=$(sed -n 's/.*port 81 is published at .*:\([0-9]*\).*/\1/p' err)
    before=$(memory_outside)
    outside besiege "$silent" 1000 "$port"
    answered 0 "10 True"
    grep -q 'drained True' out || fail "$(cat out)"
    after=$(memory_outside)
    [ $((after - before)) -lt 1000 ] || fail "from $before to $after kB"
    outside besiege "$silent" 100 "$port"
    answered 0 "1 True"
}

# In a network of its own, where packets with addresses of nobody may be sent, and get nowhere.
@test "half-open connections by the thousand" {
    unshare -rn true 2>/dev/null || skip "no user namespaces"
    command -v ip >/dev/null || skip "no ip"
    cat >script <<'END'
ip link set lo up
ip route add 192.0.2.0/24 dev lo
timeout 300 $BAILEY run -p 127.0.0.1:8080:80 -v "$PWD:/t:ro" -- python3 /t/inside.py loop 80 21 >out 2>err </dev/null 3>&- &
main=$!
for i in $(seq 1200); do grep -q ready out && break; sleep 0.1; done
before=$(memory_outside)
python3 peer.py syns 8080 10000
after=$(memory_outside)
[ $((after - before)) -lt 1000 ] || echo "from $before to $after kB"
wait $main
cat out
END
    export BAILEY
    { declare -f memory_outside; cat script; } >whole
    try timeout 300 unshare -rn bash whole
    [[ $output != *"not permitted"* && $stderr != *"not permitted"* ]] || skip "no raw sockets"
    answered 0 "40 True
ready
ended"
}

@test "fewer descriptors of the host than connections: who comes later waits, nobody is lost" {
    (ulimit -n 300) || skip "no limits"
    BAILEY_LOW=$BAILEY
    printf '#!/bin/sh\nulimit -n 300\nexec %s "$@"\n' "$(realpath "$BAILEY")" >low
    chmod 755 low
    BAILEY=$place/low
    inside -p 127.0.0.1:0:80 -- limited 80 600
    BAILEY=$BAILEY_LOW
    outside flood "$port" 600
    answered 0 600
    eventually 20 grep -q 'all 600' out || fail "$(tail -n 3 out) $(cat err)"
    BAILEY=$place/low
    inside -p 127.0.0.1:0:80 -- crowd 80 350
    outside flood "$port" 350
    answered 0 350
    eventually 20 grep -q 'all 350' out || fail "$(tail -n 3 out) $(cat err)"
    grep -q 'full True' out
    peer serve 127.0.0.1
    run_inside --net 'allow=host-loopback:*' -- connects 192.0.0.8 "$port"
    BAILEY=$BAILEY_LOW
    answered 0 "EMFILE True
EMFILE True
EMFILE True
PING"
}

@test "sendfile to the host: files in memory, holes, files of the host" {
    head -c 3000000 /dev/urandom >data
    inside -p 127.0.0.1:0:80 -- sendfile 80 /t/data
    outside digest "$port"
    python3 -c "import sys; o = sys.stdout.buffer; b = bytes(range(256)) * 4000
o.write(b + bytes(3000001 - len(b)) + b'after the hole' * 100000 + open('data', 'rb').read())" >wanted
    answered 0 "$(stat -c %s wanted) $(sha256sum wanted | cut -d' ' -f1)"
}
