"""Holds conversations with two servers, many at a time on one thread."""

import contextlib
import random
import selectors
import socket
import struct
import time

import frames
import lines
from conversation import needs_cas, prefix_of

# What a server may take for an answer that is waited for. Far more than it needs: a machine may be busy.
ANSWER_WITHIN = 5.0
CLOSE_WITHIN = 15.0
AT_ONCE = 24  # conversations
READ = 1 << 18

_RESET = struct.pack("ii", 1, 0)


class Target:
    """A server: where, and as whom (None: it asks nobody)."""

    def __init__(self, name, address, users=None):
        host, port = address.rsplit(":", 1)
        self.name, self.address, self.users = name, (host, int(port)), users or [None]

    def user(self, number):
        return self.users[number % len(self.users)]


def dialect(protocol):
    return frames if protocol == "binary" else lines


class Wire:
    """One connection: what is still to be sent on it, and what has come."""

    def __init__(self, target, dialect, user, pieces):
        self.dialect, self.pieces = dialect, pieces  # (random, most): what is sent goes out in such pieces
        self.received, self.out = bytearray(), bytearray()
        self.syncs = 0
        self.wrote_end = self.half_closed = self.closed = False
        self.fault = None
        self.signing_in = user is not None
        if user:
            self.out += dialect.sign_in(*user)
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(target.address)

    def wanted(self):
        events = selectors.EVENT_READ
        if self.out or (self.wrote_end and not self.half_closed):
            events |= selectors.EVENT_WRITE
        return events

    def sync(self):
        self.out += self.dialect.sync_bytes(self.syncs)
        self.syncs += 1

    def synced(self):
        return self.closed or self.dialect.synced(self.received, self.syncs - 1)

    def end(self):
        self.wrote_end = True
        self.out += self.dialect.END_BYTES

    def write(self):
        while self.out:
            size = len(self.out) if self.pieces is None else self.pieces[0].randint(1, self.pieces[1])
            try:
                sent = self.socket.send(memoryview(self.out)[:size])
            except BlockingIOError:
                return
            except OSError:
                # The server has closed: what it said before that is what counts.
                self.out.clear()
                self.wrote_end = self.half_closed = True
                return
            del self.out[:sent]
        if self.wrote_end and not self.half_closed:
            self.half_closed = True
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def read(self):
        while not self.closed:
            try:
                data = self.socket.recv(READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                return self.finish("closed before the sign-in was answered" if self.signing_in else None)
            self.received += data
            if self.signing_in:
                self._take_sign_in()

    def _take_sign_in(self):
        try:
            rest = self.dialect.after_sign_in(self.received)
        except ValueError as error:
            return self.finish(str(error))
        if rest is not None:
            self.received, self.signing_in = bytearray(rest), False

    def finish(self, fault):
        self.closed, self.fault = True, fault
        if fault is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


class Talk:
    """One side of one conversation: sends its steps, gathers what comes until the server has closed."""

    def __init__(self, target, conversation, number):
        self.target, self.conversation = target, conversation
        self.user = target.user(number)
        self.dialect = dialect(conversation.protocol)
        self.prefix = prefix_of(number)
        self.steps, self.at = list(enumerate(conversation.steps, 1)), 0
        self.wires, self.fresh = {}, []  # by their numbers; those that nobody listens to yet
        self.wire = self._wire(1)
        self.waits, self.waits_until = None, 0.0
        self.deadline = time.monotonic() + CLOSE_WITHIN

    def _wire(self, number):
        if number not in self.wires:
            cut = self.conversation.cut
            self.wires[number] = Wire(self.target, self.dialect, self.user, cut and (random.Random(cut[0] + number), cut[1]))
            self.fresh.append(self.wires[number])
        return self.wires[number]

    def closed(self):
        return all(wire.closed for wire in self.wires.values())

    def advance(self, now):
        """Goes on as far as it can without an answer."""
        if now > self.deadline:
            for wire in self.wires.values():
                if not wire.closed:
                    wire.finish("no end within %d s" % CLOSE_WITHIN)
        if self.waits == "sync" and (self.wire.synced() or now >= self.waits_until):
            self.waits = None
        if self.waits == "time" and now >= self.waits_until:
            self.waits = None
        while self.waits is None and self.at < len(self.steps):
            self._step(now)
        if self.waits is None:
            for wire in self.wires.values():
                if not wire.wrote_end:
                    wire.end()

    def _step(self, now):
        number, step = self.steps[self.at]
        if step == "sync":
            self.wire.sync()
            self.waits, self.waits_until = "sync", now + ANSWER_WITHIN
        elif step.startswith("wait "):
            self.waits, self.waits_until = "time", now + float(step[5:])
            self.deadline = max(self.deadline, self.waits_until + CLOSE_WITHIN)
        elif step.startswith("on "):
            if self._awaited():
                self.wire = self._wire(int(step[3:]))
        elif step != "alone" and (not needs_cas(step) or self._awaited()):
            told = self.told() if needs_cas(step) else ()
            self.wire.out += self.dialect.encode(step, number, self.prefix, told)
        self.at += 1

    def _awaited(self):
        """Whether all that was sent is answered; if not, that is waited for in front of this step."""
        if self.at > 0 and self.steps[self.at - 1][1] == "sync":
            return True
        self.steps[self.at:self.at] = [(0, "sync")]
        self.at -= 1
        return False

    def told(self):
        told = []
        for wire in sorted(self.wires.values(), key=lambda wire: wire is self.wire):  # the last is this connection's
            self.dialect.decode(bytes(wire.received), told)
        return told

    def replies(self):
        """What was answered, decoded, a list for each connection; what was wrong with it stands at its end."""
        replies, told = [], []
        for wire in self.wires.values():
            replies.append(self.dialect.decode(bytes(wire.received), told))
            if wire.fault:
                replies[-1].append(frames.Rest(b"(" + wire.fault.encode() + b")"))
        return replies


class Pair:
    """The same conversation with both servers."""

    def __init__(self, sides, conversation, number):
        self.conversation = conversation
        self.talks = [Talk(target, conversation, number) for target in sides]

    def done(self):
        return all(talk.closed() for talk in self.talks)

    def idle(self, now):
        """Whether it only waits for time to pass: such a one keeps no other waiting."""
        return all(talk.closed() or (talk.waits == "time" and talk.waits_until > now) for talk in self.talks)

    def abandon(self):
        for talk in self.talks:
            for wire in talk.wires.values():
                wire.socket.close()

    def results(self):
        return [talk.replies() for talk in self.talks]


class Exchange:
    """Runs conversations against a pair of servers; numbers them, so that no key is used twice."""

    def __init__(self, reference, subject):
        self.sides = (reference, subject)
        self.number = 0

    def run(self, conversations):
        """Yields (conversation, replies of the reference, replies of the subject; Talk.replies) as each comes to its end."""
        waiting, open_pairs = iter(conversations), []
        more = True
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            stack.callback(lambda: [pair.abandon() for pair in open_pairs])
            while more or open_pairs:
                now = time.monotonic()
                active = sum(1 for pair in open_pairs if not pair.idle(now))
                while more and active < AT_ONCE:
                    conversation = next(waiting, None)
                    if conversation is None:
                        more = False
                        break
                    open_pairs.append(self._open(selector, conversation))
                    active += 1
                self._turn(selector, open_pairs)
                for pair in [pair for pair in open_pairs if pair.done()]:
                    open_pairs.remove(pair)
                    yield pair.conversation, *pair.results()

    def _open(self, selector, conversation):
        self.number += 1
        pair = Pair(self.sides, conversation, self.number)
        self._settle(selector, pair, time.monotonic())
        return pair

    def _turn(self, selector, open_pairs):
        for key, events in selector.select(0.05):
            wire = key.data
            if events & selectors.EVENT_READ:
                wire.read()
            if not wire.closed and events & selectors.EVENT_WRITE:
                wire.write()
        now = time.monotonic()
        for pair in open_pairs:
            self._settle(selector, pair, now)

    @staticmethod
    def _settle(selector, pair, now):
        for talk in pair.talks:
            talk.advance(now)
            while talk.fresh:
                wire = talk.fresh.pop()
                selector.register(wire.socket, wire.wanted() | selectors.EVENT_WRITE, wire)
            for wire in talk.wires.values():
                if wire.socket.fileno() < 0:
                    continue
                if wire.closed:
                    selector.unregister(wire.socket)
                    wire.socket.close()
                elif selector.get_key(wire.socket).events != wire.wanted():
                    selector.modify(wire.socket, wire.wanted(), wire)
