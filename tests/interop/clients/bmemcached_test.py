"""python-binary-memcached: GETKQ… + GETK, SETQ… + NOOP, pure Python; any bytes as a key. Over TLS where it is told of a
certificate authority (MEMCACHE_CA)."""

import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import bmemcached
from bmemcached.exceptions import MemcachedException
from check import (LIMIT, OTHER_PASSWORD, OTHER_USER, PASSWORD, PHASE, SERVERS, STOCK, TOO_BIG, USER, check, filler,
                   hostile_keys, raises, same, skip, until)


def client(user=USER, password=PASSWORD):
    authority = os.environ.get("MEMCACHE_CA")
    return bmemcached.Client([SERVERS], user, password, socket_timeout=5,
                             tls_context=ssl.create_default_context(cafile=authority) if authority else None)


def basic():
    mc = client()

    @check
    def wrong_password():
        error = raises(lambda: client(USER, PASSWORD + "x").get("k"), MemcachedException)
        assert "Auth failure" in str(error), error
        raises(lambda: client(USER, OTHER_PASSWORD).set("k", "v"), MemcachedException)

    @check
    def unknown_user():
        error = raises(lambda: client("nobody-" + USER).get("k"), MemcachedException)
        assert "Auth failure" in str(error), error

    @check
    def set_and_get():
        for value in ("value", b"raw\0bytes", 12345678901, ["a", {"b": None}], "snow \u2603", b"", "z" * 10000):
            assert mc.set("k", value)
            same(mc.get("k"), value)

    @check
    def miss():
        same(mc.get("absent"), None)
        same(mc.get("absent", default="d"), "d")
        same(mc.gets("absent"), (None, None))
        same(mc.get_multi(["absent", "absent2"]), {})

    @check
    def multi_get():
        values = {f"multi:{i}": f"value {i}" * (i + 1) for i in range(100)}
        same(mc.set_multi(values, time=0), [])
        same(mc.get_multi(list(values) + ["absent"]), values)
        same(mc.get_multi(["absent"] + list(values)), values)
        assert mc.delete_multi(list(values))
        same(mc.get_multi(list(values)), {})

    @check
    def flush():
        mc.set("flushed", "x")
        assert mc.flush_all()
        same(mc.get("flushed"), None)
        mc.set("flushed", "y")
        same(mc.get("flushed"), "y")

    mc.set("expires", "soon", time=2)
    mc.set("stays", "long", time=3600)
    mc.incr("counts", 1, default=5, time=2)

    @check
    def add():
        assert mc.add("added", "1")
        same(mc.add("added", "2"), False)
        same(mc.get("added"), "1")

    @check
    def replace():
        same(mc.replace("absent", "1"), False)
        mc.set("replaced", "1")
        assert mc.replace("replaced", "2")
        same(mc.get("replaced"), "2")

    @check
    def cas():
        mc.set("cas", "1")
        value, token = mc.gets("cas")
        same(value, "1")
        same(mc.cas("cas", "2", token), True)
        same(mc.cas("cas", "3", token), False)
        same(mc.get("cas"), "2")
        same(mc.cas("absent", "1", token), False)
        same(mc.cas("made", "1", None), True)
        same(mc.get_multi(["cas"], get_cas=True)["cas"][0], "2")

    @check
    def set_multi_with_cas():
        mc.set("m1", "1")
        _, token = mc.gets("m1")
        same(mc.set_multi({("m1", token): "2", ("m2", 0): "new"}, time=0), [])
        same(sorted(key for key, _ in mc.set_multi({("m1", token): "3", ("m2", 0): "again"}, time=0)), ["m1", "m2"])
        same(mc.get_multi(["m1", "m2"]), {"m1": "2", "m2": "new"})

    @check
    def incr_and_decr():
        same(mc.incr("n", 2, default=40), 40)
        same(mc.incr("n", 2), 42)
        same(mc.decr("n", 40), 2)
        same(mc.decr("n", 5), 0)
        same(mc.get("n").strip(), "0")  # memcached pads a counter that got shorter with spaces
        mc.set("text", "abc")
        raises(lambda: mc.incr("text", 1), MemcachedException)

    @check
    def delete():
        mc.set("deleted", "1")
        _, token = mc.gets("deleted")
        mc.set("deleted", "2")
        same(mc.delete("deleted", cas=token), False)
        assert mc.delete("deleted")
        same(mc.get("deleted"), None)

    @check
    def stats():
        (figures,) = mc.stats().values()
        for name in ("cmd_get", "cmd_set", "get_hits", "get_misses", "curr_connections", "version"):
            assert name in figures, f"no {name} in {sorted(figures)}"

    @check
    def noop():
        (server,) = mc.servers
        same(server.noop(), 0)

    @check
    def unicode_keys():
        for key in ("schlüssel", "\u9375", "with space"):
            assert mc.set(key, key)
            same(mc.get(key), key)
        same(mc.get_multi(["schlüssel", "\u9375"]), {"schlüssel": "schlüssel", "\u9375": "\u9375"})

    @check
    def binary_keys():
        for key in (bytes(range(250)), bytes(range(6, 256)), b"\0", b"\n"):
            assert mc.set(key, key)
            same(mc.get(key), key)
            same(mc.get_multi([key]), {key: key})

    @check
    def keys_of_250_bytes():
        assert mc.set("k" * 250, "long")
        assert mc.set("k" * 249, "shorter")
        same(mc.get("k" * 250), "long")
        same(mc.get("k" * 249), "shorter")

    if STOCK:
        skip("long_keys", "a stock memcached takes no key over 250 bytes")
    else:
        @check
        def long_keys():
            keys = ["l" * 251, "l" * 252, "l" * 60000]
            for key in keys:
                assert mc.set(key, str(len(key)))
            same(mc.get_multi(keys), {key: str(len(key)) for key in keys})

    @check
    def biggest_value():
        value = filler(LIMIT - len("big"))
        assert mc.set("big", value, compress_level=0)
        assert mc.get("big") == value, "the value read back differs"

    @check
    def too_big():
        mc.set("big", "old")
        error = raises(lambda: mc.set("big", filler(TOO_BIG - len("big")), compress_level=0), MemcachedException)
        assert str(error).startswith("('Code: 3 ") or "Code: 3 " in str(error), error
        same(mc.get("big"), None)

    @check
    def expiry():
        until("expired", lambda: mc.get("expires") is None)
        until("expired counter", lambda: mc.get("counts") is None)
        same(mc.get("stays"), "long")

    mc.disconnect_all()


def isolation():
    mine, theirs = client(), client(OTHER_USER, OTHER_PASSWORD)

    @check
    def equal_keys():
        keys = [f"same:{i}" for i in range(100)]
        mine.set_multi({key: "mine " + key for key in keys}, time=0)
        theirs.set_multi({key: "theirs " + key for key in keys}, time=0)
        same(mine.get_multi(keys), {key: "mine " + key for key in keys})
        same(theirs.get_multi(keys), {key: "theirs " + key for key in keys})
        mine.delete_multi(keys)
        same(len(theirs.get_multi(keys)), 100)

    @check
    def hostile_keys_stay_mine():
        for key in hostile_keys():
            same(mine.get(key), None)
            assert mine.set(key, b"mine " + key)
            same(theirs.get(key), None)
            assert theirs.set(key, b"theirs")
            same(mine.get_multi([key]), {key: b"mine " + key})
            mine.delete(key)
            same(theirs.get(key), b"theirs")
            theirs.delete(key)

    @check
    def flush_is_mine_alone():
        mine.set("x", "1")
        mine.flush_all()
        same(mine.get("x"), None)
        same(theirs.get("same:7"), "theirs same:7")


basic() if PHASE == "basic" else isolation()
