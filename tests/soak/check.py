# Reads the lines of the workload from standard input: of each of its parts every number in
# order, with the digest that follows from all before.  "# kept": the run after this one goes
# on from a moment that lies some lines back.
import hashlib, sys


def binary(chain, n):
    return hashlib.sha256(chain + b"%d" % n).digest()


def text(chain, n):
    return hashlib.sha256(chain + b"%d" % n).hexdigest().encode()


chains = {"chain": (binary, [b""]), "redis": (binary, [b""]), "shell": (text, [b""])}
at = dict.fromkeys(chains, 0)
kept = set()
for number, line in enumerate(sys.stdin, 1):
    if line.startswith("#"):
        kept = set(chains)
        continue
    part, n, digest = line.split()
    n = int(n)
    step, chain = chains[part]
    if n != at[part] + 1 and not (part in kept and 0 < n <= at[part]):
        sys.exit("line %d: %s goes from %d to %d" % (number, part, at[part], n))
    kept.discard(part)
    at[part] = n
    while len(chain) <= n:
        chain.append(step(chain[-1], len(chain)))
    shown = chain[n].decode() if step is text else chain[n].hex()
    if shown != digest:
        sys.exit("line %d: %s %d has another digest" % (number, part, n))
print(", ".join("%s %d" % pair for pair in at.items()))
if len(sys.argv) > 1 and any(at[part] < int(sys.argv[2]) for part in sys.argv[1].split(",")):
    sys.exit("a part stands still: %r" % at)
