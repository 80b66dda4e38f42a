# What --net, -p and --dns take, and what they refuse.
load helper

setup() {
    BAILEY=${BAILEY:-$BATS_TEST_DIRNAME/../../build/bailey}
    place=$(mktemp -d)
    chmod 755 "$place"
    cd "$place" || return 1
    export TMPDIR=$place XDG_RUNTIME_DIR=$place
}

@test "kinds of network" {
    for net in none host allow=example.org:80 'allow=*:443' 'allow=example.org:*' \
        'allow=10.0.0.0/8:5432,[fd00::/8]:80,[::ffff:10.0.0.1]:1' allow=host-loopback:22 allow=A.B.c.:1; do
        bailey run --net "$net" true
        answered 0 ""
        [ -z "$stderr" ] || fail "$net"
    done
    bailey run --net moon true
    refused 125 moon none host allow name
}

@test "rules that make no sense" {
    for rule in '' a :80 a: a:0 a:65536 a:x a:80,b a,:80 1.2.3:80 1.2.3.4.5:80 1.2.3.4/33:80 \
        fe80::1:80 '[fe80::1]' '[fe80::1' '[1.2.3.4/8:1' a/8:80 '*.org:80' 'a..b:80' 'a b:80'; do
        bailey run --net "allow=$rule" true
        refused 125 "--net"
    done
    bailey run --net "allow=$(printf 'a%.0s' {1..64}).org:1" true
    refused 125 "--net"
    bailey run --net "allow=$(printf 'abc.%.0s' {1..80}):1" true
    refused 125 "--net" "too long"
}

@test "the loopback is not the host's" {
    for rule in localhost:80 127.0.0.1:80 127.1.2.3:80 '[::1]:80' 127.0.0.0/8:1; do
        bailey run --net "allow=$rule" true
        refused 125 host-loopback
    done
}

@test "more rules than there is room for" {
    bailey run --net "allow=$(seq -s, -f 'h%g:1' 256)" true
    answered 0 ""
    bailey run --net "allow=$(seq -s, -f 'h%g:1' 257)" true
    refused 125 256
}

@test "ports that make no sense" {
    for port in '' 0 65536 -1 a 80: :a 1:2:3 1.2.3:4:5 1.2.3.4 1.2.3.4:80/sctp 80/ 8x:80 '[::1' '[::1]:80'; do
        bailey run -p "$port" true
        refused 125 "-p"
    done
}

@test "a port is picked where none is named, and told" {
    bailey run -p 80 -p 127.0.0.1:0:81/udp -p 127.0.0.1::82 true
    [ "$status" = 0 ]
    [[ $stderr =~ "port 80 is published at 0.0.0.0:"[1-9] ]]
    [[ $stderr =~ "port 81 is published at 127.0.0.1:"[1-9][0-9]*/udp ]]
    [[ $stderr =~ "port 82 is published at 127.0.0.1:"[1-9] ]]
    bailey run -q -p 80 true
    answered 0 ""
    [ -z "$stderr" ]
}

@test "addresses of others cannot be published at" {
    bailey run -p 192.0.2.1:8080:80 true
    refused 125 192.0.2.1:8080 "Cannot assign"
}

@test "servers that are none" {
    for server in '' x 1.2.3 1.2.3.4:0 1.2.3.4:x 1.2.3.4:1:2; do
        bailey run --net host --dns "$server" true
        refused 125 "--dns"
    done
    bailey run --net host --dns 127.0.0.1:5353 --dns ::1 --dns '[::1]:53' true
    answered 0 ""
    bailey run --dns 1.1.1.1 --dns 1.1.1.1 --dns 1.1.1.1 --dns 1.1.1.1 true
    refused 125 "--dns"
}

@test "a named network needs a name" {
    bailey run --net name=demo true
    refused 125 --name
    bailey run --net name=demo --name web true
    answered 0 ""
    bailey run --net name=a/b --name web true
    refused 125 a/b
    bailey run --net name=a --net name=b --name web true
    refused 125 "one named network"
}
