"""What the proofs ask themselves: a client of the binary protocol, memcached's text port, and metrics."""

import re
import socket
import struct
import time
import urllib.request

HEADER = struct.Struct("!BBHBBHIIQ")
GET, SET, DELETE, FLUSH, NOOP, STAT, SASL_AUTH = 0x00, 0x01, 0x04, 0x08, 0x0a, 0x10, 0x21
PATIENCE = 60


def connect(address):
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Client:
    """A connection of one tenant, signed in."""

    def __init__(self, address, username, password):
        self.connection = connect(address)
        self.unread = b""
        status, _ = self.call(SASL_AUTH, key=b"PLAIN", value=f"\0{username}\0{password}".encode())
        if status:
            raise RuntimeError(f"sign-in of {username} refused with {status}")

    def close(self):
        self.connection.close()

    def send(self, opcode, key=b"", value=b"", extras=b""):
        body = extras + key + value
        self.connection.sendall(HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, len(body), 0, 0) + body)

    def take(self, size):
        while len(self.unread) < size:
            piece = self.connection.recv(1 << 20)
            if not piece:
                raise ConnectionError("the connection was closed")
            self.unread += piece
        taken, self.unread = self.unread[:size], self.unread[size:]
        return taken

    def receive(self):
        _, _, key_length, extras_length, _, status, length, _, _ = HEADER.unpack(self.take(HEADER.size))
        body = self.take(length)
        return status, body[extras_length:extras_length + key_length], body[extras_length + key_length:]

    def call(self, opcode, **parts):
        self.send(opcode, **parts)
        status, _, value = self.receive()
        return status, value

    def get(self, key):
        """The value, or None on a miss."""
        status, value = self.call(GET, key=key)
        return value if status == 0 else None

    def set(self, key, value):
        return self.call(SET, key=key, value=value, extras=bytes(8))[0]

    def flush(self):
        return self.call(FLUSH)[0]

    def stats(self):
        self.send(STAT)
        figures = {}
        while True:
            status, name, value = self.receive()
            if status:
                raise RuntimeError(f"stats refused with {status}")
            if not name:
                return figures
            figures[name.decode()] = value.decode()


def text(address, command, end=b"END\r\n"):
    """The answer of a memcached's text port, up to `end` at the beginning of a line."""
    with connect(address) as connection:
        connection.sendall(command.encode() + b"\r\n")
        pieces, tail = [], b""
        while True:
            piece = connection.recv(1 << 22)
            if not piece:
                raise ConnectionError(f"memcached at {address} closed the connection during {command}")
            pieces.append(piece)
            tail = (tail + piece)[-200:]
            if tail.endswith(end) and (tail == end or tail[-len(end) - 1:-len(end)] == b"\n"):
                return b"".join(pieces)
            if tail.startswith((b"BUSY", b"ERROR")) and tail.endswith(b"\r\n"):
                return tail


def server_stats(address):
    return dict(line.split(" ")[1:3] for line in text(address, "stats").decode().split("\r\n") if line.startswith("STAT "))


class Held:
    """What a server holds of one generation of one tenant: items that are certainly there, and those about to expire, of
    which one second more or less of a clock decides."""

    __slots__ = ("items", "bytes", "leaving_items", "leaving_bytes")

    def __init__(self):
        self.items = self.bytes = self.leaving_items = self.leaving_bytes = 0

    def add(self, other):
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __eq__(self, other):
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)


# Seconds: memcached's clock ticks once a second, and rounds.
CLOCKS_APART = 3


def dump(address, namespace):
    """Held by (tenant id, generation), of the items of this namespace on a server that have not expired."""
    told = raw_dump(address)
    pattern = re.compile(rb"^key=%s\.(\d+)\.(\d+)%%3A\S* exp=(-?\d+) .*\bsize=(\d+)" % namespace.encode(), re.MULTILINE)
    held, now = {}, time.time()
    for found in pattern.finditer(told):
        tenant, generation, expiry, size = map(int, found.groups())
        where = held.setdefault((tenant, generation), Held())
        if expiry < 0 or expiry > now + CLOCKS_APART:
            where.items += 1
            where.bytes += size
        elif expiry > now - CLOCKS_APART:
            where.leaving_items += 1
            where.leaving_bytes += size
    return held


def raw_dump(address):
    deadline = time.monotonic() + PATIENCE
    while True:
        told = text(address, "lru_crawler metadump hash")
        if not told.startswith(b"BUSY"):
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"memcached at {address} is busy with another dump for {PATIENCE} s")
        time.sleep(0.05)
    if not told.endswith(b"END\r\n"):
        raise RuntimeError(f"metadump of {address} refused: {told[:100]!r}")
    return told


def metrics(address):
    """Samples by name with labels, as they stand in the text."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and line[0] != "#")}
