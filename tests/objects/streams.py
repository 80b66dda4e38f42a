"""Pipes with bytes in them, Unix and loopback connections with bytes and descriptors in flight,
listeners with connections that wait, datagrams, epoll sets, eventfds."""
import errno
import fcntl
import os
import select
import socket
import struct

from saving import refused, result, same, save

OWN = str(os.getpid())
FIFO, SOCKET = f'/tmp/streams.{OWN}.fifo', f'/tmp/streams.{OWN}.sock'
F_SETPIPE_SZ, F_GETPIPE_SZ, FIONREAD = 1031, 1032, 0x541B


def available(fd):
    return struct.unpack('i', fcntl.ioctl(fd, FIONREAD, b'\0' * 4))[0]


class Pipes:
    def __init__(self):
        self.plain = os.pipe()
        os.write(self.plain[1], b'bytes ' * 5000)
        self.ended = os.pipe()
        os.write(self.ended[1], b'the last')
        os.close(self.ended[1])
        self.packets = os.pipe2(os.O_DIRECT)
        for text in (b'one', b'two', b'three'):
            os.write(self.packets[1], text)
        self.wide = os.pipe2(os.O_NONBLOCK)
        fcntl.fcntl(self.wide[1], F_SETPIPE_SZ, 1 << 18)
        self.held = 0
        try:
            while True:
                self.held += os.write(self.wide[1], b'x' * 4096)
        except BlockingIOError:
            pass
        self.nobody_reads = os.pipe()
        os.close(self.nobody_reads[0])
        os.mkfifo(FIFO)
        self.fifo = os.open(FIFO, os.O_RDWR)
        os.write(self.fifo, b'in a fifo')

    def check(self):
        same('pipe', os.read(self.plain[0], 1 << 16), b'bytes ' * 5000)
        os.write(self.plain[1], b'more')
        same('pipe, later', os.read(self.plain[0], 100), b'more')
        same('ended pipe', [os.read(self.ended[0], 100), os.read(self.ended[0], 100)], [b'the last', b''])
        same('packets', [os.read(self.packets[0], 100) for _ in range(3)], [b'one', b'two', b'three'])
        same('size of a pipe', fcntl.fcntl(self.wide[0], F_GETPIPE_SZ), 1 << 18)
        same('bytes in it', available(self.wide[0]), self.held)
        refused('full pipe', errno.EAGAIN, os.write, self.wide[1], b'x' * 4096)
        refused('pipe without reader', errno.EPIPE, os.write, self.nobody_reads[1], b'x')
        again = os.open(FIFO, os.O_RDONLY | os.O_NONBLOCK)
        same('fifo', os.read(again, 100), b'in a fifo')
        os.unlink(FIFO)


class Unix:
    """A chain of descriptors in flight: a socket, in it a socket, in it a pipe and a deleted file."""

    def __init__(self):
        self.stream = socket.socketpair()
        self.stream[0].sendall(b's' * 50000)
        self.stream[0].shutdown(socket.SHUT_WR)
        self.packets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for text in (b'first', b'second'):
            self.packets[0].send(text)
        self.outer, inner = socket.socketpair(), socket.socketpair()
        r, w = os.pipe()
        os.write(w, b'in a pipe in flight')
        file = os.open('/tmp', os.O_TMPFILE | os.O_RDWR)
        os.write(file, b'in a file in flight')
        socket.send_fds(inner[0], [b'inner'], [r, file])
        socket.send_fds(self.outer[0], [b'outer'], [inner[0].fileno(), inner[1].fileno()])
        for s in inner:
            s.close()
        for fd in (r, w, file):
            os.close(fd)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind('\0streams' + OWN)
        self.listener.listen(5)
        self.waiting = socket.socket(socket.AF_UNIX)
        self.waiting.connect('\0streams' + OWN)
        self.waiting.send(b'before it was accepted')
        self.datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.datagrams.bind(SOCKET)
        self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sender.bind('\0sender' + OWN)
        self.sender.sendto(b'a datagram', SOCKET)

    def check(self):
        data = b''
        while piece := self.stream[1].recv(65536):
            data += piece
        same('stream, then its end', data, b's' * 50000)
        self.stream[1].send(b'back')
        same('the other direction', self.stream[0].recv(10), b'back')
        same('packets', [self.packets[1].recv(100) for _ in range(2)], [b'first', b'second'])
        text, fds, _, _ = socket.recv_fds(self.outer[1], 10, 4)
        same('descriptors in flight', (text, len(fds)), (b'outer', 2))
        inner = socket.socket(fileno=fds[1])
        text, fds, _, _ = socket.recv_fds(inner, 10, 4)
        same('and those in them', (text, len(fds)), (b'inner', 2))
        same('a pipe that was in flight', [os.read(fds[0], 100), os.read(fds[0], 100)], [b'in a pipe in flight', b''])
        same('a file that was in flight', os.pread(fds[1], 100, 0), b'in a file in flight')
        accepted = self.listener.accept()[0]
        same('sent before it was accepted', accepted.recv(100), b'before it was accepted')
        accepted.send(b'welcome')
        same('accepted', self.waiting.recv(100), b'welcome')
        text, control, _, who = self.datagrams.recvmsg(100, 100)
        same('datagram', (text, who), (b'a datagram', b'\0sender' + OWN.encode()))
        same('who sent it', struct.unpack('iii', control[0][2]), (os.getpid(), os.getuid(), os.getgid()))
        again = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        again.sendto(b'by name', SOCKET)
        same('bound by name', self.datagrams.recv(100), b'by name')
        os.unlink(SOCKET)


class Internet:
    def __init__(self, family, host):
        self.listener = socket.socket(family)
        self.listener.bind((host, 0))
        self.listener.listen(3)
        self.address = self.listener.getsockname()
        self.client = socket.create_connection(self.address[:2])
        self.server = self.listener.accept()[0]
        self.client.sendall(b'c' * 60000)
        self.server.sendall(b's' * 10)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
        self.client.settimeout(30)
        self.urgent = socket.create_connection(self.address[:2])
        self.urgent_end = self.listener.accept()[0]
        self.urgent.send(b'ab')
        self.urgent.send(b'!', socket.MSG_OOB)
        self.waiting = socket.create_connection(self.address[:2])
        self.waiting.send(b'waits')
        self.reset = socket.create_connection(self.address[:2])  # was accepted, then reset
        self.closed = socket.create_connection(self.address[:2])
        self.closed.send(b'last words')
        self.closed.close()
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((host, 0))
        self.peer = socket.socket(family, socket.SOCK_DGRAM)
        self.peer.connect(self.udp.getsockname())
        for text in (b'one', b'', b'three'):
            self.peer.send(text)

    def check(self):
        data = b''
        while len(data) < 60000:
            data += self.server.recv(65536)
        same('to the server', data, b'c' * 60000)
        same('to the client', self.client.recv(100), b's' * 10)
        same('options', [self.client.getsockopt(*o) for o in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))], [1, 1, 77])
        same('names', (self.client.getpeername(), self.server.getpeername()), (self.address, self.client.getsockname()))
        select.select([], [], [self.urgent_end], 60)
        same('urgent', (self.urgent_end.recv(10, socket.MSG_OOB), self.urgent_end.recv(10)), (b'!', b'ab'))
        accepted = [self.listener.accept()[0] for _ in range(3)]
        same('sent before it was accepted', accepted[0].recv(100), b'waits')
        same('sent before it was closed', [accepted[2].recv(100), accepted[2].recv(100)], [b'last words', b''])
        late = socket.create_connection(self.address[:2])
        late.send(b'late')
        same('connected later', self.listener.accept()[0].recv(10), b'late')
        same('datagrams', [self.udp.recv(100) for _ in range(3)], [b'one', b'', b'three'])
        self.udp.sendto(b'answer', self.peer.getsockname())
        same('their answer', self.peer.recv(100), b'answer')


class Epoll:
    def __init__(self):
        self.pipes = {name: os.pipe() for name in ('level', 'edge', 'once', 'quiet', 'dead')}
        self.set = select.epoll()
        kinds = {'edge': select.EPOLLET, 'once': select.EPOLLONESHOT}
        for name, (r, w) in self.pipes.items():
            self.set.register(r, select.EPOLLIN | kinds.get(name, 0))
            if name != 'quiet':
                os.write(w, b'x')
        self.outer = select.epoll()
        self.outer.register(self.set.fileno(), select.EPOLLIN)
        self.event = os.eventfd(3, os.EFD_SEMAPHORE)
        self.counter = os.eventfd(41)
        self.seen = dict(self.set.poll(1))  # edges and the one shot are told once
        os.close(self.pipes['dead'][1])

    def names(self, timeout=0):
        numbers = {r: name for name, (r, w) in self.pipes.items()}
        return sorted(numbers[fd] for fd, events in self.set.poll(timeout))

    def check(self):
        same('seen before', len(self.seen), 4)
        same('ready', self.names(), ['dead', 'level'])
        same('nested', len(self.outer.poll(0)), 1)
        os.write(self.pipes['edge'][1], b'y')
        os.write(self.pipes['once'][1], b'y')
        os.write(self.pipes['quiet'][1], b'y')
        same('a new edge', self.names(), ['dead', 'edge', 'level', 'quiet'])
        self.set.modify(self.pipes['once'][0], select.EPOLLIN)
        same('armed again', self.names(), ['dead', 'level', 'once', 'quiet'])
        same('eventfd, a semaphore', [os.eventfd_read(self.event) for _ in range(3)], [1, 1, 1])
        same('eventfd', os.eventfd_read(self.counter), 41)


def has_ipv6():
    try:
        socket.socket(socket.AF_INET6).bind(('::1', 0))
        return True
    except OSError:
        return False


objects = [Pipes(), Unix(), Internet(socket.AF_INET, '127.0.0.1'), Epoll()]
if has_ipv6():
    objects.append(Internet(socket.AF_INET6, '::1'))
save()
for o in objects:
    o.check()
result()
