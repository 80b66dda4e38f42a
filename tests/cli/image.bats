# Root images: what is built from what, the store, running from one file, and images that lie.
load helper

# A small world: busybox with the libraries it wants.
world() { # DIR
    local file
    mkdir -p "$1"/{bin,etc,tmp,root,empty}
    cp "$(command -v busybox)" "$1/bin/busybox"
    for file in wc sh ls cat find true stat tar md5sum rm mkdir id env ln; do
        ln -s busybox "$1/bin/$file"
    done
    for file in $(ldd "$1/bin/busybox" | grep -o '/[^ ]*'); do
        mkdir -p "$1$(dirname "$file")"
        cp -L "$file" "$1$file"
    done
    echo 'root:x:0:0:root:/root:/bin/sh
tester:x:1234:55::/home/tester:/bin/sh' >"$1/etc/passwd"
    echo hello >"$1/etc/greeting"
    ln "$1/etc/greeting" "$1/etc/other-name"
    touch -d '2020-02-02 02:02:02 UTC' "$1/etc/greeting"
}

in_image() { bailey run --image "$@"; }

digest_of() { sha256sum <"$1" | cut -d' ' -f1; }

setup_file() {
    command -v busybox >/dev/null || skip "no busybox"
}

image_setup() {
    export XDG_DATA_HOME=$place/data
    world "$place/world"
}

built() { # INPUT [OPTION...] -> out.erofs
    bailey image build "$@" -o out.erofs
    answered 0 ""
}

@test "image: a directory becomes an image that runs" {
    image_setup
    built world
    in_image out.erofs -- sh -c 'cat /etc/greeting; ls /empty; stat -c %Y:%h /etc/other-name'
    answered 0 "hello
1580608922:2"
    in_image ./out.erofs -- /bin/sh -c 'echo more >>/etc/greeting; cat /etc/greeting /etc/other-name'
    answered 0 "hello
more
hello
more"
    in_image out.erofs -- cat /etc/greeting
    answered 0 hello
}

@test "image: the same tree gives the same bytes" {
    image_setup
    built world
    mv out.erofs first.erofs
    cp -a world again
    built again
    cmp out.erofs first.erofs
    tar --format=posix -C world -cf world.tar .
    built world.tar
    cmp out.erofs first.erofs
    gzip -k world.tar
    built world.tar.gz
    cmp out.erofs first.erofs
    built first.erofs
    cmp out.erofs first.erofs
    built world --timestamp 1000000000
    ! cmp -s out.erofs first.erofs
    mv out.erofs second.erofs
    touch world/etc
    SOURCE_DATE_EPOCH=1000000000 built world
    cmp out.erofs second.erofs
}

@test "image: fsck.erofs finds nothing to say" {
    image_setup
    command -v fsck.erofs >/dev/null || skip "no erofs-utils"
    mkdir world/many
    for i in $(seq 1 700); do echo "$i" >"world/many/a-rather-long-name-for-a-file-$i"; done
    ln -s "$(printf 'x%.0s' $(seq 1 3000))" world/long-link
    built world
    fsck.erofs out.erofs
    in_image out.erofs -- sh -c 'ls /many | md5sum; cat /many/*-700; ls -l /long-link | wc -c; ls /many/nothing 2>/dev/null'
    [ "${lines[0]}" = "$(LC_ALL=C ls world/many | md5sum)" ] || fail "the listing"
    [ "${lines[1]}" = 700 ] || fail "the last file"
    [ "${lines[2]}" -gt 3000 ] || fail "the long link"
}

@test "image: owners, modes, attributes, hard links and devices of an archive are kept" {
    image_setup
    python3 - <<'END'
import tarfile, io
t = tarfile.open('special.tar', 'w', format=tarfile.PAX_FORMAT)
t.add('world', '.')
def add(name, type, **more):
    i = tarfile.TarInfo(name)
    i.type = type
    for key, value in more.items():
        setattr(i, key, value)
    t.addfile(i, io.BytesIO(b'x' * i.size))
add('srv', tarfile.DIRTYPE, mode=0o2750, uid=70000, gid=70001)
add('srv/file', tarfile.REGTYPE, mode=0o4711, uid=5, gid=6, size=5000,
    pax_headers={'SCHILY.xattr.user.colour': 'green'})
add('srv/link', tarfile.LNKTYPE, linkname='srv/file')
add('srv/null', tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
add('srv/disk', tarfile.BLKTYPE, mode=0o660, devmajor=8, devminor=300)
add('srv/pipe', tarfile.FIFOTYPE, mode=0o600)
add('srv/F\u0151tan', tarfile.REGTYPE, size=1, mode=0o644)
t.close()
END
    built special.tar
    in_image out.erofs -- sh -c 'cd /srv; stat -c "%n %a %u:%g %h %F %t:%T" . *'
    answered 0 ". 2750 70000:70001 2 directory 0:0
F$(printf '\305\221')tan 644 0:0 1 regular file 0:0
disk 660 0:0 1 block special file 8:12c
file 4711 5:6 2 regular file 0:0
link 4711 5:6 2 regular file 0:0
null 666 0:0 1 character special file 1:3
pipe 600 0:0 1 fifo 0:0"
    bailey run --image out.erofs -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -- python3 -c '
import os
print(os.listxattr("/srv/file"), os.getxattr("/srv/link", "user.colour"))
os.setxattr("/srv/file", "user.size", b"small")
print(sorted(os.listxattr("/srv/link")))
os.removexattr("/srv/file", "user.colour")
print(os.listxattr("/srv/link"))'
    answered 0 "['user.colour'] b'green'
['user.colour', 'user.size']
['user.size']"
}

@test "image: layers of an OCI layout, with whiteouts, digests and the configuration" {
    image_setup
    python3 - <<'END'
import hashlib, io, json, os, tarfile
os.makedirs('oci/blobs/sha256')
def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    open('oci/blobs/sha256/' + digest, 'wb').write(data)
    return {'digest': 'sha256:' + digest, 'size': len(data)}
def layer(fill, mode='w:gz'):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as t:
        fill(t)
    return blob(out.getvalue())
def put(t, name, data=None, **more):
    i = tarfile.TarInfo(name)
    i.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
    i.mode = 0o755 if data is None else 0o644
    i.size = len(data or b'')
    t.addfile(i, io.BytesIO(data or b''))
def base(t):
    t.add('world', '.')
    put(t, 'a'); put(t, 'a/one', b'1'); put(t, 'a/two', b'2')
    put(t, 'b'); put(t, 'b/one', b'1'); put(t, 'b/deep'); put(t, 'b/deep/x', b'x')
    put(t, 'gone', b'gone'); put(t, 'was-dir'); put(t, 'was-dir/x', b'x')
def top(t):
    put(t, 'a/.wh.one', b''); put(t, 'a/three', b'3')
    put(t, 'b/new', b'n'); put(t, 'b/.wh..wh..opq', b'')
    put(t, '.wh.gone', b''); put(t, 'was-dir', b'now a file')
layers = [layer(base), layer(top, 'w')]
config = blob(json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {
    'Env': ['PATH=/bin', 'COLOUR=blue sky'], 'Entrypoint': ['/bin/sh', '-c'],
    'Cmd': ['echo default $COLOUR; pwd; id -u'], 'User': 'tester', 'WorkingDir': '/a'}}).encode())
manifest = blob(json.dumps({'schemaVersion': 2, 'config': config, 'layers': layers}).encode())
foreign = dict(manifest, digest='sha256:' + 64 * '0', platform={'architecture': 'arm64', 'os': 'linux'})
index = blob(json.dumps({'manifests': [foreign, dict(manifest, platform={'architecture': 'amd64', 'os': 'linux'})]}).encode())
json.dump({'schemaVersion': 2, 'manifests': [index]}, open('oci/index.json', 'w'))
json.dump({'imageLayoutVersion': '1.0.0'}, open('oci/oci-layout', 'w'))
open('top-layer', 'w').write(layers[1]['digest'][7:])
END
    built oci
    in_image out.erofs
    answered 0 "default blue sky
/a
1234"
    in_image out.erofs -e COLOUR=red -w / -u 0 -- 'echo $COLOUR; pwd; id -u; find a b gone was-dir 2>/dev/null; true'
    answered 0 "red
/
0
a
a/three
a/two
b
b/new
was-dir"
    printf x >>"oci/blobs/sha256/$(cat top-layer)"
    bailey image build oci -o damaged.erofs
    refused 125 "not what the digest says"
    [ ! -e damaged.erofs ]
}

@test "image: what an image says can be said at building" {
    image_setup
    built world -e A=1 -w /etc --entrypoint '["/bin/sh","-c"]' --cmd '["cat greeting; echo $A $0"]' -u 7 --owner 7:8
    in_image out.erofs
    answered 0 "hello
1 cat greeting; echo \$A \$0" || answered 0 "hello
1 /bin/sh"
    in_image out.erofs -- 'stat -c %u:%g greeting; id -u'
    answered 0 "7:8
7"
    bailey image info out.erofs
    jq -e '.config.Env == ["A=1"] and .config.User == "7"' <<<"$output"
}

@test "image: the store: names, digests, removing, collecting, verifying" {
    image_setup
    bailey image build world -t one:1.0
    [ "$status" = 0 ] || fail "build"
    digest=$output
    [ "$(digest_of "$XDG_DATA_HOME/bailey/images/sha256/$digest.erofs")" = "$digest" ]
    for ref in one:1.0 "$digest" "sha256:$digest" "${digest:0:12}"; do
        in_image "$ref" -- cat /etc/greeting
        answered 0 hello
    done
    bailey image tag one:1.0 two
    bailey image ls --json
    [ "$(jq -r '.[].name' <<<"$output" | paste -sd' ')" = "one:1.0 two" ] || fail "names"
    bailey image verify one:1.0 two
    [ "$status" = 0 ] || fail "verify"
    bailey image rm one:1.0
    answered 0 ""
    in_image one:1.0 -- true
    refused 125 "one:1.0" "no such image"
    in_image two -- true
    answered 0 ""
    bailey image gc
    [[ $output == "0 images"* ]] || fail "gc keeps what has a name"
    bailey image rm two
    bailey image gc
    [[ $output == "1 images"* ]] || fail "gc takes what has none"
    bailey image ls
    answered 0 ""
    in_image "$digest" -- true
    refused 125 "import"
}

@test "image: the compressed form, and back" {
    image_setup
    built world
    bailey image import out.erofs world
    answered 0 "$(digest_of out.erofs)"
    bailey image export world out.erofs.zst
    answered 0 ""
    [ "$(stat -c %s out.erofs.zst)" -lt "$(stat -c %s out.erofs)" ]
    zstd -dqc out.erofs.zst | cmp - out.erofs
    bailey image rm "$(digest_of out.erofs)"
    bailey image import out.erofs.zst again
    answered 0 "$(digest_of out.erofs)"
    in_image again -- cat /etc/greeting
    answered 0 hello
    bailey image export --plain again plain.erofs
    cmp plain.erofs out.erofs
    head -c 1000 out.erofs.zst >short.zst
    bailey image import short.zst
    refused 125 "too early"
    in_image out.erofs.zst -- true
    refused 125 "out.erofs.zst"
}

@test "image: a changed file of the store is found before it runs" {
    image_setup
    bailey image build world -t w
    file=$XDG_DATA_HOME/bailey/images/sha256/$output.erofs
    chmod u+w "$file"
    printf x | dd of="$file" bs=1 seek=100000 conv=notrunc status=none
    in_image w -- true
    refused 125 "changed"
    bailey image verify w
    refused 125 "changed"
}

@test "image: inputs that are none" {
    image_setup
    bailey image build nothing -o x.erofs
    refused 125 nothing "No such file"
    bailey image build world/etc/greeting -o x.erofs
    refused 125 greeting
    head -c 3000 "$(command -v busybox)" >cut.tar
    bailey image build cut.tar -o x.erofs
    refused 125 cut.tar
    tar -C world -cf - . | head -c 200000 >cut.tar
    bailey image build cut.tar -o x.erofs
    refused 125 cut.tar
    bailey image build world
    refused 125 "-o"
    bailey image build -o x.erofs
    refused 125 "one input"
    bailey image build world -o /no/such/place/x.erofs
    refused 125 "/no/such/place"
    bailey image build world -t '../x'
    refused 125 "no name"
    bailey image build --debian 'bookworm; id' -o x.erofs
    refused 125 "--debian"
    bailey image build --packages a world -o x.erofs
    refused 125 "--debian"
    bailey image frobnicate
    refused 125 frobnicate
    [ ! -e x.erofs ]
    [ -z "$(find . -maxdepth 1 -name '.*erofs*')" ] || fail "temporary files are left"
}

@test "image: archives that want out" {
    image_setup
    python3 - <<'END'
import tarfile, io
for n, (name, link) in enumerate([('../up', None), ('a/../../up', None), ('/x', '../../etc/passwd'), ('y' * 300, None)]):
    t = tarfile.open(f'bad{n}.tar', 'w')
    i = tarfile.TarInfo(name)
    if link:
        i.type, i.linkname = tarfile.LNKTYPE, link
    t.addfile(i)
    t.close()
END
    for n in 0 1 2 3; do
        bailey image build "bad$n.tar" -o x.erofs
        refused 125 "bad$n.tar"
    done
    [ ! -e x.erofs ]
}

@test "image: files that are no image" {
    image_setup
    in_image world -- true
    refused 125 "regular file"
    in_image /etc/passwd -- true
    refused 125 EROFS
    in_image no-such-image -- true
    refused 125 no-such-image
    : >empty.erofs
    in_image empty.erofs -- true
    refused 125 empty.erofs
    built world
    head -c 300000 out.erofs >cut.erofs
    in_image cut.erofs -- true
    refused 125 "cut short"
    if command -v mkfs.erofs >/dev/null; then
        mkfs.erofs --quiet -zlz4 small.erofs world
        in_image small.erofs -- true
        refused 125 compressed
        mkfs.erofs --quiet inline.erofs world
        in_image inline.erofs -- cat /etc/greeting
        answered 0 hello
    fi
    bailey run --image out.erofs --root world -- true
    refused 125 --root
    in_image out.erofs
    refused 125 "no program"
}

@test "image: damaged images end in an answer, not in a panic" {
    image_setup
    built world
    size=$(stat -c %s out.erofs)
    for seed in $(seq 1 25); do
        python3 - "$seed" "$size" <<'END'
import random, sys
r = random.Random(int(sys.argv[1]))
data = bytearray(open('out.erofs', 'rb').read())
tail = len(data) - 65536
for _ in range(r.choice([1, 5, 50, 500])):
    data[r.randrange(max(4096, tail), len(data))] = r.choice([0, 255, r.randrange(256)])
open('bad.erofs', 'wb').write(data)
END
        in_image bad.erofs --timeout 200 -- sh -c 'find / -xdev >/dev/null 2>&1; cat /etc/* >/dev/null 2>&1; exit 0'
        [[ $stderr != *panic* ]] || fail "seed $seed"
        [ "$status" != 124 ] || fail "seed $seed took too long"
    done
}

@test "image: a file cut short while it is used hurts its sandbox only" {
    image_setup
    head -c 4000000 /dev/urandom >world/big
    built world
    cp out.erofs victim.erofs
    timeout 300 "$BAILEY" run --image victim.erofs -v "$place:/host" -- sh -c \
        ': >/host/up; while [ ! -e /host/go ]; do :; done
         cat /big >/dev/null 2>/dev/null && echo whole || echo failed' >answer 2>errors &
    run=$!
    eventually 20 [ -e up ]
    truncate -s 8192 victim.erofs
    : >go
    wait "$run" || true
    ! grep -qi panic errors || fail "$(cat errors)"
    [[ $(cat answer) != whole ]] || fail "$(cat answer errors)"
}

@test "image: mappings end where the file ends" {
    image_setup
    head -c 5000 /dev/urandom >world/data
    head -c 5000 /dev/urandom >world/next
    built world
    bailey run --image out.erofs -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -- python3 -c '
import mmap, os, signal
f = os.open("/data", os.O_RDONLY)
m = mmap.mmap(f, 5000, mmap.MAP_PRIVATE, mmap.PROT_READ)
assert m[:] == open("/data", "rb").read()
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p
a = libc.mmap(None, ctypes.c_size_t(16384), 1, 2, f, ctypes.c_long(0))
assert ctypes.string_at(a, 5000) == m[:]
assert ctypes.string_at(a + 5000, 3192) == bytes(3192)
b = libc.mremap(ctypes.c_void_p(a), ctypes.c_size_t(4096), ctypes.c_size_t(20480), 1)
assert ctypes.string_at(b, 5000) == m[:]
for address in (a + 8192, b + 8192):
    if os.fork() == 0:
        ctypes.string_at(address, 1)
        os._exit(0)
    assert os.wait()[1] & 127 == signal.SIGBUS, hex(address)
print("fine")'
    answered 0 fine
}

@test "image: a snapshot finds its image by digest, or says which is missing" {
    image_setup
    export XDG_RUNTIME_DIR=$place/run
    mkdir -m 700 run
    built world
    "$BAILEY" run --name saved --image out.erofs -v "$place:/host" -- sh -c \
        ': >/host/up; while [ ! -e /host/go ]; do :; done; cat /etc/greeting' >first 2>errors &
    run=$!
    eventually 20 [ -e up ]
    bailey save saved -o saved.bailey
    [ "$status" = 0 ] || fail "save"
    wait "$run" || true
    : >go
    bailey resume --grant saved.bailey
    answered 0 hello
    mv out.erofs elsewhere.erofs
    bailey resume --grant saved.bailey
    refused 125 "$(digest_of elsewhere.erofs)" "out.erofs" "import"
    bailey image import elsewhere.erofs
    rm elsewhere.erofs
    bailey resume --grant saved.bailey
    answered 0 hello
}

@test "image: commit keeps what a run changed" {
    image_setup
    built world -e GREETING=kept
    mkdir -p world/dir/below
    : >world/dir/old
    built world -e GREETING=kept
    bailey run --image out.erofs --commit changed:1 -- sh -c '
        echo new >/etc/new; echo more >>/etc/greeting; rm /bin/md5sum; rm -r /dir; mkdir /dir
        echo fresh >/dir/fresh; ln -s /etc/new /link; mkdir /etc/sub; echo x >/etc/sub/x; exit 3'
    answered 3 ""
    bailey run --image changed:1 -- sh -c '
        cat /etc/new /link /etc/greeting; ls /dir; ls /bin/md5sum 2>/dev/null; cat /etc/sub/x; echo $GREETING'
    answered 0 "new
new
hello
more
fresh
x
kept"
    bailey image info changed:1
    [ "$(jq -r .config.BaileyBase <<<"$output")" = "$(digest_of out.erofs)" ] || fail "the base"
    bailey image verify changed:1
    [ "$status" = 0 ] || fail "verify"
    bailey run --commit host -- true
    refused 125 "--image"
    [ -z "$(find "$XDG_DATA_HOME" -name 'new-*')" ] || fail "temporary files are left"
}

@test "image: commit of a running sandbox, which goes on" {
    image_setup
    export XDG_RUNTIME_DIR=$place/run
    mkdir -m 700 run
    built world
    "$BAILEY" run --name live --image out.erofs -v "$place:/host" -- sh -c \
        'echo one >/etc/live; cat /etc/live & wait; echo two >/etc/busy; : >/host/up
         while [ ! -e /host/go ]; do echo two >/etc/new; mv /etc/new /etc/busy; done; cat /etc/live' >first 2>errors &
    run=$!
    eventually 20 [ -e up ]
    bailey commit live snap
    answered 0 ""
    : >go
    wait "$run"
    [ "$(cat first)" = "one
one" ] || fail "$(cat first errors)"
    in_image snap -- sh -c 'cat /etc/live /etc/busy'
    answered 0 "one
two"
    bailey commit live again
    refused 125 live
}

layers_of() { "$BAILEY" image info "$1" | jq -r '.layers // [] | length'; }
digest_named() { "$BAILEY" image info "$1" | jq -r .digest; }

@test "image: a commit is a layer that holds only what is new" {
    image_setup
    head -c 3000000 /dev/urandom >world/big
    head -c 200000 /dev/urandom >world/etc/long
    built world
    bailey run --image out.erofs --commit one -- sh -c '
        echo new >/etc/new; rm /bin/md5sum; busybox mv /big /moved; : >/empty/x; cat /etc/long >/etc/copy; ln -s /moved /link'
    answered 0 ""
    [ "$(layers_of one)" = 1 ] || fail "its layers"
    [ "$(stat -c %s "$XDG_DATA_HOME/bailey/images/sha256/$(digest_named one).erofs")" -lt 100000 ] ||
        fail "what the base has is in it again"
    rm out.erofs # the base is in the store
    in_image one -- sh -c 'cat /etc/new; ls /big /bin/md5sum 2>/dev/null; ls /empty; wc -c </link; cat /etc/long /moved >/tmp/all'
    answered 0 "new
x
3000000"
    in_image one --commit two -- sh -c 'echo two >/etc/two; rm /etc/new; busybox cp /etc/passwd /etc/other-passwd'
    answered 0 ""
    in_image two -v "$place:/host" -- sh -c 'ls /etc; cat /moved >/host/moved; cat /etc/copy >/host/copy'
    answered 0 "copy
greeting
long
other-name
other-passwd
passwd
two"
    cmp moved world/big && cmp copy world/etc/long || fail "data of the base"
    bailey image verify one two
    [ "$status" = 0 ] || fail "verify"
}

@test "image: layers and their bases in the store" {
    image_setup
    bailey image build world -t base
    base=$output
    bailey run --image base --commit one -- sh -c 'echo 1 >/etc/1'
    answered 0 ""
    bailey run --image one --commit two -- sh -c 'echo 2 >/etc/2'
    answered 0 ""
    bailey image ls --json
    [ "$(jq -r '.[] | select(.name == "one") | .base' <<<"$output")" = "$base" ] || fail "ls"
    bailey image rm "$base"
    refused 125 "made on it"
    bailey image rm base one
    answered 0 ""
    bailey image gc
    [[ $output == "0 images"* ]] || fail "gc took what a layer is made on"
    in_image two -- cat /etc/1 /etc/2
    answered 0 "1
2"
    bailey image export --plain two whole.erofs
    answered 0 ""
    bailey image export --plain --layer two layer.erofs
    answered 0 ""
    bailey run --image two --commit flat --flatten -- true
    [ "$(layers_of whole.erofs) $(layers_of flat)" = "0 0" ] || fail "a flat image has layers"
    one=$("$BAILEY" image info two | jq -r '.layers[0]')
    bailey image rm two
    bailey image gc
    [[ $output == "3 images"* ]] || fail "gc"
    in_image layer.erofs -- true
    refused 125 "$one" "import"
    bailey image import layer.erofs
    refused 125 "not here" "import that one first"
    (export XDG_DATA_HOME=$place/elsewhere && in_image whole.erofs -- cat /etc/1 /etc/2 && answered 0 "1
2")
}

@test "image: a layer beside its base runs, and neither may change" {
    image_setup
    built world
    bailey run --image out.erofs --commit one -- sh -c 'echo 1 >/etc/1'
    answered 0 ""
    bailey image export --plain --layer one one.erofs
    base=$(digest_of out.erofs)
    mv out.erofs "$base.erofs"
    export XDG_DATA_HOME=$place/elsewhere
    in_image one.erofs -- cat /etc/1 /etc/greeting
    answered 0 "1
hello"
    printf x | dd of="$base.erofs" bs=1 seek=100000 conv=notrunc status=none
    in_image one.erofs -- true
    refused 125 "changed"
    truncate -s 8192 "$base.erofs"
    in_image one.erofs -- true
    refused 125 "changed"
    rm "$base.erofs"
    in_image one.erofs -- true
    refused 125 "$base"
}

@test "image: attributes and hard links outlive a commit" {
    image_setup
    echo data >world/linked
    ln world/linked world/dir-name
    mkdir world/sub
    ln world/linked world/sub/third
    echo solo >world/solo
    built world
    bailey run --image out.erofs -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro --commit one -- python3 -c '
import os
os.setxattr("/solo", "user.colour", b"green\0\n")
os.setxattr("/sub", "user.big", bytes(range(256)) * 100)
open("/linked", "a").write("more\n")          # one file of three names
os.chmod("/etc/greeting", 0o600)              # one of two
os.unlink("/dir-name")
open("/new", "w").write("new\n")
os.link("/new", "/sub/new-too")
os.utime("/new", ns=(1234567890123456789, 1600000000987654321))'
    answered 0 ""
    bailey run --image one -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro --commit two -- python3 -c '
import os
assert os.getxattr("/solo", "user.colour") == b"green\0\n"
assert os.getxattr("/sub", "user.big") == bytes(range(256)) * 100
assert open("/sub/third").read() == "data\nmore\n"
def ino(*names):
    assert len({os.stat(n).st_ino for n in names}) == 1, names
    return os.stat(names[0]).st_nlink
print(ino("/linked", "/sub/third"), ino("/etc/greeting", "/etc/other-name"), ino("/new", "/sub/new-too"))
print(oct(os.stat("/etc/other-name").st_mode), os.stat("/new").st_mtime_ns)
os.removexattr("/solo", "user.colour")
os.unlink("/linked")
open("/sub/third", "a").write("last\n")       # its other name is gone'
    answered 0 "2 2 2
0o100600 1600000000987654321"
    in_image two -- sh -c 'cat /sub/third; stat -c %h /sub/third; ls /linked 2>/dev/null; true'
    answered 0 "data
more
last
1"
    bailey run --image two -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -- python3 -c '
import os
print(os.listxattr("/solo"))'
    answered 0 "[]"
}

@test "image: the sixteenth layer is a whole image again" {
    image_setup
    bailey image build world -t layer:0
    for n in $(seq 1 16); do
        bailey run --image "layer:$((n - 1))" --commit "layer:$n" -- sh -c "echo $n >/etc/number; echo $n >/etc/$n"
        answered 0 ""
    done
    [ "$(layers_of layer:15) $(layers_of layer:16)" = "15 0" ] || fail "layers"
    in_image layer:15 -- cat /etc/number /etc/1
    answered 0 "15
1"
    in_image layer:16 -- cat /etc/number /etc/1 /etc/15
    answered 0 "16
1
15"
}

@test "image: a snapshot of a layered image, and what is missing of it" {
    image_setup
    export XDG_RUNTIME_DIR=$place/run
    mkdir -m 700 run
    bailey image build world -t base
    base=$output
    bailey run --image base --commit one -- sh -c 'echo layer >/etc/one'
    answered 0 ""
    "$BAILEY" run --name saved --image one -v "$place:/host" -- sh -c \
        ': >/host/up; while [ ! -e /host/go ]; do :; done; cat /etc/greeting /etc/one; find /bin/ls' >first 2>errors &
    run=$!
    eventually 20 [ -e up ]
    bailey save saved -o saved.bailey
    [ "$status" = 0 ] || fail "save"
    wait "$run" || true
    : >go
    bailey resume --grant saved.bailey
    answered 0 "hello
layer
/bin/ls"
    mv "data/bailey/images/sha256/$base.erofs" base.erofs
    bailey resume --grant saved.bailey
    refused 125 "$base" "import"
    bailey image import base.erofs
    bailey resume --grant saved.bailey
    answered 0 "hello
layer
/bin/ls"
}

@test "image: damaged layers end in an answer, not in a panic" {
    image_setup
    bailey image build world -t base
    bailey run --image base --commit one -- sh -c 'echo 1 >/etc/1; mkdir /deep; echo x >/deep/x'
    answered 0 ""
    bailey image export --plain --layer one layer.erofs
    size=$(stat -c %s layer.erofs)
    for seed in $(seq 1 20); do
        python3 - "$seed" "$size" <<'END'
import random, sys
r = random.Random(int(sys.argv[1]))
data = bytearray(open('layer.erofs', 'rb').read())
for _ in range(r.choice([1, 5, 50])):
    at = r.choice([1024 + r.randrange(128), 2048 + 64 + r.randrange(8), r.randrange(4096, len(data))])
    data[at] = r.choice([0, 255, r.randrange(256)])
open('bad.erofs', 'wb').write(data)
END
        in_image bad.erofs --timeout 200 -- sh -c 'find / -xdev >/dev/null 2>&1; cat /etc/* >/dev/null 2>&1; exit 0'
        [[ $stderr != *panic* ]] || fail "seed $seed"
        [ "$status" != 124 ] || fail "seed $seed took too long"
    done
}
