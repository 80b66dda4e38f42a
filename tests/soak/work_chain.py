# Several processes, for the soak.
#
#   parent   sends numbers through a pipe, gets digests back through a Unix socket
#   child    keeps the chain of digests; a thread of its own counts
#   files    each step is appended to a file in memory, and now and then read back whole
import hashlib, os, socket, sys, threading, time

here, there = socket.socketpair()
r, w = os.pipe()
if os.fork() == 0:
    here.close()
    os.close(w)
    ticks = [0]

    def tick():
        while True:
            ticks[0] += 1
            time.sleep(0.003)

    threading.Thread(target=tick, daemon=True).start()
    chain = b""
    with os.fdopen(r, "rb") as numbers:
        for line in numbers:
            chain = hashlib.sha256(chain + line.strip()).digest()
            there.sendall(chain)
    if ticks[0] == 0:
        os._exit(3)
    os._exit(0)
there.close()
os.close(r)
out = os.fdopen(w, "wb", buffering=0)
kept = open("/tmp/kept", "w+b")
os.unlink("/tmp/kept")
n = 0
while True:
    n += 1
    out.write(b"%d\n" % n)
    digest = b""
    while len(digest) < 32:
        digest += here.recv(32 - len(digest))
    kept.write(digest)
    if n % 50 == 0:
        kept.seek(0)
        whole = kept.read()
        if len(whole) != 32 * n or whole[-32:] != digest:
            sys.exit("the file in memory is not what was written")
    os.write(1, b"chain %d %s\n" % (n, digest.hex().encode()))
    time.sleep(0.002)
