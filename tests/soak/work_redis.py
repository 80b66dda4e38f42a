# A redis server with clients, for the soak.
#
#   client   over TCP: a counter and the last digests as keys, in transactions; now and then
#            all keys are read back
#   echo     a process that sleeps in BRPOP on the server's Unix socket, and answers by LPUSH
import hashlib, os, socket, subprocess, sys, time

KEYS = 300
PORT = 6399


class Redis:
    def __init__(self, family, address):
        self.socket = socket.socket(family)
        self.socket.connect(address)
        self.stream = self.socket.makefile("rb")

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def answer(self):
        line = self.stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b":":
            return int(rest)
        if kind != b"+":
            sys.exit("redis says %r" % line)
        return rest

    def ask(self, *words):
        self.send(*words)
        return self.answer()


def connect(family, address):
    for _ in range(3000):
        try:
            return Redis(family, address)
        except OSError:
            time.sleep(0.02)
    sys.exit("redis does not answer")


subprocess.Popen(["redis-server", "--port", str(PORT), "--unixsocket", "/tmp/redis.sock", "--save", "", "--appendonly",
                  "no", "--logfile", "/tmp/redis.log", "--dir", "/tmp"], stdin=subprocess.DEVNULL)
client = connect(socket.AF_INET, ("127.0.0.1", PORT))
if os.fork() == 0:
    echo = connect(socket.AF_UNIX, "/tmp/redis.sock")
    while True:
        _, word = echo.ask("BRPOP", "questions", 0)
        echo.ask("LPUSH", "answers", hashlib.sha256(word).digest())

digest, n = b"", 0
while True:
    n += 1
    digest = hashlib.sha256(digest + b"%d" % n).digest()
    for words in (("MULTI",), ("INCR", "n"), ("SET", "key:%d" % (n % KEYS), digest), ("EXEC",)):
        client.send(*words)  # without waiting in between
    answers = [client.answer() for _ in range(4)]
    if answers[3] != [n, b"OK"]:
        sys.exit("redis counts %r, not %d" % (answers[3], n))
    client.ask("LPUSH", "questions", digest)
    if client.ask("BRPOP", "answers", 0)[1] != hashlib.sha256(digest).digest():
        sys.exit("redis: another answer than was asked for")
    if n % 50 == 0:
        last, chain = {}, b""
        for i in range(1, n + 1):
            chain = hashlib.sha256(chain + b"%d" % i).digest()
            last[i % KEYS] = chain
        values = client.ask("MGET", *["key:%d" % k for k in sorted(last)])
        if values != [last[k] for k in sorted(last)]:
            sys.exit("redis has lost or changed a key")
    os.write(1, b"redis %d %s\n" % (n, digest.hex().encode()))
    time.sleep(0.002)
