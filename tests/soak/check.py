# Reads the lines of the workload from standard input: each number once, in order, with the
# digest that follows from all before.
import hashlib, sys

chain, n = b"", 0
for line in sys.stdin:
    number, digest = line.split()
    n += 1
    chain = hashlib.sha256(chain + str(n).encode()).digest()
    if int(number) != n or digest != chain.hex():
        sys.exit("line %d is %s" % (n, line))
print(n)
