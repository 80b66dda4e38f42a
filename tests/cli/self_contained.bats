# A snapshot that carries along what the program has open or mapped of its base.
load helper

setup_file() {
    # A tree that python3 runs in: the executable, its libraries, and the modules it starts with.
    tree=$BATS_FILE_TMPDIR/tree
    local python lib file
    python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
    lib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    mkdir -p "$tree"{/usr/bin,/tmp,/data,"$lib"}
    cp "$python" "$tree/usr/bin/python3"
    cp "$lib"/*.py "$tree$lib"
    cp -r "$lib"/{encodings,collections,importlib,json,lib-dynload} "$tree$lib"
    [ ! -d "$lib/re" ] || cp -r "$lib/re" "$tree$lib"
    for file in $(find "$python" "$lib/lib-dynload" \( -path "$python" -o -name '_decimal*' -o -name '_json*' -o -name 'mmap*' -o -name 'zlib*' \) -exec ldd {} + | grep -o '/[^ :]*\.so[^ :]*' | sort -u); do
        mkdir -p "$tree$(dirname "$file")"
        [ -e "$tree$file" ] || cp -L "$file" "$tree$file"
    done
    printf 'one\ntwo\nthree\n' >"$tree/data/text"
    python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(5).randbytes(3000000))' >"$tree/data/bytes"
    echo other >"$tree/data/other"
    cat >"$tree/data/program.py" <<'END'
import decimal, errno, json, mmap, os, sys, time, zlib

where = sys.argv[1] if len(sys.argv) > 1 else '/data'
text = open(where + '/text')
text.readline()
data = open(where + '/bytes', 'rb')
mapped = mmap.mmap(data.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
data.seek(1000000)
print('ready', flush=True)
while open('/dev/bailey/generation').read().strip() == '0':
    time.sleep(0.05)
print(text.readline().strip())
print(zlib.crc32(data.read()), zlib.crc32(mapped))
print(decimal.Decimal(2).sqrt(), json.dumps([1]))
for name in 'other', 'text':
    try:
        print(open(where + '/' + name).readline().strip())
    except OSError as e:
        print(errno.errorcode[e.errno])
    print(os.path.exists(where + '/' + name))
print(sorted(os.listdir(where)))
open('/tmp/new', 'w').write('x')
print(os.path.getsize('/tmp/new'))
END
    export tree
    export sums=$(python3 -c '
import sys, zlib
d = open(sys.argv[1], "rb").read()
print(zlib.crc32(d[1000000:]), zlib.crc32(d))' "$tree/data/bytes")
}

# Runs the program with these options, and saves it as `file` with what it needs.
saved() { # WHERE OPTION...
    local where=$1
    shift
    name=self$$x$BATS_TEST_NUMBER
    "$BAILEY" run -q --name "$name" "$@" -- /usr/bin/python3 -I /data/program.py "$where" >out 2>err 3>&- &
    local run=$!
    eventually 60 eval 'grep -q ready out || [ -s err ]'
    grep -q ready out || fail "not started: $(cat err)"
    "$BAILEY" save --self-contained ${how:-} -o file "$name" >/dev/null
    [ -z "${how:-}" ] || "$BAILEY" kill "$name"
    wait $run || [ -n "${how:-}" ]
    bailey snapshot info file
    [[ $output == *self-contained* ]] || fail "the file does not say so"
    bailey snapshot ls file
    [[ $output == *"base file "*" $where/text"* ]] || fail "the list has no /data/text"
}

expected() { # OTHER THERE LIST
    printf '%s\n' two "$sums" '1.414213562373095048801688724 [1]' "$1" "$2" one True "$3" 1
}

@test "self-contained: the tree has gone" {
    cp -a "$tree" root
    saved /data --root root
    mv root elsewhere
    bailey resume file
    answered 0 "$(expected ENOENT False '[]')"
    bailey resume file
    answered 0 "$(expected ENOENT False '[]')"
}

@test "self-contained: the tree is there, and is used" {
    cp -a "$tree" root
    saved /data --root root
    bailey resume --grant file
    answered 0 "$(expected other True "['bytes', 'other', 'program.py', 'text']")"
}

@test "self-contained: the tree is another one" {
    cp -a "$tree" root
    saved /data --root root
    mv root elsewhere
    mkdir -p root/data
    echo new >root/data/other
    echo changed >root/data/text
    bailey resume --grant file
    answered 0 "$(expected new True "['other', 'text']")"
}

@test "self-contained: the image has gone" {
    export XDG_DATA_HOME=$place/data
    bailey image build "$tree" -o image.erofs
    saved /data --image image.erofs
    mv image.erofs elsewhere
    bailey resume file
    answered 0 "$(expected ENOENT False '[]')"
}

@test "self-contained: a volume has gone" {
    cp -a "$tree" root
    mkdir volume
    cp "$tree"/data/{text,bytes,other} volume
    saved /volume --root root -v "$PWD/volume:/volume"
    mv volume elsewhere
    bailey resume --grant file
    answered 0 "$(expected ENOENT False '[]')"
    mkdir volume
    echo changed >volume/text
    echo new >volume/other
    bailey resume -v "$PWD/volume:/volume" --grant file
    answered 0 "$(expected new True "['other', 'text']")"
}

@test "self-contained: what was carried is carried on" {
    cp -a "$tree" root
    how=--keep saved /data --root root
    mv root elsewhere
    "$BAILEY" resume --name again file >out 2>err 3>&- &
    wait $!
    [ "$(cat out)" = "$(expected ENOENT False '[]')" ] || fail "resumed: $(cat out err)"
    "$BAILEY" clone -n 2 --name copy file >/dev/null
    for n in 1 2; do
        eventually 30 eval '! "$BAILEY" ps -q | grep -qx copy-'$n
        bailey logs copy-$n
        answered 0 "$(expected ENOENT False '[]')"
    done
}

@test "self-contained: the directory it was started in has gone" {
    mkdir work volume
    echo inside >work/text
    echo kept >volume/text
    cd work
    name=self$$x$BATS_TEST_NUMBER
    "$BAILEY" run -q --name "$name" -v "$place/volume:/volume" -- sh -c 'exec <text; echo ready
        while [ "$(cat /dev/bailey/generation)" = 0 ]; do sleep 0.05; done
        cat; cat text; cat other 2>&1; cat /volume/text; echo more >/volume/new' >../out 2>../err 3>&- &
    local run=$!
    eventually 60 grep -q ready ../out || fail "not started: $(cat ../err)"
    "$BAILEY" save --self-contained -o ../file "$name" >/dev/null
    wait $run
    cd ..
    mv work elsewhere
    bailey resume --grant file
    answered 0 "inside
inside
cat: other: No such file or directory
kept"
    [ "$(cat volume/new)" = more ]
}

@test "self-contained: a file of a volume that was open for writing" {
    mkdir volume
    echo first >volume/log
    name=self$$x$BATS_TEST_NUMBER
    "$BAILEY" run -q --name "$name" -v "$place/volume:/volume" -- python3 -c '
import errno, os, time
f = open("/volume/log", "r+b", buffering=0)
print("ready", flush=True)
while open("/dev/bailey/generation").read().strip() == "0": time.sleep(0.05)
print(f.read().decode().strip())
try:
    print(f.write(b"more\n"))
except OSError as e:
    print(errno.errorcode[e.errno])' >out 2>err 3>&- &
    local run=$!
    eventually 60 grep -q ready out || fail "not started: $(cat err)"
    "$BAILEY" save --self-contained -o file "$name" >/dev/null
    wait $run
    bailey resume --grant file
    answered 0 "first
5"
    mv volume elsewhere
    bailey resume --grant file
    answered 0 "first
EROFS"
    [ "$(cat elsewhere/log)" = "first
more" ]
}
