#!/usr/bin/env python3
"""What runs in the sandbox, for tests: inside.py WHAT ARGUMENT...  Each prints what happened,
an error by its name.

  serve PORT [N]          says "ready"; answers N connections (one) with what it read, in capitals
  udp PORT [N [ADDRESS]]  the same with datagrams
  get HOST PORT           connects, sends "ping", prints the answer
  try ADDRESS PORT...     connects to each; addresses may be of either family.  Nobody answers at
                          the port that $HOLE has
  send ADDRESS PORT...    sends a datagram to each and waits a moment for an answer
  datagrams PORT          with HOST's "many": takes datagrams until one says "end", answers how
                          many bytes came in how many, and with what address of its own
  many HOST PORT N SIZE   sends N datagrams of SIZE bytes, each when the one before has had its answer
  burst HOST PORT N       sends N datagrams without a break, then "end"
  resolver                the resolver by TCP: in pieces, several at once, nonsense, many
  ask HOST PORT N         sends a datagram every now and then until there were N answers
  async ADDRESS PORT      connects without blocking; what poll and SO_ERROR say
  pour ADDRESS PORT       sends without end; what ends it
  idle PORT N             accepts N connections, then says how many it has
  limited PORT N          accepts until descriptors run out, says so, closes what it has and
                          accepts the rest of N connections
  deaf PORT OTHER         listens at PORT and accepts nobody; sends back what comes at OTHER, one
                          connection after the other, and accepts all at PORT when that is "drain"
  group PORT N            two listeners share PORT, a thread each; when both have had some of N
                          connections and the first has closed, the other goes on
  crowd PORT N            three processes accept as many connections as they can and keep them, then
                          end, and the first one takes the rest of N
  connects ADDRESS PORT   connects until it can no more, closes all, connects again; three times
  options ADDRESS PORT    what options of a connection say
  sendfile PORT FILE      sends a file with a hole, then FILE, to one connection
  loop PORT N             one loop around epoll that sends back what comes, with a timer's signals
                          and a second thread asleep; ends when N connections have ended
"""
import errno
import fcntl
import os
import resource
import select
import signal
import socket
import sys
import termios
import threading
import time


def name(e):
    if isinstance(e, socket.timeout) or e.errno is None:
        return 'timeout'
    if isinstance(e, socket.gaierror):
        return 'no address'
    return errno.errorcode.get(e.errno, str(e.errno))


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def everything(c):
    data = b''
    while piece := c.recv(65536):
        data += piece
    return data


def serve(port, n=1, address='0.0.0.0'):
    s = socket.create_server((address, int(port)), family=family(address))
    print('ready', flush=True)
    for _ in range(int(n)):
        c, peer = s.accept()
        try:
            c.sendall(everything(c).upper())
            print(peer[0], c.getsockname()[1], flush=True)
        except OSError as e:
            print(name(e), flush=True)
        c.close()


def udp(port, n=1, address='0.0.0.0'):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    print('ready', flush=True)
    for _ in range(int(n)):
        data, peer = s.recvfrom(65536)
        print(peer[0], flush=True)
        s.sendto(data.upper(), peer)


def get(host, port):
    try:
        with socket.create_connection((host, int(port)), 60) as c:
            c.sendall(b'ping')
            c.shutdown(socket.SHUT_WR)
            print(everything(c).decode())
    except OSError as e:
        print(name(e))


def attempt(address, port):
    s = socket.socket(family(address))
    s.settimeout(2 if port == os.environ.get('HOLE') else 60)
    try:
        s.connect((address, int(port)))
        print(address, port, 'connected')
    except OSError as e:
        print(address, port, name(e))


def pairs(words):
    return zip(words[::2], words[1::2])


def try_(*words):
    for address, port in pairs(words):
        attempt(address, port)


def send(*words):
    for address, port in pairs(words):
        s = socket.socket(family(address), socket.SOCK_DGRAM)
        s.settimeout(60)
        try:
            s.connect((address, int(port)))
            s.send(b'ping')
            print(address, port, s.recv(100).decode())
        except OSError as e:
            print(address, port, name(e))


def datagrams(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.bind(('::', int(port)))
    print('ready', flush=True)
    while True:
        count = size = 0
        while True:
            data, control, _, peer = s.recvmsg(65536, 200)
            if data == b'end':
                break
            count += 1
            size += len(data)
            if data[:1] == b'm':
                s.sendto(data[:10], peer)
        own = socket.inet_ntop(socket.AF_INET6, control[0][2][:16])
        same = own[:10] == peer[0][:10] == '::ffff:198' and own != peer[0]
        s.sendto(f'{count} {size} {same}'.encode(), peer)


def sender(host, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(60)
    s.connect((host, int(port)))
    return s


def many(host, port, n, size):
    s = sender(host, port)
    for i in range(int(n)):
        data = b'm%09d' % i
        s.send(data + bytes(int(size) - 10))
        if s.recv(100) != data:
            print('another answer')
    s.send(b'end')
    print(s.recv(100).decode())


def burst(host, port, n):
    s = sender(host, port)
    for _ in range(int(n)):
        s.send(b'burst')
    s.send(b'end')
    print(s.recv(100).decode())


def ask(host, port, n):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.2)
    answers = 0
    print('ready', flush=True)
    while answers < int(n):
        try:
            s.sendto(b'ask', (host, int(port)))
            answers += s.recvfrom(100)[0] == b'ASK'
        except OSError:
            pass
        time.sleep(0.02)
    print('answered', answers, flush=True)


def query(name):
    labels = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.'))
    m = b'\x12\x34\1\0\0\1\0\0\0\0\0\0' + labels + b'\0\0\1\0\1'
    return len(m).to_bytes(2, 'big') + m


def response(c):
    n = int.from_bytes(c.recv(2, socket.MSG_WAITALL), 'big')
    return socket.inet_ntoa(c.recv(n, socket.MSG_WAITALL)[-4:])


def ends(c):
    try:
        while c.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return 'ended'


def once_there_is_room(address):
    """The service may not have got to what was closed."""
    end = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(address, 60)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def resolver():
    there = '127.0.0.53', 53
    with socket.create_connection(there, 60) as c:
        for b in query('a10-1-2-3.test'):
            c.send(bytes([b]))
        print('byte by byte:', response(c))
        c.send(query('a10-1-2-3.test') + query('a10-1-2-4.test') + query('a10-1-2-5.test'))
        two = sorted([response(c), response(c)])
        c.recv(1, socket.MSG_PEEK)
        there_is = bytearray(4)
        fcntl.ioctl(c, termios.FIONREAD, there_is)
        answers = sorted(two + [response(c)])
        size = len(query('a10-1-2-5.test')) + 16
        print('two at once:', f"{' '.join(answers[:2])}, then {int.from_bytes(there_is, 'little') // size} more")
    with socket.create_connection(there, 60) as c:
        c.send(b'\xff\xff' + bytes(600))
        print('too long:', ends(c))
    with socket.create_connection(there, 60) as c:
        c.setblocking(False)
        try:
            for _ in range(100):
                c.send(query('big.test'))
                time.sleep(0.05)
        except OSError:
            pass
        c.settimeout(60)
        print('not read:', ends(c))
    kept = []
    try:
        for _ in range(100):
            kept.append(socket.create_connection(there, 60))
    except ConnectionRefusedError:
        print('refused after 64:', len(kept) <= 64)
    for c in kept:
        c.close()
    with once_there_is_room(there) as c:
        c.send(query('a10-1-2-3.test'))
        print('again:', response(c))


def async_(address, port):
    s = socket.socket(family(address))
    s.setblocking(False)
    print(errno.errorcode.get(s.connect_ex((address, int(port))), 'connected'))
    p = select.poll()
    p.register(s, select.POLLOUT)
    events = p.poll(2000)
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    print('events' if events else 'nothing', errno.errorcode.get(error, error))


def pour(address, port):
    s = socket.create_connection((address, int(port)), 60)
    sent = 0
    try:
        while True:
            sent += s.send(bytes(65536))
    except OSError as e:
        print(name(e), sent > 0)


def idle(port, n):
    s = socket.create_server(('0.0.0.0', int(port)), backlog=4096)
    poll = select.epoll()
    poll.register(s, select.EPOLLIN)
    s.setblocking(False)
    print('ready', flush=True)
    kept = {}
    while len(kept) < int(n):
        for fd, _ in poll.poll():
            try:
                while fd == s.fileno():
                    c, _ = s.accept()
                    c.setblocking(False)
                    kept[c.fileno()] = c
                    poll.register(c, select.EPOLLIN | select.EPOLLET)
            except BlockingIOError:
                pass
    print(len(kept), flush=True)
    while kept:
        for fd, _ in poll.poll():
            if fd in kept:
                data = kept[fd].recv(100)
                if data:
                    kept[fd].sendall(data.upper())
                else:
                    kept.pop(fd).close()
    print('all closed', flush=True)


def options(address, port):
    s = socket.create_connection((address, int(port)), 60)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
          s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
          s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
          s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)[0],
          s.getpeername()[1] == int(port))


def limited(port, n):
    s = socket.create_server(('0.0.0.0', int(port)), backlog=128)
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    print('ready', flush=True)
    kept, count = [], 0
    while count < int(n):
        try:
            kept.append(s.accept()[0])
            count += 1
        except OSError as e:
            print(name(e), flush=True)
            for c in kept:
                c.close()
            kept = []
    print('all', count, flush=True)


def deaf(port, other):
    silent = socket.create_server(('0.0.0.0', int(port)), backlog=16)
    s = socket.create_server(('0.0.0.0', int(other)), backlog=128)
    print('ready', flush=True)
    while True:
        with s.accept()[0] as c:
            while data := c.recv(100):
                if data == b'drain':
                    silent.settimeout(2)
                    count = 0
                    try:
                        while True:
                            silent.accept()[0].close()
                            count += 1
                    except socket.timeout:
                        print('drained', count > 16, flush=True)
                c.sendall(data)


def accept_and_tell(s, tell):
    kept, stop = [], []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    s.settimeout(0.2)
    while not stop:
        try:
            kept.append(s.accept()[0])
            os.write(tell, b'.')
        except OSError:
            pass
    os._exit(0)


def shared(port, counts, k):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('0.0.0.0', port))
    s.listen(128)

    def work():
        while True:
            c, _ = s.accept()
            c.sendall(everything(c).upper())
            c.close()
            counts[k] += 1
            if k == 0 and min(counts) > 0:
                s.close()
                print('one left', flush=True)
                return
    return threading.Thread(target=work, daemon=True)


def group(port, n):
    counts = [0, 0]
    threads = [shared(int(port), counts, k) for k in range(2)]
    for t in threads:
        t.start()
    print('ready', flush=True)
    while sum(counts) < int(n):
        time.sleep(0.02)
    print('all', flush=True)


def crowd(port, n):
    s = socket.create_server(('0.0.0.0', int(port)), backlog=128)
    ear, tell = os.pipe()
    children = []
    for _ in range(3):
        children.append(os.fork())
        if not children[-1]:
            accept_and_tell(s, tell)
    print('ready', flush=True)
    os.close(tell)
    count = len(os.read(ear, 1))
    while select.select([ear], [], [], 1)[0]:
        count += len(os.read(ear, 1000))
    print('full', count < int(n), flush=True)
    for child in children:
        os.kill(child, signal.SIGTERM)
    while told := os.read(ear, 1000):
        count += len(told)
    s.setblocking(True) # it is the same socket that they had a timeout on
    while count < int(n):
        s.accept()[0].close()
        count += 1
    print('all', count, flush=True)


def connects(address, port):
    for _ in range(3):
        kept = []
        try:
            while len(kept) < 3000:
                kept.append(socket.create_connection((address, int(port)), 60))
        except OSError as e:
            print(name(e), len(kept) > 50)
        for c in kept:
            c.close()
        until_closed(address, port)
    get(address, port)


def until_closed(address, port):
    """Until there is room for 60 connections again: the service may not have got to the last."""
    end = time.monotonic() + 60
    kept = []
    while len(kept) < 60 and time.monotonic() < end:
        try:
            kept.append(socket.create_connection((address, int(port)), 60))
        except OSError:
            time.sleep(0.05)
    for c in kept:
        c.close()


def sendfile(port, path):
    s = socket.create_server(('0.0.0.0', int(port)))
    with open('/tmp/holes', 'wb') as f:
        f.write(bytes(range(256)) * 4000)
        f.seek(3000001)
        f.write(b'after the hole' * 100000)
    print('ready', flush=True)
    c, _ = s.accept()
    for name in '/tmp/holes', path:
        with open(name, 'rb') as f:
            at = 0
            while n := os.sendfile(c.fileno(), f.fileno(), at, 1 << 20):
                at += n
    c.close()


def loop(port, n):
    s = socket.create_server(('0.0.0.0', int(port)), backlog=128)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    poll = select.epoll()
    poll.register(s, select.EPOLLIN)
    kept, ended = {}, 0
    print('ready', flush=True)
    while ended < int(n):
        for fd, _ in poll.poll():
            if fd == s.fileno():
                c = s.accept()[0]
                kept[c.fileno()] = c
                poll.register(c, select.EPOLLIN)
            elif data := kept[fd].recv(100):
                kept[fd].sendall(data)
            else:
                kept.pop(fd).close()
                ended += 1
    print('ended', flush=True)


{'try': try_, 'async': async_}.get(sys.argv[1], globals().get(sys.argv[1]))(*sys.argv[2:])
