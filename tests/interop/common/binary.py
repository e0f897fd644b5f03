"""A small helper for the binary protocol: frames out, frames in, each header by one recv as some clients read it."""

import contextlib
import socket
import struct
from collections import namedtuple

GET, SET, ADD, REPLACE, DELETE, INCR, DECR, QUIT, FLUSH, GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND = range(16)
STAT, SETQ, ADDQ, REPLACEQ, DELETEQ, INCRQ, DECRQ, QUITQ, FLUSHQ, APPENDQ, PREPENDQ, VERBOSITY, TOUCH, GAT, GATQ = range(16, 31)
SASL_LIST, SASL_AUTH, SASL_STEP, GATK, GATKQ = range(0x20, 0x25)

HEADER = struct.Struct("!BBHBBHIIQ")
Reply = namedtuple("Reply", "opcode status extras key value opaque cas")


def frame(opcode, key=b"", extras=b"", value=b"", opaque=0, cas=0):
    body = len(extras) + len(key) + len(value)
    return HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, body, opaque, cas) + extras + key + value


def plain(username, password, authorize=b""):
    return authorize + b"\0" + username.encode() + b"\0" + password.encode()


def sign_in(username, password):
    return frame(SASL_AUTH, b"PLAIN", value=plain(username, password))


class Connection:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def receive(self):
        """The next reply. Its header must come whole in one read: PHPMemcacheSASL reads it with one fread(24)."""
        header = self.socket.recv(24)
        assert header, "the server closed the connection"
        assert len(header) == 24, f"a header came in pieces: {header.hex()}"
        magic, opcode, key, extras, data_type, status, body, opaque, cas = HEADER.unpack(header)
        assert (magic, data_type) == (0x81, 0), f"not a reply's header: {header.hex()}"
        rest = self.exactly(body)
        return Reply(opcode, status, rest[:extras], rest[extras:extras + key], rest[extras + key:], opaque, cas)

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, f"the server closed after {len(data)} of {count} bytes of a body"
            data += more
        return bytes(data)

    def closed(self):
        """Waits for the server to close cleanly, with nothing more sent."""
        more = self.socket.recv(24)
        assert more == b"", f"a close was due, this came: {more.hex()}"

    def call(self, opcode, key=b"", extras=b"", value=b"", **kwargs):
        self.send(frame(opcode, key, extras, value, **kwargs))
        return self.receive()

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def opened(address):
    connection = Connection(address)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def signed_in(address, username, password):
    with opened(address) as connection:
        connection.send(sign_in(username, password))
        reply = connection.receive()
        assert reply.status == 0, f"sign-in of {username} was refused: {reply}"
        yield connection
