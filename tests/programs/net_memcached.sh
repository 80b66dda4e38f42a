# needs: memcached python3
# memcached over TCP, UDP and a Unix socket.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
[ "$(id -u)" != 0 ] || user='-u root'
memcached $user -l 127.0.0.1 -p "$port" -U "$port" &
tcp=$!
memcached $user -s sock &
unix=$!
python3 - "$port" <<'E'
import socket, sys, time
def connected(family, address):
    for i in range(1000):
        s = socket.socket(family)
        try:
            s.connect(address)
            return s.makefile('rwb', 0)
        except OSError:
            time.sleep(0.05)
def ask(f, text, end):
    f.write(text)
    got = b''
    while not got.endswith(end):
        got += f.readline()
    return got
port = int(sys.argv[1])
for f in connected(socket.AF_INET, ('127.0.0.1', port)), connected(socket.AF_UNIX, 'sock'):
    print(ask(f, b'set a 0 0 100000\r\n' + b'x' * 100000 + b'\r\n', b'STORED\r\n'))
    print(len(ask(f, b'get a\r\n', b'END\r\n')))
    print(ask(f, b'set n 0 0 1\r\n7\r\nincr n 5\r\n', b'12\r\n'))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b'\0\1\0\0\0\1\0\0get n\r\n', ('127.0.0.1', port))
print(u.recv(1000))
E
kill $tcp $unix
wait $tcp 2>/dev/null
echo $?
wait $unix 2>/dev/null
echo $?
