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
    timeout 60 "$BAILEY" resume -q --name again --grant ended >out 2>err </dev/null 3>&- &
    main=$!
    others+=("$main")
    eventually 20 "$BAILEY" exec again true 2>/dev/null
    bailey exec again python3 /t/peer.py rounds 80 500 2
    answered 0 1000
    bailey kill again
    wait "$main" || true
    [ ! -s err ] || fail "$(cat err)"
}

@test "sendfile to the host: files in memory, holes, files of the host" {
    head -c 3000000 /dev/urandom >data
    inside -p 127.0.0.1:0:80 -- sendfile 80 /t/data
    outside digest "$port"
    python3 -c "import sys; o = sys.stdout.buffer; b = bytes(range(256)) * 4000
o.write(b + bytes(3000001 - len(b)) + b'after the hole' * 100000 + open('data', 'rb').read())" >wanted
    answered 0 "$(stat -c %s wanted) $(sha256sum wanted | cut -d' ' -f1)"
}
