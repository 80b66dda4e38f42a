# needs: python3
# Which address leads where: both families, wildcards, mapped addresses, and their errors.
python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null || exit 77
cat > a.py <<'E'
import errno, socket

def attempt(f):
    try:
        return f()
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))

def host(address):
    return address[0]

def listener(family, address):
    s = socket.socket(family)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind((address, 0))
    s.listen()
    return s, s.getsockname()[1]

FOUR, SIX = socket.AF_INET, socket.AF_INET6
both, port = listener(SIX, '::')
for family, address in ((FOUR, '127.0.0.1'), (FOUR, '127.9.8.7'), (FOUR, '0.0.0.0'), (SIX, '::1'), (SIX, '::'),
                        (SIX, '::ffff:127.0.0.1'), (SIX, '::ffff:0.0.0.0')):
    c = socket.socket(family)
    result = attempt(lambda: c.connect((address, port)))
    if result is None:
        a, name = both.accept()
        result = [host(x) for x in (c.getsockname(), c.getpeername(), a.getsockname(), name)]
    print(address, result)
four, port = listener(FOUR, '127.0.0.1')
for family, address in (SIX, '::1'), (SIX, '::ffff:127.0.0.1'), (FOUR, '127.0.0.2'):
    c = socket.socket(family)
    print(address, attempt(lambda: c.connect((address, port))), host(c.getsockname()))
c = socket.socket(SIX)
c.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
print('v6 only', attempt(lambda: c.connect(('::ffff:127.0.0.1', port))))
c = socket.socket()
print('group', attempt(lambda: c.connect(('224.0.0.1', 80))), attempt(lambda: c.connect(('255.255.255.255', 80))))
u = socket.socket(FOUR, socket.SOCK_DGRAM)
print('port 0', attempt(lambda: u.connect(('127.0.0.1', 0))), attempt(lambda: u.sendto(b'', ('127.0.0.1', 0))))
print('port 0', attempt(lambda: socket.socket().connect(('127.0.0.1', 0))))
c.close()
c = socket.socket()
c.bind(('127.0.0.1', 0))
s = socket.socket()
print('taken', attempt(lambda: s.bind(c.getsockname())))
print('not ours', attempt(lambda: s.bind(('1.2.3.4', 0))))
E
python3 a.py
