"""A small name server for tests, over UDP and TCP: dns_server.py ADDRESS PORT RECORD...

A record is NAME=VALUE: an address, a name (then it is an alias), or `fail` (then SERVFAIL). Reverse names are made
of the addresses. Every question is printed: "asked TRANSPORT FROM TYPE NAME"."""
import ipaddress
import socket
import struct
import sys
import threading

A, CNAME, PTR, TXT, AAAA = 1, 5, 12, 16, 28
NAMES = {A: "A", CNAME: "CNAME", PTR: "PTR", TXT: "TXT", AAAA: "AAAA"}


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def decode(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin1"))
        at += 1 + message[at]
    return ".".join(labels), at + 1


class Zone:
    def __init__(self, records):
        self.records = {}
        for record in records:
            name, value = record.split("=", 1)
            try:
                ip = ipaddress.ip_address(value)
                self.add(name, A if ip.version == 4 else AAAA, ip.packed)
                self.add(ip.reverse_pointer, PTR, encode(name))
            except ValueError:
                self.add(name, CNAME, None if value == "fail" else encode(value))

    def add(self, name, kind, data):
        self.records.setdefault(name.lower(), []).append((kind, data))

    def answers(self, name, kind):
        """Response code and [(name, type, data)], along aliases."""
        found = self.records.get(name.lower())
        if found is None:
            return 3, []
        answers = []
        for have, data in found:
            if data is None:
                return 2, []
            if have == CNAME:
                target, _ = decode(data, 0)
                return 0, [(name, CNAME, data), *self.answers(target, kind)[1]]
            if have == kind:
                answers.append((name, kind, data))
        return 0, answers

    def reply(self, query, transport, who):
        name, end = decode(query, 12)
        kind, _ = struct.unpack("!HH", query[end:end + 4])
        print("asked", transport, who, NAMES.get(kind, kind), name, flush=True)
        code, answers = self.answers(name, kind)
        # Many addresses do not fit into a datagram: the question is asked again over TCP.
        body = b"".join(encode(n) + struct.pack("!HHIH", t, 1, 60, len(data)) + data for n, t, data in answers)
        is_cut = transport == "udp" and len(body) > 480
        flags = 0x8580 | code | (0x0200 if is_cut else 0)
        header = query[:2] + struct.pack("!HHHHH", flags, 1, 0 if is_cut else len(answers), 0, 0)
        return header + query[12:end + 4] + (b"" if is_cut else body)


def exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def converse(zone, connection, peer):
    with connection:
        try:
            while True:
                query = exactly(connection, *struct.unpack("!H", exactly(connection, 2)))
                reply = zone.reply(query, "tcp", peer[0])
                connection.sendall(struct.pack("!H", len(reply)) + reply)
        except (EOFError, OSError):
            pass


def serve_tcp(zone, listener):
    while True:
        threading.Thread(target=converse, args=(zone, *listener.accept()), daemon=True).start()


def main():
    address, port, records = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    zone = Zone(records)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, backlog=64)
    threading.Thread(target=serve_tcp, args=(zone, listener), daemon=True).start()
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.bind((address, port))
    print("ready", flush=True)
    while True:
        query, peer = datagrams.recvfrom(4096)
        datagrams.sendto(zone.reply(query, "udp", peer[0]), peer)


main()
