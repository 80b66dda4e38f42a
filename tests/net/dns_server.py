#!/usr/bin/env python3
"""A name server for tests: dns_server.py ADDRESS LOG

Prints the port it took, of UDP and TCP.  Each query is a line in LOG: the name as it was written, the type.
The first label says what is answered:
  aN-B-C-D      A record N.B.C.D               six      AAAA record fd00::7
  alias         CNAME of a10-9-8-7, and that   nothing  no record
  missing       NXDOMAIN                       many     100 A records
  silent        no answer                      slow     an answer after 2 seconds
  twice         answers once in two            broken   an answer cut short
  loop          a name that points at itself   liar     an answer with another number first
  stranger      an answer to another question first
  big           by UDP: truncated, and without records; by TCP 3000 A records
  hangup        by TCP: the connection ends in the middle of the answer
"""
import socket
import struct
import sys
import threading


def name(text):
    return b''.join(bytes([len(l)]) + l.encode() for l in text.split('.') if l) + b'\0'


def read_name(m, at):
    labels = []
    while m[at]:
        labels.append(m[at + 1:at + 1 + m[at]].decode('latin-1'))
        at += 1 + m[at]
    return '.'.join(labels), at + 1


def record(owner, kind, data):
    return owner + struct.pack('>HHIH', kind, 1, 60, len(data)) + data


def answer(m, question, label, kind, stream=False):
    here = b'\xc0\x0c'
    records = []
    code = 0
    if label.startswith('a') and label[1:].replace('-', '').isdigit():
        if kind == 1:
            records = [record(here, 1, bytes(int(n) for n in label[1:].split('-')))]
    elif label == 'alias':
        target = name('a10-9-8-7.test')
        records = [record(here, 5, target)]
        if kind == 1:
            records.append(record(target, 1, bytes([10, 9, 8, 7])))
    elif label == 'six':
        if kind == 28:
            records = [record(here, 28, socket.inet_pton(socket.AF_INET6, 'fd00::7'))]
    elif label == 'many':
        if kind == 1:
            records = [record(here, 1, bytes([10, 1, 1, i])) for i in range(100)]
    elif label == 'loop':
        records = [record(b'\xc0' + bytes([12 + len(question)]), 1, bytes(4))]
    elif label == 'missing':
        code = 3
    elif label == 'big':
        if kind == 1 and stream:
            records = [record(here, 1, bytes([10, 2, i >> 8, i & 255])) for i in range(3000)]
        elif kind == 1:
            code = 0x200
    elif label in ('twice', 'slow', 'hangup', 'liar', 'stranger', 'broken'):
        if kind == 1:
            records = [record(here, 1, bytes([10, 1, 2, 3]))]
    reply = m[:2] + struct.pack('>HHHHH', 0x8180 | code, 1, len(records), 0, 0) + question
    return reply + b''.join(records)


def by_stream(c, log):
    with c, c.makefile('rb') as f:
        while len(head := f.read(2)) == 2:
            m = f.read(struct.unpack('>H', head)[0])
            text, end = read_name(m, 12)
            kind = struct.unpack('>H', m[end:end + 2])[0]
            print(text, kind, len(m) - end - 4, file=log)
            label = text.split('.')[0].lower()
            reply = answer(m, m[12:end + 4], label, kind, True)
            if label == 'liar':
                reply = bytes([reply[0] ^ 1]) + reply[1:]
            reply = struct.pack('>H', len(reply)) + reply
            if label == 'hangup':
                c.sendall(reply[:-5])
                return
            for i in range(0, len(reply), 1000): # in pieces
                c.sendall(reply[i:i + 1000])


def accept_all(t, log):
    while True:
        c, _ = t.accept()
        threading.Thread(target=by_stream, args=(c, log), daemon=True).start()


def sockets(address):
    while True:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, 0))
        try:
            return s, socket.create_server(s.getsockname())
        except OSError:
            s.close()


def main():
    s, t = sockets(sys.argv[1])
    log = open(sys.argv[2], 'w', buffering=1)
    threading.Thread(target=accept_all, args=(t, log), daemon=True).start()
    print(s.getsockname()[1], flush=True)
    seen = {}
    while True:
        m, peer = s.recvfrom(4096)
        text, end = read_name(m, 12)
        kind = struct.unpack('>H', m[end:end + 2])[0]
        print(text, kind, len(m) - end - 4, file=log)
        question = m[12:end + 4]
        label = text.split('.')[0].lower()
        reply = answer(m, question, label, kind)
        seen[text] = seen.get(text, 0) + 1
        if label == 'silent' or (label == 'twice' and seen[text] % 2):
            continue
        if label == 'broken':
            reply = reply[:-6]
        if label == 'liar':
            s.sendto(bytes([m[0] ^ 1]) + reply[1:], peer)
        if label == 'stranger':
            s.sendto(reply[:13] + b'X' + reply[14:], peer)
        if label == 'slow':
            threading.Timer(2, s.sendto, (reply, peer)).start()
            continue
        s.sendto(reply, peer)


main()
