# Named networks: datagrams between sandboxes of one user (connections are in
# network_reach.bats).
load helper
load network

@test "a named network: datagrams by name, answers and refusals" {
    inside --name web --net name=demo -- udp 53 2
    run_inside --name db --net name=demo -- send web 53 web 54 198.18.0.1 53 192.0.0.8 53
    answered 0 "web 53 PING
web 54 ECONNREFUSED
198.18.0.1 53 EHOSTUNREACH
192.0.0.8 53 EACCES"
    run_inside --name db --net name=other -- send web 53
    answered 0 "web 53 no address"
    run_inside --name db --net name=demo --net allow=10.0.0.1:53 -- send WEB 53
    answered 0 "WEB 53 PING"
    wait "$main"
    [ "$(grep -c '^198\.1[89]\.' out)" = 2 ] || fail "$(cat out)"
}

@test "a named network: many datagrams, large ones, many at once, both families" {
    inside --name web --net name=demo -- datagrams 7
    run_inside --name db --net name=demo -- many web 7 300 10
    answered 0 "300 3000 True"
    run_inside --name db --net name=demo -- many web 7 3 65000
    answered 0 "3 195000 True"
    run_inside --name db --net name=demo -- burst web 7 100
    answered 0 "100 500 True"
}

@test "a named network: a member that ends, is killed, is saved: the next by its name has the datagrams" {
    inside --name web --net name=demo -- udp 53 1
    timeout 300 "$BAILEY" run --name db --net name=demo -v "$place:/t:ro" -- \
        python3 /t/inside.py ask web 53 100000 >client.out 2>&1 </dev/null 3>&- &
    others+=($!)
    wait "$main"
    inside --name web --net name=demo -- udp 53 100000
    eventually 20 grep -q 198 out || fail "$(cat client.out)"
    kill -KILL "$(pgrep -P "$main")"
    wait "$main" || true
    inside --name web --net name=demo -- udp 53 100000
    eventually 20 grep -q 198 out || fail "$(cat client.out)"
    bailey save -o saved web
    answered 0 saved
    wait "$main" || true
    timeout 300 "$BAILEY" resume -q --grant saved >out 2>err </dev/null 3>&- &
    others+=($!)
    eventually 20 grep -q 198 out || fail "$(cat client.out err)"
}

@test "a named network: published as well; a socket of the loopback is private" {
    inside --name web --net name=demo -p 127.0.0.1:0:53/udp -- udp 53 2
    outside udp "$port"
    answered 0 PING
    run_inside --name db --net name=demo -- send web 53
    answered 0 "web 53 PING"
    wait "$main"
    inside --name web --net name=demo -- udp 53 1 127.0.0.1
    run_inside --name db --net name=demo -- send web 53
    answered 0 "web 53 ECONNREFUSED"
}
