# Sandboxes and the network of this machine's loopback: published ports, connections out,
# what the rules let through, what a hostile or slow other side does.
load helper
load network

@test "a published port" {
    inside -p 127.0.0.1:0:80 -- serve 80 2
    outside get "$port"
    answered 0 PING
    outside get "$port"
    answered 0 PING
    wait "$main"
    [ "$(tail -n 2 out)" = "192.0.0.8 80
192.0.0.8 80" ] || fail "$(cat out)"
}

@test "published: nobody listens inside, before or after" {
    : >out
    mkfifo hold
    exec 5<>hold # nobody writes, and it does not end
    timeout 300 "$BAILEY" run -p 127.0.0.1:0:80 -- sh -c 'echo ready; read x' >out 2>err <hold 3>&- &
    others+=($!)
    eventually 20 grep -q ready out
    port=$(sed -n 's/.*published at .*:\([0-9]*\).*/\1/p' err)
    outside refused "$port"
    answered 0 refused
    inside -p 127.0.0.1:0:80 -- serve 80 1
    outside get "$port"
    answered 0 PING
    wait "$main"
    outside refused "$port"
    answered 0 refused
}

@test "published: IPv6, UDP" {
    has_ipv6 || skip "a host without IPv6"
    inside -p '[::1]:0:53/udp' -p 127.0.0.1:0:53/udp -- udp 53 2
    [ "$(grep -c published err)" = 2 ]
    port=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' err)
    outside udp "$port"
    answered 0 PING
    outside udp "$port"
    answered 0 PING
    wait "$main"
    [ "$(tail -n 1 out)" = 192.0.0.8 ]
}

@test "published: the port is in use, or low" {
    peer serve 127.0.0.1
    bailey run -p "127.0.0.1:$port:80" true
    refused 125 "127.0.0.1:$port" "in use"
    inside -p 127.0.0.1:0:80 -- serve 80 1
    bailey run -q -p "127.0.0.1:$port:80" true
    refused 125 "in use"
    outside get "$port"
    answered 0 PING
    if [ "$(id -u)" != 0 ] && [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 80 ]; then
        bailey run -p 127.0.0.1:80:80 true
        refused 125 "127.0.0.1:80" "denied" 1024
    fi
}

@test "published: a port that another sandbox has, which doesn't listen yet or any more" {
    local first second
    inside -p 127.0.0.1:0:80 -- ask 192.0.0.8 9 1 # never listens
    first=$port
    for address in "127.0.0.1:$first" "0.0.0.0:$first"; do
        bailey run -q -p "127.0.0.1:0:81" -p "$address:80" -- sh -c 'echo started'
        refused 125 "$address" "in use"
    done
    local six=()
    ! has_ipv6 || six=(-p "[::1]:$first:80")
    bailey run -q "${six[@]}" -p "127.0.0.2:$first:80" -- echo started
    answered 0 started
    inside -p 127.0.0.1:0:80 -- serve 80 2
    outside get "$port"
    answered 0 PING
    bailey run -q -p "127.0.0.1:$port:80" true
    refused 125 "127.0.0.1:$port" "in use"
    outside get "$port"
    answered 0 PING
    wait "$main"
    first=$port # old connections linger, which is no hindrance
    inside -p "127.0.0.1:$first:80" -- serve 80 1
    outside get "$first"
    answered 0 PING
}

@test "published: two resumed from one snapshot, the second with a port of its own" {
    local first second
    bailey run -p 127.0.0.1:0:80 true # a port that is free
    first=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' <<<"$stderr")
    inside --name web -p "127.0.0.1:$first:80" -- serve 80 9
    bailey save -o saved web
    answered 0 saved
    wait "$main" || true
    timeout 300 "$BAILEY" resume -q --name one --grant saved >out 2>err </dev/null 3>&- &
    others+=($!)
    eventually 20 "$BAILEY" exec one true 2>/dev/null
    bailey resume -q --name two --grant saved
    refused 125 "127.0.0.1:$first" "in use"
    bailey ps
    [[ $output != *two* ]] || fail "half of it was started"
    outside get "$first"
    answered 0 PING
    timeout 300 "$BAILEY" resume -q --name two --net none -p 127.0.0.1:0:80 -v "$place:/t:ro" saved >out2 2>err2 </dev/null 3>&- &
    others+=($!)
    eventually 20 "$BAILEY" exec two true 2>/dev/null || fail "$(cat err2)"
    "$BAILEY" ps --json >ps
    second=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' ps | grep -vx "$first")
    outside get "$second"
    answered 0 PING
    outside get "$first"
    answered 0 PING
}

@test "published: two listeners that share the port, then one of them" {
    inside -p 127.0.0.1:0:80 -- group 80 100
    for _ in $(seq 50); do
        ! grep -q left out || break
        outside get "$port"
        answered 0 PING
    done
    grep -q 'one left' out || fail "$(cat out)"
    eventually 10 timeout 300 python3 peer.py get "$port" >/dev/null 2>&1 || fail "nobody took the port over"
    outside get "$port"
    answered 0 PING
}

@test "published: a hundred connections that are reset, then one that is not" {
    inside -p 127.0.0.1:0:80 -- serve 80 101
    outside abort "$port" 100
    outside get "$port"
    answered 0 PING
}

@test "published: many idle connections, and one that works among them" {
    local n=10000 most
    most=$(ulimit -Hn)
    [ "$most" = unlimited ] || [ "$most" -ge 10500 ] || n=$((most - 500))
    inside -p 127.0.0.1:0:80 -- idle 80 "$n"
    before=$(awk '/VmRSS/ { print $2 }' "/proc/$(pgrep -P "$main")/status")
    mkfifo hold
    python3 peer.py flood "$port" "$n" <hold >flood.out 3>&- &
    flood=$!
    exec 4>hold
    eventually 60 grep -q "^$n" out || fail "$(cat out)"
    eventually 30 grep -q "$n" flood.out
    after=$(awk '/VmRSS/ { print $2 }' "/proc/$(pgrep -P "$main")/status")
    [ $((after - before)) -lt 1000 ] || fail "the monitor grew from $before to $after kB"
    exec 4>&-
    wait "$flood"
    eventually 20 grep -q 'all closed' out
}

@test "published: more connections than a program has descriptors for" {
    inside -p 127.0.0.1:0:80 -- limited 80 100
    outside flood "$port" 100
    answered 0 100
    eventually 20 grep -q 'all 100' out || fail "$(cat out err)"
    grep -q EMFILE out
}

@test "published: bailey ps says where" {
    inside --name web -p 127.0.0.1:0:80 -p 127.0.0.1:0:53/udp -- serve 80 1
    bailey ps
    [[ $output == *"127.0.0.1:$port -> 80, 127.0.0.1:"*"/udp -> 53"* ]] || fail "no ports"
    bailey ps --json
    [[ $output == *"\"127.0.0.1:$port -> 80\""* ]] || fail "no ports"
}

@test "nothing is reached by default" {
    peer serve 127.0.0.1
    run_inside -- try 192.0.0.8 "$port" 10.0.0.1 80 fd00::1 80
    answered 0 "192.0.0.8 $port ENETUNREACH
10.0.0.1 80 ENETUNREACH
fd00::1 80 ENETUNREACH"
}

@test "the host's loopback by its name, and nothing else of it" {
    peer serve 127.0.0.1
    run_inside --net "allow=host-loopback:$port" -- get host-loopback "$port"
    answered 0 PING
    run_inside --net "allow=host-loopback:$port" -- \
        try 192.0.0.8 $((port ^ 1)) 127.0.0.1 "$port" ::1 "$port" ::ffff:127.0.0.1 "$port" 0.0.0.0 "$port" :: "$port" \
        ::ffff:192.0.0.8 "$port" 10.0.0.1 "$port"
    answered 0 "192.0.0.8 $((port ^ 1)) EACCES
127.0.0.1 $port ECONNREFUSED
::1 $port ECONNREFUSED
::ffff:127.0.0.1 $port ECONNREFUSED
0.0.0.0 $port ECONNREFUSED
:: $port ECONNREFUSED
::ffff:192.0.0.8 $port connected
10.0.0.1 $port EACCES"
    run_inside --net host -- try 192.0.0.8 "$port" 127.0.0.1 "$port" 169.254.169.254 80 fe80::1 80 fd00:ec2::254 80
    answered 0 "192.0.0.8 $port EACCES
127.0.0.1 $port ECONNREFUSED
169.254.169.254 80 EACCES
fe80::1 80 EACCES
fd00:ec2::254 80 EACCES"
}

@test "refused, without and with waiting" {
    run_inside --net allow=host-loopback:9 -- try 192.0.0.8 9
    answered 0 "192.0.0.8 9 ECONNREFUSED"
    run_inside --net allow=host-loopback:9 -- async 192.0.0.8 9
    [[ $output =~ ^(EINPROGRESS|ECONNREFUSED).events\ (ECONNREFUSED|0)$ ]] || fail "connect"
}

@test "a connection that never comes doesn't hold up others" {
    peer blackhole 127.0.0.1
    hole=$port
    peer serve 127.0.0.1
    run_inside --net 'allow=host-loopback:*' -e "HOLE=$hole" -- try 192.0.0.8 "$hole" 192.0.0.8 "$port"
    answered 0 "192.0.0.8 $hole timeout
192.0.0.8 $port connected"
    run_inside --net 'allow=host-loopback:*' -- async 192.0.0.8 "$hole"
    answered 0 "EINPROGRESS
nothing 0"
}

@test "a peer that resets in the middle, and one that never reads" {
    peer reset 127.0.0.1
    run_inside --net 'allow=host-loopback:*' -- pour 192.0.0.8 "$port"
    [[ $output =~ ^(ECONNRESET|EPIPE)\ True$ ]] || fail "pour"
    peer mute 127.0.0.1
    mute=$port
    peer serve 127.0.0.1
    timeout 300 "$BAILEY" run -q --net 'allow=host-loopback:*' -v "$place:/t:ro" -- \
        sh -c "python3 /t/inside.py pour 192.0.0.8 $mute & python3 /t/inside.py get 192.0.0.8 $port; kill \$!" >out </dev/null 3>&-
    [ "$(cat out)" = PING ]
}

@test "options reach the host's socket" {
    peer serve 127.0.0.1
    run_inside --net 'allow=host-loopback:*' -- options 192.0.0.8 "$port"
    answered 0 "1 30 1 1 True"
}

# A name server of the tests; $dns is where it is, and what it was asked is in `asked`.
name_server() {
    : >dns.out
    python3 dns_server.py 127.0.0.1 asked >dns.out 2>dns.err 3>&- &
    others+=($!)
    eventually 10 test -s dns.out || fail "no name server: $(cat dns.err)"
    dns=127.0.0.1:$(cat dns.out)
}

@test "names: what is allowed is asked, nothing else leaves" {
    name_server
    bailey run -q --dns "$dns" --net allow=A10-1-2-3.Test.:80 -- sh -c '
        getent ahostsv4 a10-1-2-3.test | head -n 1
        getent ahostsv4 A10-1-2-3.TEST. | head -n 1
        getent ahostsv4 secret.a10-1-2-3.test || echo no
        getent ahostsv4 a10-1-2-3.test.evil.test || echo no
        getent ahostsv4 xa10-1-2-3.test || echo no'
    [ "$(grep -c '^10.1.2.3 ' <<<"$output")" = 2 ] || fail "answers"
    [ "$(grep -c '^no$' <<<"$output")" = 3 ] || fail "refusals"
    ! grep -qvi '^a10-1-2-3.test [0-9]* [0-9]*$' asked || fail "$(cat asked)"
    ! grep -q '[A-Z]' asked || fail "the spelling went out: $(cat asked)"
}

@test "names: by TCP, as a whole where a datagram is too short for the answer" {
    name_server
    bailey run -q --dns "$dns" --net host -- sh -c '
        getent ahostsv4 big.test | grep -c STREAM
        export RES_OPTIONS="use-vc"
        for n in a10-1-2-3 alias; do getent ahostsv4 $n.test | head -n 1; done
        export RES_OPTIONS="use-vc timeout:1 attempts:1"
        for n in missing liar hangup; do getent ahostsv4 $n.test | head -n 1 || echo $n; done'
    answered 0 "3000
10.1.2.3        STREAM a10-1-2-3.test
10.9.8.7        STREAM a10-9-8-7.test"
    bailey run -q --dns "$dns" --net allow=a10-1-2-3.test:80 -- sh -c '
        export RES_OPTIONS=use-vc
        getent ahostsv4 a10-1-2-3.test | head -n 1 | cut -d" " -f1
        getent ahostsv4 secret.a10-1-2-3.test || echo no'
    answered 0 "10.1.2.3
no"
    ! grep -q secret asked || fail "it went out"
    bailey run -q --dns 127.0.0.1:9 --net host -- sh -c 'RES_OPTIONS=use-vc getent ahostsv4 any.test || echo no'
    answered 0 no
}

@test "names: clients by TCP that are slow, send nonsense, don't read, are many" {
    name_server
    run_inside --dns "$dns" --net host -- resolver
    answered 0 "byte by byte: 10.1.2.3
two at once: 10.1.2.3 10.1.2.4, then 1 more
too long: ended
not read: ended
refused after 64: True
again: 10.1.2.3"
    run_inside --dns "$dns" --net 'allow=host-loopback:9' -- try 127.0.0.53 54 127.0.0.53 53 127.0.0.1 53
    answered 0 "127.0.0.53 54 ECONNREFUSED
127.0.0.53 53 connected
127.0.0.1 53 ECONNREFUSED"
}

@test "names: every name with --net host; servers that lie, and none" {
    name_server
    bailey run -q --dns "$dns" --net host -- sh -c '
        for n in alias six liar stranger many; do getent ahosts $n.test | head -n 1 | cut -d" " -f1; done
        for n in missing nothing broken loop; do getent ahosts $n.test || echo $n; done'
    answered 0 "10.9.8.7
fd00::7
10.1.2.3
10.1.2.3
10.1.1.0
missing
nothing
broken
loop"
    bailey run -q --dns 127.0.0.1:9 --net host -- getent ahosts any.test
    [ "$status" = 2 ]
}

@test "names: an address that was not the answer stays out of reach" {
    name_server
    run_inside --dns "$dns" --net allow=a10-1-2-3.test:80,a127-0-0-1.test:80,a169-254-169-254.test:80 -- \
        try 10.1.2.3 80 10.1.2.4 80 192.0.0.8 80
    answered 0 "10.1.2.3 80 EACCES
10.1.2.4 80 EACCES
192.0.0.8 80 EACCES"
    bailey run -q --dns "$dns" --net allow=a169-254-169-254.test:80 -v "$place:/t:ro" -- sh -c '
        getent ahostsv4 a169-254-169-254.test | head -n 1 | cut -d" " -f1
        python3 /t/inside.py try 169.254.169.254 80'
    answered 0 "169.254.169.254
169.254.169.254 80 EACCES"
}

@test "no names of the host's own" {
    bailey run -q --net host --dns 127.0.0.1:9 -- cat /etc/hosts /etc/resolv.conf
    [[ $output == *"nameserver 127.0.0.53"* ]]
    [[ $output == *"192.0.0.8"*host-loopback* ]]
    ! grep -v -e localhost -e '^#' -e '^ff0' -e ' *ip6-' /etc/hosts | awk 'NF > 1 { print $2 }' | grep -qxFf - <(tr -s ' \t' '\n' <<<"$output") ||
        fail "a name of the host"
}

# In a network of its own, with addresses that are this machine's and no loopback's.
@test "addresses, networks and names in a network namespace" {
    has_ipv6 || skip "a host without IPv6"
    unshare -rn true 2>/dev/null || skip "no user namespaces"
    command -v ip >/dev/null || skip "no ip"
    cat >script <<END
set -e
ip link set lo up
for a in 10.1.2.3 10.1.2.4 10.2.0.1 169.254.169.254; do ip addr add \$a/32 dev lo; done
ip addr add fd00::7/128 dev lo nodad
ip route add unreachable 10.4.0.0/16
ip route add prohibit 10.5.0.0/16
python3 dns_server.py 127.0.0.1 asked >dns.out & dns=\$!
start() { python3 peer.py serve \$1 >serve.\$1 & servers="\$servers \$!"; }
for a in 10.1.2.3 10.1.2.4 10.2.0.1 169.254.169.254 fd00::7; do start \$a; done
for a in 10.1.2.3 10.1.2.4 10.2.0.1 169.254.169.254 fd00::7 x; do
    for i in \$(seq 100); do [ \$a = x ] || [ -s serve.\$a ] || sleep 0.05; done
done
p() { cat serve.\$1; }
go() { $BAILEY run -q --dns 127.0.0.1:\$(cat dns.out) --net "\$1" -v "$place:/t:ro" -- sh -c "\$2"; }
go allow=10.1.0.0/16:\$(p 10.1.2.3) "python3 /t/inside.py try 10.1.2.3 \$(p 10.1.2.3) 10.1.2.4 \$(p 10.1.2.4) 10.2.0.1 \$(p 10.1.2.3)"
go "allow=[fd00::]/16:*" true 2>&1 | grep -c bailey || true
go "allow=[fd00::/16]:*" "python3 /t/inside.py get fd00::7 \$(p fd00::7)"
go "allow=a10-1-2-3.test:\$(p 10.1.2.3)" "python3 /t/inside.py get a10-1-2-3.test \$(p 10.1.2.3); python3 /t/inside.py get 10.1.2.3 \$(p 10.1.2.3); python3 /t/inside.py try 10.1.2.4 \$(p 10.1.2.4)"
go "allow=alias.test:*,six.test:*" "python3 /t/inside.py get six.test \$(p fd00::7); python3 /t/inside.py try 10.1.2.3 \$(p 10.1.2.3)"
go host "python3 /t/inside.py get 10.2.0.1 \$(p 10.2.0.1); python3 /t/inside.py try 169.254.169.254 \$(p 169.254.169.254) 10.3.3.3 5"
go "allow=169.254.169.254:*" "python3 /t/inside.py get 169.254.169.254 \$(p 169.254.169.254)"
go "allow=*:\$(p 10.1.2.3)" "python3 /t/inside.py try 10.1.2.3 \$(p 10.1.2.3) 169.254.169.254 \$(p 10.1.2.3)"
go "allow=10.0.0.0/8:*" "python3 /t/inside.py try 10.4.0.1 80 10.5.0.1 80 10.6.0.1 80; python3 /t/inside.py send 10.4.0.1 80 10.6.0.1 80"
go "allow=10.1.2.3:7" "python3 /t/inside.py send 10.1.2.3 7 10.1.2.3 8"
kill \$dns \$servers
sed 's/^/port of /' serve.*
END
    try unshare -rn bash script
    mapfile -t ports < <(cat serve.10.1.2.3 serve.10.1.2.4 serve.169.254.169.254)
    [ "$(grep -v '^port of' <<<"$output")" = "10.1.2.3 ${ports[0]} connected
10.1.2.4 ${ports[1]} EACCES
10.2.0.1 ${ports[0]} EACCES
1
PING
PING
PING
10.1.2.4 ${ports[1]} EACCES
PING
10.1.2.3 ${ports[0]} EACCES
PING
169.254.169.254 ${ports[2]} EACCES
10.3.3.3 5 ENETUNREACH
PING
10.1.2.3 ${ports[0]} connected
169.254.169.254 ${ports[0]} EACCES
10.4.0.1 80 EHOSTUNREACH
10.5.0.1 80 EACCES
10.6.0.1 80 ENETUNREACH
10.4.0.1 80 EHOSTUNREACH
10.6.0.1 80 ENETUNREACH
10.1.2.3 7 ECONNREFUSED
10.1.2.3 8 EACCES" ] || fail "in the namespace"
}

@test "a named network: members reach each other, others nothing" {
    inside --name web --net name=demo -- serve 80 2
    run_inside --name db --net name=demo -- get web 80
    answered 0 PING
    run_inside --name db --net name=demo -- get WEB 80
    answered 0 PING
    wait "$main"
    grep -q '^198\.1[89]\.' out || fail "$(cat out)"
    inside --name web --net name=demo -- serve 80 1
    run_inside --name db --net name=demo -- get web 81
    answered 0 ECONNREFUSED
    run_inside --name db --net name=other -- get web 80
    answered 0 "no address"
    run_inside --net host --dns 127.0.0.1:9 -- get web 80
    answered 0 "no address"
    bailey run --name web --net name=demo -- true
    refused 125 web
    run_inside --name db --net name=demo -- try 192.0.0.8 80 10.0.0.1 80 198.18.0.1 80
    answered 0 "192.0.0.8 80 EACCES
10.0.0.1 80 EACCES
198.18.0.1 80 EHOSTUNREACH"
    run_inside --name db --net name=demo -- get web 80
    answered 0 PING
    eventually 10 test -z "$(ls .net-demo 2>/dev/null; ls bailey/.net-demo)" || fail "$(ls bailey/.net-demo)"
}

@test "a member that was killed leaves its name free" {
    inside --name web --net name=demo -- serve 80 1
    kill -KILL "$(pgrep -P "$main")"
    wait "$main" || true
    run_inside --name db --net name=demo -- get web 80
    answered 0 "no address"
    inside --name web --net name=demo -- serve 80 1
    run_inside --name db --net name=demo -- get web 80
    answered 0 PING
}

@test "nothing of the network is left after the end" {
    inside -p 127.0.0.1:0:80 --net host --dns 127.0.0.1:9 --name web --net name=demo -- serve 80 9
    monitor=$(pgrep -P "$main")
    all=$(pgrep -P "$monitor")
    [ "$(wc -w <<<"$all")" -ge 2 ] || fail "no service: $all"
    kill -KILL "$monitor"
    wait "$main" || true
    eventually 10 eval '! ps -p $(tr -s " \n" "," <<<"$all" | sed "s/,$//") >/dev/null' || fail "left: $(ps -p "$all")"
    outside refused "$port"
    answered 0 refused
}
