#!/usr/bin/python3
"""Tests of the mirror itself: it must see every difference, and none where there is none."""

import contextlib
import glob
import os
import random
import socket
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "common"), os.path.join(os.path.dirname(HERE), "interop", "common")]

import compare  # noqa: E402
import frames  # noqa: E402
import generate_binary  # noqa: E402
import generate_lines  # noqa: E402
import ledger  # noqa: E402
import lines  # noqa: E402
import mirror_servers  # noqa: E402
import servers  # noqa: E402
from conversation import Conversation, read_file, to_bytes, to_text  # noqa: E402
from exchange import Exchange, Target  # noqa: E402
from shrink import shrink  # noqa: E402

GENERATORS = {"binary": generate_binary.Generator, "text": generate_lines.TextGenerator, "meta": generate_lines.MetaGenerator}
TRIED = 400  # random conversations in which a fault must show

# What a relay before the second memcached changes: (protocol, to the server or from it, what, into what).
FAULTS = (
    ("binary", "to", b"\x80\x06", b"\x80\x05"),  # decr counts up
    ("binary", "to", b"\x80\x14", b"\x80\x0a"),  # deleteq is lost: a noop with a body closes
    ("binary", "from", b"Not found", b"Not fOund"),
    ("binary", "from", b"\x81\x0d", b"\x81\x0c"),  # getkq answers as getk
    ("text", "to", b"prepend ", b"append "),
    ("text", "to", b" noreply\r\n", b"\r\n"),
    ("text", "from", b"EXISTS\r\n", b"NOT_FOUND\r\n"),
    ("text", "from", b"DELETED\r\n", b""),
    ("text", "from", b" 4294967295 ", b" 4294967294 "),
    ("meta", "to", b" I ", b" "),
    ("meta", "to", b" N100", b" N200"),
    ("meta", "to", b" MD", b" MI"),
    ("meta", "from", b" W\r\n", b"\r\n"),
    ("meta", "from", b"NF\r\n", b"EN\r\n"),
    ("meta", "from", b" h1", b" h0"),
)


class Relay:
    """Stands before a server and changes what passes."""

    def __init__(self, address):
        self.server, self.fault = address, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, servers.connect(self.server) as server:
            server.settimeout(None)
            back = threading.Thread(target=self._pass, args=(server, client, "from"), daemon=True)
            back.start()
            self._pass(client, server, "to")
            back.join()

    def _pass(self, source, sink, direction):
        try:
            while data := source.recv(1 << 20):
                _, when, what, into = self.fault
                sink.sendall(data.replace(what, into) if when == direction else data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # Towards a server that has closed: what it said before is still to be passed.
            for each in (source, sink) if direction == "from" else ():
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


class Words(unittest.TestCase):
    def test_bytes_and_their_text(self):
        every = bytes(range(256))
        self.assertEqual(to_bytes(to_text(every), "p."), every)
        self.assertNotIn(" ", to_text(every, spaces=False))
        self.assertEqual(to_bytes("{a} {b:5} {b64:a}", "p."), b"p.a p.bbb cC5h")
        self.assertEqual(len(to_bytes("{fill:1000}{fill:0}{fill:1}", "p.")), 1001)
        self.assertEqual(to_bytes("{cas:last} {cas:first} {cas:1}", "p.", [7, 8, 9]), b"9 7 8")

    def test_a_conversation_reads_as_it_is_printed(self):
        for protocol, generator in GENERATORS.items():
            one = generator(random.Random(1)).conversation("of a test")
            with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
                file.write("\n".join(one.lines()) + "\n")
                file.flush()
                self.assertEqual(read_file(file.name, protocol), [one])

    def test_every_command_is_in_the_files(self):
        wanted = {"binary": set(frames.NAMES) - {"stat", "sasl_auth", "sasl_step"},
                  "text": set("get gets gat gats set add replace append prepend cas incr decr delete touch flush_all verbosity quit".split()),
                  "meta": set("mg ms md ma mn me".split())}
        for protocol, commands in wanted.items():
            held = [step for path in glob.glob(os.path.join(HERE, "conversations", "*." + protocol))
                    for each in read_file(path, protocol) for step in each.steps]
            words = {step.split()[1 if step.startswith(">") else 0] for step in held if len(step) > 2}
            self.assertEqual(commands - words, set(), protocol)


class Comparing(unittest.TestCase):
    def differs(self, protocol, reference, subject):
        decode = frames.decode if protocol == "binary" else lines.decode
        return compare.first_difference(protocol, [decode(reference, [])], [decode(subject, [])]) is not None

    def test_cas_values_are_compared_by_identity(self):
        one = b"HD c5\r\nHD c6\r\nVA 1 c5\r\nx\r\n"
        self.assertFalse(self.differs("meta", one, b"HD c100\r\nHD c9\r\nVA 1 c100\r\nx\r\n"))
        self.assertTrue(self.differs("meta", one, b"HD c100\r\nHD c9\r\nVA 1 c9\r\nx\r\n"))
        self.assertTrue(self.differs("meta", one, b"HD c100\r\nHD c100\r\nVA 1 c100\r\nx\r\n"))
        self.assertTrue(self.differs("meta", b"EX c0\r\n", b"EX c1\r\n"))
        self.assertTrue(self.differs("text", b"VALUE a 0 1 5\r\nx\r\nVALUE a 0 1 5\r\nx\r\n", b"VALUE a 0 1 5\r\nx\r\nVALUE a 0 1 6\r\nx\r\n"))

    def test_times_may_differ_a_little(self):
        self.assertFalse(self.differs("meta", b"HD t100 l0\r\n", b"HD t99 l1\r\n"))
        self.assertTrue(self.differs("meta", b"HD t100\r\n", b"HD t90\r\n"))
        self.assertTrue(self.differs("meta", b"HD t-1\r\n", b"HD t0\r\n"))
        self.assertTrue(self.differs("meta", b"HD t100\r\n", b"HD\r\n"))

    def test_every_byte_counts(self):
        header = frames.HEADER.pack(0x81, 0x0c, 3, 4, 0, 0, 10, 77, 5)
        good = header + b"\0\0\0\5keyabc"
        for at in range(len(good) - 1):
            if 16 <= at < 24:
                continue  # the CAS
            bad = bytearray(good + frames.END_BYTES.replace(b"\x80", b"\x81", 1))
            bad[at] ^= 1
            self.assertTrue(self.differs("binary", good + frames.END_BYTES.replace(b"\x80", b"\x81", 1), bytes(bad)), f"byte {at}")
        for text in (b"VALUE a 5 3\r\nabc\r\nEND\r\n", b"VA 3 f5 s3 kaa O7 W\r\nabc\r\n", b"NOT_STORED\r\n", b"SERVER_ERROR x\r\n"):
            for at in range(len(text)):
                bad = bytearray(text)
                bad[at] ^= 1
                self.assertTrue(self.differs("text", text, bytes(bad)), f"byte {at} of {text}")

    def test_only_a_number_may_be_padded(self):
        self.assertFalse(self.differs("text", b"VALUE a 0 2\r\n4 \r\n", b"VALUE a 0 1\r\n4\r\n"))
        self.assertFalse(self.differs("meta", b"VA 2 s2 f0\r\n4 \r\n", b"VA 1 s1 f0\r\n4\r\n"))
        self.assertTrue(self.differs("text", b"VALUE a 0 2\r\nx \r\n", b"VALUE a 0 1\r\nx\r\n"))
        self.assertTrue(self.differs("text", b"VALUE a 0 2\r\n4 \r\n", b"VALUE a 0 1\r\n5\r\n"))
        self.assertTrue(self.differs("text", b"VALUE a 0 2\r\n4 \r\n", b"VALUE a 1 1\r\n4\r\n"))

    def test_an_answer_more_or_less(self):
        self.assertTrue(self.differs("text", b"END\r\n", b"END\r\nEND\r\n"))
        self.assertTrue(self.differs("text", b"END\r\nEND\r\n", b"END\r\n"))
        self.assertTrue(self.differs("text", b"END\r\n", b"END\r\nEN"))

    def test_shrinking(self):
        conversation = Conversation("text", "long", [f"> get {{{letter}}}" for letter in "abcdefghijklmnopq"], cut=(1, 1))
        small = shrink(conversation, lambda tried: {"> get {c}", "> get {n}"} <= set(tried.steps))
        self.assertEqual((small.steps, small.cut), (["> get {c}", "> get {n}"], None))


class Faults(unittest.TestCase):
    """A second memcached answers as the first; behind a relay that spoils one thing it is found out."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mctenant-mirror-test-")
        cls.started = mirror_servers.Started(cls.folder.name)
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(cls.started.processes.stop_all)
        cls.reference = cls.started.reference()
        cls.relay = Relay(cls.started.memcached("subject", "1m"))
        cls.addClassCleanup(cls.relay.close)
        cls.exchange = Exchange(cls.reference, Target("relayed", cls.relay.address))

    def differ(self, conversations):
        for each, reference, subject in self.exchange.run(conversations):
            if compare.first_difference_of_equals(each.protocol, reference, subject):
                yield each

    @staticmethod
    def random(protocol, count):
        made = (GENERATORS[protocol](random.Random(f"{protocol} {seed}")).conversation(f"{protocol} {seed}") for seed in range(count))
        return (each for each in made if not each.waits())

    def test_two_memcacheds_are_the_same(self):
        self.relay.fault = ("", "", b"", b"")
        for protocol in GENERATORS:
            for each, reference, subject in self.exchange.run(self.random(protocol, 150)):
                difference = compare.first_difference_of_equals(protocol, reference, subject)
                self.assertIsNone(difference, "\n".join(each.lines() + (difference.lines() if difference else [])))

    def test_what_servers_hold_is_counted(self):
        address = self.started.memcached("held", "1m")
        with servers.connect(address) as plain, plain.makefile("rb") as answers:
            for key, expiry in (("mirror.1.1:a%20b", 0), ("mirror.1.2:c", 1000), ("mirror.2.1~" + "x" * 43, 0), ("mirror.2.1:soon", 2), ("other.1.1:d", 0)):
                plain.sendall(f"set {key} 0 {expiry} 3\r\nabc\r\n".encode())
                self.assertEqual(answers.readline(), b"STORED\r\n")
        held = ledger.held([address], {1: "one", 2: "two", 3: "three"})
        self.assertEqual([[items for items, _ in bounds] for bounds in held.values()], [[2, 2], [1, 2], [0, 0]])
        self.assertEqual(held["one"][0][1], sum(48 + 8 + len(key) + 1 + 3 + 2 for key in ("mirror.1.1:a%20b", "mirror.1.2:c")))

    def test_each_fault_is_found_and_made_short(self):
        for fault in FAULTS:
            with self.subTest(fault=fault):
                self.relay.fault = fault
                found = next(self.differ(self.random(fault[0], TRIED)), None)
                self.assertIsNotNone(found)
                small = shrink(found, lambda tried: any(self.differ([tried])))
                self.assertTrue(any(self.differ([small])))
                self.assertLessEqual(len(small.steps), 8, small.steps)


if __name__ == "__main__":
    unittest.main()
