#!/usr/bin/env python3
"""The other side of a connection, for tests: peer.py WHAT ARGUMENT...

  get PORT [ADDRESS]         connects, sends "ping", prints what comes until the end
  udp PORT [ADDRESS]         sends "ping" as a datagram, prints the answer
  refused PORT               is a connection to it refused?
  serve ADDRESS              prints a port it listens on; answers each connection with what it
                             read up to its half-close, in capitals
  reset ADDRESS              ... reads a little and resets the connection
  mute ADDRESS               ... accepts and never says or reads anything
  blackhole ADDRESS          ... listens, and its backlog is full: nobody gets through
  flood PORT N               opens N connections, says how many, keeps them until end of input
  besiege PORT N OTHER       begins N connections to PORT and leaves them; meanwhile messages to
                             OTHER must come back; then ends them all and sends OTHER "drain"
  syns PORT N                N beginnings of connections from addresses where nobody is, without
                             the rest; meanwhile messages must come back, on a connection made
                             before and on new ones; says whether any was half-open
  abort PORT N               opens N connections and resets each
  digest PORT                reads to the end, prints how much and a digest
  rounds PORT N C            C connections at once, on each N messages that must come back
"""
import hashlib
import resource
import socket
import struct
import sys
import threading


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()


def everything(c):
    data = b''
    while piece := c.recv(65536):
        data += piece
    return data


def get(port, address='127.0.0.1'):
    with socket.create_connection((address, int(port)), 60) as c:
        c.sendall(b'ping')
        c.shutdown(socket.SHUT_WR)
        print(everything(c).decode())


def udp(port, address='127.0.0.1'):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(60)
        s.sendto(b'ping', (address, int(port)))
        print(s.recv(65536).decode())


def refused(port):
    try:
        socket.create_connection(('127.0.0.1', int(port)), 60)
    except ConnectionRefusedError:
        print('refused')


def listener(address, backlog=128):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    s.bind((address, 0))
    s.listen(backlog)
    print(s.getsockname()[1], flush=True)
    return s


def each(address, handle):
    s = listener(address)
    while True:
        c, _ = s.accept()
        threading.Thread(target=handle, args=(c,), daemon=True).start()


def answer(c):
    with c:
        c.sendall(everything(c).upper())


def serve(address):
    each(address, answer)


def reset_all(address):
    each(address, lambda c: (c.recv(1000), reset(c)))


def mute(address):
    kept = []
    each(address, kept.append)


def blackhole(address):
    s = listener(address, 0)
    full = [socket.socket() for _ in range(4)]
    for c in full:
        c.setblocking(False)
        c.connect_ex(s.getsockname())
    sys.stdin.read()


def flood(port, n):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kept = []
    for _ in range(int(n)):
        kept.append(socket.create_connection(('127.0.0.1', int(port)), 60))
    print(len(kept), flush=True)
    sys.stdin.read()


def echoed(c, text=b'hello'):
    c.sendall(text)
    return c.recv(100) == text


def besiege(port, n, other):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with socket.create_connection(('127.0.0.1', int(other)), 60) as c:
        kept, back = [], 0
        for i in range(int(n)):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(('127.0.0.1', int(port)))
            kept.append(s)
            if i % 100 == 0:
                back += echoed(c)
        for s in kept:
            s.close()
        print(back, echoed(c, b'drain'))


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(source, source_port, port):
    to = socket.inet_aton('127.0.0.1')
    tcp = struct.pack('!HHIIBBHHH', source_port, port, source_port * 7919, 0, 5 << 4, 2, 65535, 0, 0)
    sum_ = checksum(source + to + struct.pack('!BBH', 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack('!H', sum_) + tcp[18:]
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, to) + tcp


def half_open(port):
    with open('/proc/net/tcp') as f:
        return sum(f':{port:04X}' in l.split()[1] and l.split()[3] == '03' for l in f.readlines()[1:])


def syns(port, n):
    port = int(port)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    early = socket.create_connection(('127.0.0.1', port), 60)
    back, most = 0, 0
    for i in range(int(n)):
        raw.sendto(syn(bytes([192, 0, 2, 1 + i % 250]), 1024 + i // 250, port), ('127.0.0.1', 0))
        if i % 500 == 499:
            most = max(most, half_open(port))
            with socket.create_connection(('127.0.0.1', port), 60) as c:
                back += echoed(early) + echoed(c)
    print(back, most > 0)


def abort(port, n):
    for _ in range(int(n)):
        reset(socket.create_connection(('127.0.0.1', int(port)), 60))


def digest(port):
    with socket.create_connection(('127.0.0.1', int(port)), 60) as c:
        data = everything(c)
    print(len(data), hashlib.sha256(data).hexdigest())


def rounds_of(port, n, done):
    with socket.create_connection(('127.0.0.1', port), 60) as c:
        for i in range(n):
            c.sendall(b'%8d' % i)
            if c.recv(8, socket.MSG_WAITALL) != b'%8d' % i:
                return
    done.append(n)


def rounds(port, n, connections):
    done = []
    threads = [threading.Thread(target=rounds_of, args=(int(port), int(n), done)) for _ in range(int(connections))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(sum(done))


({'reset': reset_all}.get(sys.argv[1]) or globals()[sys.argv[1]])(*sys.argv[2:])
