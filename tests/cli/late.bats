#!/usr/bin/env bats
# A resumed program goes on while its memory is still being unpacked: it must not notice.

load helper

# Holds 64 MB; says when; then, as soon as it goes on, uses them in every way at once.
program='
import hashlib, mmap, os, random, sys, threading, time
page = lambda: random.randbytes(1300) + b"some text that is there again " * 93 + b"123456"
block = b"".join(page() for i in range(256))
data = bytearray(block * 64)
for i in range(64): data[i << 20:(i << 20) + 8] = b"%08d" % i
view = memoryview(data)
whole = hashlib.md5(data).hexdigest()
area = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.write(view[:32 << 20])
half = hashlib.md5(view[:32 << 20]).hexdigest()
target = bytearray(b"x" * (20 << 20))
with open("/tmp/file", "wb") as f: f.write(view[5 << 20:25 << 20])
print("ready", flush=True)
generation = open("/proc/sys/kernel/random/boot_id").read()
while open("/proc/sys/kernel/random/boot_id").read() == generation: time.sleep(0.001)
child = os.fork()
if child == 0: os._exit(hashlib.md5(data).hexdigest() != whole)
def read():
    with open("/tmp/file", "rb", buffering=0) as f: print("read", f.readinto(target), flush=True)
def write():
    r, w = os.pipe()
    t = threading.Thread(target=lambda: print("wrote", os.write(w, view[40 << 20:41 << 20]), flush=True))
    t.start()
    got = b""
    while len(got) < 1 << 20: got += os.read(r, 1 << 20)
    t.join()
    print("piped", got == view[40 << 20:41 << 20], flush=True)
for f in (read, write):
    f()
area.resize(48 << 20)
print("moved", hashlib.md5(memoryview(area)[:32 << 20]).hexdigest() == half, flush=True)
area.madvise(mmap.MADV_DONTNEED, 0, 1 << 20)
print("given back", area[:1 << 20] == bytes(1 << 20), flush=True)
print("child", os.waitpid(child, 0)[1], flush=True)
print("target", target == view[5 << 20:25 << 20], flush=True)
print("whole", hashlib.md5(data).hexdigest() == whole, flush=True)
'
good=$'read 20971520\nwrote 1048576\npiped True\nmoved True\ngiven back True\nchild 0\ntarget True\nwhole True'

said_ready() { [ "$("$BAILEY" logs "$1" 2>/dev/null)" = ready ]; }

begin() { # a snapshot of it: file
    "$BAILEY" run -d --name late -- python3 -c "$program" >/dev/null 3>&-
    eventually 60 said_ready late
    "$BAILEY" save late -o file >/dev/null
    "$BAILEY" rm late >/dev/null
}

@test "memory that comes late is all there, however it is used" {
    begin
    bailey resume file
    answered 0 "$good"
}

@test "what a program needs to get going comes before its large memory" {
    "$BAILEY" run -d --name order -- python3 -c '
import mmap, os, signal
small = b"small-%d-mark" % os.getpid() # together only in that page
area = mmap.mmap(os.open("/etc/passwd", os.O_RDONLY), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
for i in range(0, 480, 12): area[i:i + 12] = small
large = (b"large-%d-mark" % os.getpid()) * 1400000
print("ready", flush=True)
signal.pause()' >/dev/null 3>&-
    eventually 60 said_ready order
    "$BAILEY" save --warm order -o file >/dev/null # pages as they are, in the same order
    "$BAILEY" rm order >/dev/null
    python3 -c '
import sys
data = open("file", "rb").read()
small, large = data.find(b"small-1-mark" * 20), data.find(b"large-1-mark" * 200)
sys.exit(not 0 < small < large)' || fail "large memory comes first"
}

@test "a save waits for what is still to come" {
    begin
    "$BAILEY" resume -d --name again file >/dev/null 3>&-
    "$BAILEY" save again -o second >/dev/null || [ "$(timeout 60 "$BAILEY" wait again)" = 0 ]
    if [ -e second ]; then
        "$BAILEY" logs again >out
        "$BAILEY" resume second >>out 2>errors
    else
        "$BAILEY" logs again >out
    fi
    [ "$(cat out)" = "$good" ] || fail "$(cat out errors)"
}

flip() { # AT [FILE]: a few bytes there -> bad
    cp "${2:-file}" bad
    printf '\xa5\x5a\xa5' | dd of=bad bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# One line, whatever it had written before: its memory is not all there.
lost() { # WORD...
    output=
    refused 125 resume: "$@"
    [ -z "$("$BAILEY" ps -aq)" ] || fail "something is left"
}

@test "what does not fit is found before it is used" {
    begin
    size=$(stat -c %s file)
    for cut in $((size / 2)) $((size - 1)); do
        head -c "$cut" file >bad
        bailey resume bad
        refused 125 bad "cut short"
    done
    flip 5000 # the kernel's memory
    bailey resume bad
    refused 125 resume: bad changed
    flip $((size - 100)) # the trailer
    bailey resume bad
    refused 125 bad
    for at in $((size / 2)) $((size - 200000)); do
        flip "$at"
        bailey resume bad
        lost bad changed
        bailey resume -d --name lost bad
        "$BAILEY" wait lost >code || true
        [ "$(cat code)" = 125 ] || fail "$(cat code)"
        [[ $("$BAILEY" logs lost 2>&1 | tail -n 1) == "bailey: resume: bad: the snapshot was changed"* ]] ||
            fail "$("$BAILEY" logs lost 2>&1)"
        "$BAILEY" rm lost >/dev/null
        bailey snapshot verify bad
        refused 125 bad changed
    done
}

@test "pages are there for those who ask first, each as it was" {
    "$BAILEY" snapshot keygen key
    "$BAILEY" run -d --name ask -- python3 -c '
import mmap, os, random, threading, time
page = lambda: random.randbytes(1300) + b"some text that is there again " * 92
areas = [mmap.mmap(-1, 24 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for i in range(3)]
pages = [(a, p) for a in range(3) for p in range(24 << 8)]
for a, p in pages: areas[a][p << 12:(p << 12) + 4096] = (b"%2d %6d " % (a, p) + page()).ljust(4096)
boot = lambda: open("/proc/sys/kernel/random/boot_id").read()
print("ready", flush=True)
old, n = boot(), 0
while boot() == old:
    areas[n % 3][n // 3 << 12 | 20] ^= 1 # so that some pages differ from the base
    n = (n + 1) % 3000
    time.sleep(0.001)
def look(seed):
    for a, p in random.Random(seed).sample(pages, 3000):
        if areas[a][p << 12:(p << 12) + 10] != b"%2d %6d " % (a, p): os._exit(1)
children = []
for n in range(2):
    children.append(os.fork())
    if not children[-1]:
        areas[n].resize(30 << 20) # moved
        look(n)
        os._exit(0)
threads = [threading.Thread(target=look, args=(n,)) for n in range(10, 13)]
for t in threads: t.start()
for t in threads: t.join()
print("children", [os.waitpid(c, 0)[1] for c in children], flush=True)
time.sleep(1000)' >/dev/null 3>&-
    eventually 60 said_ready ask
    "$BAILEY" save ask --keep --encrypt key -o base >/dev/null
    "$BAILEY" save ask --base base --encrypt key --sign key -o file >/dev/null
    [ "$(stat -c %s file)" -lt $(($(stat -c %s base) / 2)) ] || fail "it is not incremental"
    "$BAILEY" rm ask >/dev/null
    "$BAILEY" resume -d --name ask --key key --signer key.pub file >/dev/null 3>&-
    answer() { [ "$("$BAILEY" logs ask)" = "children [0, 0]" ]; }
    eventually 60 answer || fail "$("$BAILEY" logs ask)"
    "$BAILEY" kill ask >/dev/null
    "$BAILEY" wait ask >/dev/null || true
    "$BAILEY" rm ask >/dev/null
    flip $(($(stat -c %s base) - 100000)) base # nobody asks for it
    mv bad base
    bailey resume --key key file
    lost base changed
}
