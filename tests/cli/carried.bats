load helper

# What a snapshot carries over to those who resume it: network, limits, names.

setup() {
    BAILEY=${BAILEY:-$BATS_TEST_DIRNAME/../../build/bailey}
    place=$(mktemp -d)
    chmod 755 "$place"
    cd "$place" || return 1
    export TMPDIR=$place XDG_RUNTIME_DIR=$place
    name=carried$$x$BATS_TEST_NUMBER
}

# Saves what runs under $name once `out` has a line.
saved() { # OPTION... -- PROGRAM...
    "$BAILEY" run -q --name "$name" "$@" >out 2>errors </dev/null 3>&- &
    local run=$!
    eventually 30 test -s out || fail "$(cat errors)"
    "$BAILEY" save "$name" -o file >/dev/null
    wait $run
}

server='import socket
l = socket.create_server(("0.0.0.0", 80))
print("ready", flush=True)
while True:
    c = l.accept()[0]
    c.sendall(b"hello")
    c.close()'

answers() { [ "$(timeout 60 python3 -c "
import socket
c = socket.create_connection(('127.0.0.1', $1)); print(c.recv(5).decode())" 2>/dev/null)" = hello ]; }

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

@test "published ports are taken over with a word, or given anew" {
    port=$(free_port)
    saved -p "127.0.0.1:$port:80" -- python3 -c "$server"
    bailey resume file
    refused 125 "it asks for a port of the host: -p 127.0.0.1:$port:80" --grant
    "$BAILEY" resume -d --name "$name" --grant file 3>&-
    eventually 20 answers "$port" || fail "no answer"
    # Somebody has it: one line, and nothing is left.
    bailey resume --name other --grant file
    refused 125 "$port" "another port"
    [ ! -e bailey/other ]
    other=$(free_port)
    "$BAILEY" resume -d --name other -p "127.0.0.1:$other:80" file 3>&-
    eventually 20 answers "$other" || fail "no answer from the other"
    answers "$port"
    # What was given anew is what the next snapshot says.
    "$BAILEY" save other -o again >/dev/null
    bailey resume again
    refused 125 "-p 127.0.0.1:$other:80"
    # No network at all.
    "$BAILEY" resume -d --name silent --net none again 3>&-
    ! answers "$other"
    "$BAILEY" stop -t 0 silent >/dev/null
    "$BAILEY" stop -t 0 "$name" >/dev/null
}

@test "connections out are taken over with a word" {
    port=$(free_port)
    saved --net "allow=host-loopback:$port" -- python3 -c "
import socket, time
print('ready', flush=True)
$until_resumed_py
try: print(socket.create_connection(('192.0.0.8', $port)).recv(5))
except OSError as e: print(e)"
    python3 -c "
import socket
l = socket.create_server(('127.0.0.1', $port))
print('ready', flush=True)
while True: l.accept()[0].sendall(b'hello')" >listening 3>&- &
    eventually 10 test -s listening
    bailey resume file
    refused 125 "it asks for the network: --net allow=host-loopback:$port"
    bailey resume --grant file
    answered 0 "b'hello'"
    bailey resume --net none file
    [ "$output" != "b'hello'" ]
    kill %%
}

@test "limits are taken over, or given anew" {
    saved --files 20 --output 4k --cpus 1 -- python3 -c '
import os, resource
print("ready", flush=True)
'"$until_resumed_py"'
print(resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_FSIZE)[1])
n = 0
try:
    while True: os.dup(0); n += 1
except OSError: print(n + 3)'
    bailey resume file
    answered 0 "20 4096
20"
    bailey resume --files 30 --output 8k file
    answered 0 "30 8192
30"
    bailey resume --files 10 file
    refused 125 --files
}

@test "memory, threads and CPU time" {
    saved --memory 64m --pids 5 --cpu-time 60 -- python3 -c '
import os
print("ready", flush=True)
'"$until_resumed_py"'
print(int(open("/sys/fs/cgroup/memory.max").read()) >> 20, open("/sys/fs/cgroup/pids.max").read(), end="", flush=True)
if os.path.exists("/tmp"):
    try: x = bytearray(100 << 20); print("much", flush=True)
    except MemoryError: print("little", flush=True)
while True: pass'
    bailey resume --cpu-time 1 file
    [ "$status" = 124 ] || fail "CPU time"
    [ "$output" = "64 5
little" ] || fail "limits of the saved run"
    bailey resume --cpu-time 1 --memory 256m --pids 9 file
    [ "$output" = "256 9
much" ] || fail "limits given anew"
    bailey resume --timeout 1 file
    [ "$status" = 124 ] || fail "--timeout"
}

@test "too much output after the resume" {
    saved --output 4k -- sh -c "echo ready; $until_resumed; yes"
    bailey resume file
    [ "$status" = 137 ]
    [ "${#output}" -le 4096 ]
    bailey resume --output 100k file
    [ "$status" = 137 ]
    [ "${#output}" -gt 4096 ]
}

@test "a new host name where one is asked for" {
    saved --hostname first -- sh -c "echo ready; $until_resumed; hostname; cat /proc/sys/kernel/hostname"
    bailey resume file
    answered 0 "first
first"
    bailey resume --hostname second file
    answered 0 "second
second"
    bailey resume --hostname "$(printf 'a%.0s' {1..65})" file
    refused 125 --hostname
}

@test "many open files: most come before anybody asks, and each is the one it was" {
    local long
    long=$(printf 'n%.0s' {1..150})
    mkdir -p "volume/$long"
    echo far >"volume/$long/file"
    for i in {1..160}; do echo "number $i" >"volume/$i"; done
    saved -v "$place/volume:/volume:ro" -- python3 -c 'import glob, os
names = sorted(glob.glob("/volume/*")) + ["/volume/'"$long"'/file"]
files = [open(n, "rb") for n in names if os.path.isfile(n)]
def head(f):
    try: return os.pread(f.fileno(), 100, 0)
    except OSError as e: return e.errno
texts = [head(f) for f in files]
del files[90], texts[90], files[7], texts[7]
print("ready", flush=True)
'"$until_resumed_py"'
print(len(files), [(f.name, head(f)) for f, t in zip(files, texts) if head(f) != t], flush=True)
os._exit(0)'
    rm "volume/33"
    bailey resume -v "$place/volume:/volume:ro" --stats file
    [ "$status" = 0 ]
    [[ $output == *"159 [('/volume/33', 116)]"* ]] || fail "$output"
    local calls
    calls=$(sed -n 's/.* \([0-9]*\) control calls.*/\1/p' <<<"$stderr")
    [ "$calls" -lt 80 ] || fail "$calls control calls"
}
