"""Conversations of client libraries that no package has, replayed byte for byte: what each sends, and what it must get.

A header is read with one recv(24) and must come whole (common/binary.py), as PHPMemcacheSASL reads it.
"""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import binary as b
from binary import frame, opened, plain, sign_in, signed_in
from check import (LIMIT, OTHER_PASSWORD, OTHER_USER, PASSWORD, PHASE, SERVERS, STOCK, TOO_BIG, USER, check, filler,
                   hostile_keys, same, skip)

NEVER = 0xFFFFFFFF  # an INCR or DECR with this expiry creates nothing


def store(flags=0, expiry=0):
    return struct.pack("!II", flags, expiry)


def count(delta, initial=0, expiry=NEVER):
    return struct.pack("!QQI", delta, initial, expiry)


def expect(connection, opcode, status=0, **fields):
    """The next reply must have this opcode, this status, and these other fields."""
    reply = connection.receive()
    assert (reply.opcode, reply.status) == (opcode, status), f"opcode {opcode:#x}, status {status:#x} were due, got {reply}"
    for name, value in fields.items():
        assert getattr(reply, name) == value, f"{name} {value!r} was due, got {reply}"
    return reply


def only_mctenant(why):
    """A check of what mctenant does better than a stock memcached."""
    def decorate(function):
        skip(function.__name__, why) if STOCK else check(function)
    return decorate


def error_text(reply):
    assert reply.value and not reply.key and not reply.extras, f"an error needs its text, and nothing else: {reply}"


def stat_stream(connection, opaque=0):
    figures = {}
    while True:
        reply = expect(connection, b.STAT, opaque=opaque)
        if not reply.key:
            assert not reply.value and not reply.extras, f"the end of STAT must be empty: {reply}"
            return figures
        figures[reply.key] = reply.value


def dalli_2_6():
    @check
    def dalli_2_6_signs_in():
        with opened(SERVERS) as c:
            c.send(frame(b.VERSION))  # before it has signed in
            assert expect(c, b.VERSION).value[:1].isdigit()
            c.send(frame(b.SASL_LIST))
            mechanisms = expect(c, b.SASL_LIST, extras=b"").value  # it fails on an empty body
            assert b"PLAIN" in mechanisms.split(b" "), mechanisms
            c.send(sign_in(USER, PASSWORD))
            assert expect(c, b.SASL_AUTH, extras=b"").value, "an empty body"

    @check
    def dalli_2_6_is_refused():
        with opened(SERVERS) as c:
            c.send(sign_in(USER, PASSWORD + "x"))
            error_text(expect(c, b.SASL_AUTH, 0x20))

    @check
    def dalli_2_6_multi_get_and_quiet_block():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            keys = [b"d:%d" % i for i in range(100)]
            c.send(*[frame(b.SETQ, key, store(), b"value of " + key) for key in keys], frame(b.ADDQ, keys[0], store(), b"no"),
                   frame(b.REPLACEQ, b"d:absent", store(), b"no"), frame(b.DELETEQ, keys[1]), frame(b.DELETEQ, b"d:absent"),
                   frame(b.ADDQ, b"d:new", store(), b"new"), frame(b.NOOP))
            expect(c, b.ADDQ, 2)
            expect(c, b.REPLACEQ, 1)
            expect(c, b.DELETEQ, 1)
            expect(c, b.NOOP, key=b"", value=b"")
            c.send(*[frame(b.GETKQ, key) for key in [b"d:absent", *keys, b"d:new"]], frame(b.NOOP))
            for key in [keys[0], *keys[2:]]:
                expect(c, b.GETKQ, key=key, extras=bytes(4), value=b"value of " + key, opaque=0)
            expect(c, b.GETKQ, key=b"d:new", value=b"new")
            expect(c, b.NOOP, key=b"")

    @check
    def dalli_2_6_stats_and_flush():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(frame(b.STAT))
            figures = stat_stream(c)
            assert b"cmd_get" in figures and b"get_hits" in figures, figures
            c.send(frame(b.STAT, b"reset"))
            expect(c, b.STAT)
            c.call(b.SET, b"f", store(), b"x")
            c.send(frame(b.FLUSH, extras=struct.pack("!I", 0)))
            expect(c, b.FLUSH)
            same(c.call(b.GET, b"f").status, 1)


def memjs_0_6():
    @only_mctenant("a stock memcached lets a refused client go on for ever")
    def memjs_0_6_is_ended_when_it_repeats_its_sign_in():
        with opened(SERVERS) as c:
            auths = 0
            try:
                while auths < 100:
                    c.send(frame(b.SASL_LIST))
                    expect(c, b.SASL_LIST)
                    c.send(sign_in(USER, PASSWORD + "x"))
                    auths += 1
                    expect(c, b.SASL_AUTH, 0x20)
            except (AssertionError, OSError) as error:
                assert "closed" in str(error) or isinstance(error, OSError), error
            assert 2 <= auths <= 20, f"{auths} sign-ins before the close"

    @check
    def memjs_0_6_pipelines_by_opaque():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(*[frame(b.SET, b"j:%d" % i, store(), b"%d" % i, opaque=i) for i in range(1, 101)],
                   *[frame(b.GET, b"j:%d" % i, opaque=1000 + i) for i in range(1, 101)],
                   frame(b.STAT, opaque=7), frame(b.FLUSH, opaque=8))
            for i in range(1, 101):
                expect(c, b.SET, opaque=i)
            for i in range(1, 101):
                expect(c, b.GET, opaque=1000 + i, value=b"%d" % i)
            stat_stream(c, opaque=7)
            expect(c, b.FLUSH, opaque=8)


def spymemcached():
    @only_mctenant("a stock memcached closes on a NOOP before sign-in")
    def spymemcached_2_8_10_sends_noop_first():
        with opened(SERVERS) as c:
            c.send(frame(b.NOOP, opaque=1))
            expect(c, b.NOOP, opaque=1, value=b"")
            c.send(frame(b.SASL_AUTH, b"PLAIN", value=plain(USER, PASSWORD), opaque=2))
            assert expect(c, b.SASL_AUTH, opaque=2).value
            same(c.call(b.SET, b"s", store(), b"x", opaque=3).status, 0)

    @check
    def spymemcached_2_8_9_merges_gets():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            for i in range(0, 50, 2):
                same(c.call(b.SET, b"s:%d" % i, store(32), b"%d" % i).status, 0)
            c.send(*[frame(b.GETQ, b"s:%d" % i, opaque=100 + i) for i in range(50)], frame(b.NOOP, opaque=999))
            for i in range(0, 50, 2):
                expect(c, b.GETQ, opaque=100 + i, key=b"", extras=struct.pack("!I", 32), value=b"%d" % i)
            expect(c, b.NOOP, opaque=999)

    @only_mctenant("a stock memcached sends flags with a TOUCH")
    def spymemcached_2_8_9_wants_no_extras_of_touch():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.call(b.SET, b"s:t", store(5), b"x")
            same(c.call(b.TOUCH, b"s:t", struct.pack("!I", 100))._replace(cas=0), b.Reply(b.TOUCH, 0, b"", b"", b"", 0, 0))
            reply = c.call(b.GAT, b"s:t", struct.pack("!I", 100), opaque=9)
            same((reply.status, reply.extras, reply.value, reply.opaque), (0, struct.pack("!I", 5), b"x", 9))


def xmemcached():
    @check
    def xmemcached_sends_commands_right_behind_auth():
        with opened(SERVERS) as c:
            c.send(sign_in(USER, PASSWORD), frame(b.SET, b"x:1", store(), b"one", opaque=1), frame(b.GET, b"x:1", opaque=2),
                   frame(b.DELETE, b"x:absent", opaque=3))
            expect(c, b.SASL_AUTH)
            expect(c, b.SET, opaque=1)
            expect(c, b.GET, opaque=2, value=b"one")
            expect(c, b.DELETE, 1, opaque=3)

    @only_mctenant("a stock memcached closes on a command before sign-in")
    def xmemcached_commands_behind_a_refused_auth():
        with opened(SERVERS) as c:
            c.send(sign_in(USER, PASSWORD + "x"), frame(b.SET, b"x:2", store(), b"no", opaque=1), frame(b.GET, b"x:2", opaque=2))
            error_text(expect(c, b.SASL_AUTH, 0x20))
            error_text(expect(c, b.SET, 0x20, opaque=1))
            error_text(expect(c, b.GET, 0x20, opaque=2))
            c.send(sign_in(USER, PASSWORD), frame(b.GET, b"x:2", opaque=3))
            expect(c, b.SASL_AUTH)
            expect(c, b.GET, 1, opaque=3)

    @check
    def xmemcached_bulk_get_ends_with_getk():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(*[frame(b.SETQ, b"x:b%d" % i, store(), b"%d" % i) for i in range(60)])  # nothing behind
            c.send(*[frame(b.GETKQ, b"x:b%d" % i, opaque=i) for i in range(60)], frame(b.GETK, b"x:none", opaque=60))
            for i in range(60):
                expect(c, b.GETKQ, opaque=i, key=b"x:b%d" % i, value=b"%d" % i)
            expect(c, b.GETK, 1, opaque=60, key=b"x:none", value=b"")  # the key, and no text

    @check
    def xmemcached_quiet_commands_stay_quiet():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(frame(b.SETQ, b"x:n", store(), b"5"), frame(b.INCRQ, b"x:n", count(3)), frame(b.DECRQ, b"x:n", count(1)),
                   frame(b.APPENDQ, b"x:n", value=b"0"), frame(b.PREPENDQ, b"x:n", value=b"1"), frame(b.ADDQ, b"x:m", store(), b"m"),
                   frame(b.DELETEQ, b"x:m"), frame(b.GETQ, b"x:m"), frame(b.GATQ, b"x:m", struct.pack("!I", 9)))
            same(c.call(b.GET, b"x:n").value, b"170")
            c.send(frame(b.FLUSHQ), frame(b.GETKQ, b"x:n"), frame(b.NOOP, opaque=1))
            expect(c, b.NOOP, opaque=1)

    @check
    def xmemcached_flush_and_quit():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(frame(b.FLUSH), frame(b.QUITQ))
            expect(c, b.FLUSH)
            c.closed()

    @only_mctenant("a stock memcached does not answer VERBOSITY")
    def xmemcached_verbosity():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(frame(b.VERBOSITY, extras=struct.pack("!I", 1), opaque=4), frame(b.NOOP))
            expect(c, b.VERBOSITY, opaque=4)
            expect(c, b.NOOP)


def go_clients():
    @check
    def memcachier_mc_rising_opaque():
        with opened(SERVERS) as c:
            c.send(frame(b.SASL_LIST, opaque=1))
            assert b"PLAIN" in expect(c, b.SASL_LIST, opaque=1).value.split(b" ")
            c.send(frame(b.SASL_AUTH, b"PLAIN", value=plain(USER, PASSWORD), opaque=2))
            expect(c, b.SASL_AUTH, opaque=2)
            stored = c.call(b.SET, b"m", store(0xDEADBEEF), b"1", opaque=3)
            same((stored.status, stored.opaque), (0, 3))
            assert stored.cas != 0, "a store must tell the new CAS"
            reply = c.call(b.GET, b"m", opaque=4)
            same((reply.extras, reply.value, reply.cas), (b"\xde\xad\xbe\xef", b"1", stored.cas))
            same(c.call(b.SET, b"m", store(), b"2", opaque=5, cas=stored.cas).status, 0)
            same(c.call(b.SET, b"m", store(), b"3", opaque=6, cas=stored.cas).status, 2)
            same(c.call(b.DELETE, b"m", opaque=7, cas=stored.cas).status, 2)
            same(c.call(b.SET, b"m:none", store(), b"3", opaque=8, cas=stored.cas).status, 1)

    @only_mctenant("a stock memcached takes no key over 250 bytes")
    def memcachier_mc_checks_no_key():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            for size in (251, 1000, 60000, 65535):
                key = filler(size)
                same(c.call(b.SET, key, store(), b"%d" % size).status, 0)
                reply = c.call(b.GETK, key)
                assert reply.key == key and reply.value == b"%d" % size, f"key of {size} bytes: {reply.status}"

    @check
    def bmizerany_mc_miss_has_a_body():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            error_text(expect_call(c, b.GET, 1, b"bm:none"))
            error_text(expect_call(c, b.DELETE, 1, b"bm:none"))
            error_text(expect_call(c, b.INCR, 1, b"bm:none", count(1)))
            reply = expect_call(c, b.INCR, 0, b"bm:n", count(1, 10, 0))
            same((reply.value, reply.extras), (struct.pack("!Q", 10), b""))
            same(expect_call(c, b.DECR, 0, b"bm:n", count(3)).value, struct.pack("!Q", 7))
            same(expect_call(c, b.DECR, 0, b"bm:n", count(30)).value, struct.pack("!Q", 0))
            same(expect_call(c, b.DELETE, 0, b"bm:n").value, b"")


def expect_call(connection, opcode, status, *arguments, **kwargs):
    connection.send(frame(opcode, *arguments, **kwargs))
    return expect(connection, opcode, status)


def haskell_memcache():
    @check
    def haskell_memcache_knows_these_statuses_only():
        known = {0, 1, 2, 3, 4, 5, 6, 0x20, 0x21, 0x81, 0x82}
        with opened(SERVERS) as c:
            c.send(sign_in(USER, PASSWORD))
            expect(c, b.SASL_AUTH)
            calls = [
                (0, b.SET, b"h", store(), b"x"), (2, b.ADD, b"h", store(), b"y"), (1, b.REPLACE, b"h:none", store(), b"y"),
                (5, b.APPEND, b"h:none", b"", b"y"), (5, b.PREPEND, b"h:none", b"", b"y"), (6, b.INCR, b"h", count(1)),
                (6, b.DECR, b"h", count(1)), (1, b.TOUCH, b"h:none", struct.pack("!I", 1)), (1, b.GAT, b"h:none", struct.pack("!I", 1)),
                (1, b.GET, b"h:none"), (3, b.SET, b"h", store(), filler(TOO_BIG - 1)), (1, b.GET, b"h"),
                (0, b.FLUSH, b"", b""), (0, b.FLUSH, b"", bytes(4)), (0, b.NOOP), (0, b.VERSION),
            ]
            for status, *call in calls:
                reply = c.call(*call)
                assert reply.status in known and reply.status == status, f"{call[0]:#x}: {status:#x} was due, got {reply.status:#x}"
            c.send(frame(b.QUITQ))
            c.closed()


def php_memcache_sasl():
    @check
    def php_memcache_sasl_one_command_at_a_time():
        with opened(SERVERS) as c:
            c.send(sign_in(USER, PASSWORD))
            expect(c, b.SASL_AUTH)
            for value in (b"", b"x", filler(100), filler(70000), filler(LIMIT - 2)):
                same(c.call(b.SET, b"p1", store(), value).status, 0)
                reply = expect_call(c, b.GET, 0, b"p1")
                assert reply.extras == bytes(4) and reply.value == value, f"a value of {len(value)} bytes differs"
            error_text(expect_call(c, b.SET, 3, b"p1", store(), filler(TOO_BIG - 2)))
            expect_call(c, b.GET, 1, b"p1")


def edges():
    @check
    def quit_is_answered_and_closes():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(frame(b.SETQ, b"e:q", store(), b"before quit"), frame(b.QUIT, opaque=5))
            expect(c, b.QUIT, opaque=5)
            c.closed()
        with signed_in(SERVERS, USER, PASSWORD) as c:
            same(c.call(b.GET, b"e:q").value, b"before quit")

    @check
    def frames_cut_at_every_byte():
        with opened(SERVERS) as c:
            whole = sign_in(USER, PASSWORD) + frame(b.SET, b"e:cut", store(3), b"value", opaque=1) + frame(b.GETK, b"e:cut", opaque=2)
            for byte in whole:
                c.send(bytes([byte]))
            expect(c, b.SASL_AUTH)
            expect(c, b.SET, opaque=1)
            expect(c, b.GETK, opaque=2, key=b"e:cut", value=b"value", extras=struct.pack("!I", 3))

    @only_mctenant("a stock memcached does not answer unknown opcodes with a body")
    def unknown_opcodes_are_answered():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            for opcode in (0x1F, 0x25, 0x30, 0x40, 0x7F, 0xFF):
                c.send(frame(opcode, b"key", bytes(4), b"body", opaque=opcode))
                error_text(expect(c, opcode, 0x81, opaque=opcode))
            same(c.call(b.NOOP).status, 0)

    @only_mctenant("a stock memcached closes on malformed frames")
    def malformed_frames_leave_the_connection():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            for bad in (frame(b.SET, b"k", b"123", b"v"), frame(b.GET), frame(b.GET, b"k", b"1234"), frame(b.INCR, b"k", bytes(8)),
                        frame(b.TOUCH, b"k"), frame(b.FLUSH, extras=b"12"), frame(b.DELETE, b"k", value=b"v")):
                c.send(bad)
                error_text(expect(c, bad[1], 4))
            same(c.call(b.NOOP).status, 0)

    @only_mctenant("a stock memcached closes on a command before sign-in")
    def before_sign_in_nothing_is_served():
        with opened(SERVERS) as c:
            for refused in (frame(b.GET, b"k"), frame(b.FLUSH), frame(b.STAT)):
                c.send(refused)
                error_text(expect(c, refused[1], 0x20))
            c.send(sign_in(USER, PASSWORD))
            expect(c, b.SASL_AUTH)

    @check
    def a_failed_second_sign_in_signs_out():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            c.send(sign_in(USER, "wrong"))
            expect(c, b.SASL_AUTH, 0x20)
            same(c.call(b.GET, b"k").status, 0x20)

    @only_mctenant("a stock memcached takes LIST for a sign-out")
    def listing_mechanisms_signs_nobody_out():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            same(sorted(c.call(b.SASL_LIST).value.split()), [b"PLAIN", b"SCRAM-SHA-256"])
            same(c.call(b.SET, b"k", store(), b"v").status, 0)

    @check
    def only_listed_mechanisms_and_own_names():
        for mechanism, value in ((b"ANONYMOUS", b"me"), (b"LOGIN", b""), (b"CRAM-MD5", b""), (b"EXTERNAL", USER.encode()),
                                 (b"plain ", plain(USER, PASSWORD)), (b"PLAIN", USER.encode()),
                                 (b"PLAIN", plain("", "")), (b"PLAIN", plain(USER, "")),
                                 (b"PLAIN", plain(USER, PASSWORD, OTHER_USER.encode()))):
            with opened(SERVERS) as c:
                c.send(frame(b.SASL_AUTH, mechanism, value=value))
                same((mechanism, value[:8], c.receive().status), (mechanism, value[:8], 0x20))
        with opened(SERVERS) as c:
            c.send(frame(b.SASL_AUTH, b"PLAIN", value=plain(USER, PASSWORD, USER.encode())))
            expect(c, b.SASL_AUTH)

    @check
    def plain_without_an_initial_response():
        with opened(SERVERS) as c:
            c.send(frame(b.SASL_AUTH, b"PLAIN"))
            reply = c.receive()
            assert reply.status in (0x20, 0x21), reply  # refused, or asked for in a second step
            if reply.status == 0x21:
                c.send(frame(b.SASL_STEP, b"PLAIN", value=plain(USER, PASSWORD)))
                expect(c, b.SASL_STEP)
                same(c.call(b.NOOP).status, 0)

    @check
    def far_and_past_expiries():
        with signed_in(SERVERS, USER, PASSWORD) as c:
            for expiry, there in ((0, 0), (100, 0), (0x7FFFFFFF, 0), (60 * 60 * 24 * 31, 1)):
                same(c.call(b.SET, b"e:x", store(0, expiry), b"v").status, 0)
                same((expiry, c.call(b.GET, b"e:x").status), (expiry, there))


def isolation():
    with signed_in(SERVERS, USER, PASSWORD) as mine, signed_in(SERVERS, OTHER_USER, OTHER_PASSWORD) as theirs:
        long_keys = [filler(size) for size in (251, 300, 1000, 65535)]

        @check
        def hostile_keys_come_back_as_sent():
            for key in hostile_keys() + long_keys:
                expect_call(mine, b.GET, 1, key)
                expect_call(mine, b.ADD, 0, key, store(), b"mine")
                expect_call(theirs, b.GET, 1, key)
                expect_call(theirs, b.ADD, 0, key, store(), b"theirs")
                same(expect_call(mine, b.GETK, 0, key)[3:5], (key, b"mine"))
                expect_call(mine, b.APPEND, 0, key, value=b"!")
                same(expect_call(theirs, b.GETK, 0, key)[3:5], (key, b"theirs"))
                expect_call(mine, b.DELETE, 0, key)
                expect_call(theirs, b.DELETE, 0, key)
            same(expect_call(theirs, b.GET, 0, b"secret").value, b"of the other tenant")

        @check
        def a_connection_that_changes_its_tenant():
            with signed_in(SERVERS, USER, PASSWORD) as c:
                expect_call(c, b.SET, 0, b"turn", store(), b"mine")
                c.send(frame(b.SETQ, b"turn:q", store(), b"mine"), sign_in(OTHER_USER, OTHER_PASSWORD), frame(b.GET, b"turn"),
                       frame(b.GET, b"turn:q"), frame(b.GET, b"secret"))
                expect(c, b.SASL_AUTH)
                expect(c, b.GET, 1)
                expect(c, b.GET, 1)
                expect(c, b.GET, value=b"of the other tenant")
            same(expect_call(mine, b.GET, 0, b"turn").value, b"mine")
            same(expect_call(mine, b.GET, 0, b"turn:q").value, b"mine")

        @check
        def figures_are_mine_alone():
            def figure(connection, name):
                connection.send(frame(b.STAT))
                return int(stat_stream(connection)[name])
            before = figure(theirs, b"cmd_get")
            for _ in range(20):
                mine.call(b.GET, b"counted")
            same(figure(theirs, b"cmd_get"), before)

        @check
        def flush_is_mine_alone():
            expect_call(mine, b.SET, 0, b"x", store(), b"1")
            expect_call(mine, b.FLUSH, 0)
            expect_call(mine, b.GET, 1, b"x")
            same(expect_call(theirs, b.GET, 0, b"secret").value, b"of the other tenant")


if PHASE == "isolation":
    isolation()
else:
    for conversation in (dalli_2_6, memjs_0_6, spymemcached, xmemcached, go_clients, haskell_memcache, php_memcache_sasl, edges):
        conversation()
