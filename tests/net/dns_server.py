#!/usr/bin/env python3
"""A name server for tests: dns_server.py ADDRESS LOG

Prints the port it took.  Each query is a line in LOG: the name as it was written, the type.
The first label says what is answered:
  aN-B-C-D      A record N.B.C.D               six      AAAA record fd00::7
  alias         CNAME of a10-9-8-7, and that   nothing  no record
  missing       NXDOMAIN                       many     100 A records
  silent        no answer                      slow     an answer after 2 seconds
  twice         answers once in two            broken   an answer cut short
  loop          a name that points at itself   liar     an answer with another number first
  stranger      an answer to another question first
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


def answer(m, question, label, kind):
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
    elif label in ('twice', 'slow', 'liar', 'stranger', 'broken'):
        if kind == 1:
            records = [record(here, 1, bytes([10, 1, 2, 3]))]
    reply = m[:2] + struct.pack('>HHHHH', 0x8180 | code, 1, len(records), 0, 0) + question
    return reply + b''.join(records)


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[1], 0))
    print(s.getsockname()[1], flush=True)
    log = open(sys.argv[2], 'w', buffering=1)
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
