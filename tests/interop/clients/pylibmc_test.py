"""pylibmc (libmemcached): GETK, GETKQ + NOOP, pipelined buffered stores, QUIT when closed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import pylibmc
from check import (LIMIT, OTHER_PASSWORD, OTHER_USER, PASSWORD, PHASE, READER, SERVERS, STOCK, TOO_BIG, USER, check, filler,
                   hostile_keys, raises, same, until)


def client(user=USER, password=PASSWORD, **behaviors):
    return pylibmc.Client([SERVERS], binary=True, username=user, password=password, behaviors=behaviors)


def basic():
    mc = client(cas=True)

    @check
    def wrong_password():
        for _ in range(2):
            raises(lambda: client(USER, PASSWORD + "x").get("k"), pylibmc.Error)
        raises(lambda: client(USER, OTHER_PASSWORD).set("k", 1), pylibmc.Error)

    @check
    def unknown_user():
        raises(lambda: client("nobody-" + USER).set("k", 1), pylibmc.Error)

    if not STOCK:
        @check
        def a_credential_that_may_only_read():
            mc.set("read only", "1")
            mc.set("read only number", 1)
            reader = client(USER + READER)
            same(reader.get("read only"), "1")
            same(reader.get_multi(["read only", "absent"]), {"read only": "1"})
            for refused in (reader.set, reader.add, reader.replace, reader.append, reader.prepend):
                same(refused("read only", "2"), False)
            same(reader.set_multi({"read only": "2"}), ["read only"])
            same(reader.delete("read only"), False)
            same(reader.touch("read only", 1), False)
            for refused in (reader.incr, reader.decr):
                raises(lambda refused=refused: refused("read only number"), pylibmc.NotFound)
            reader.flush_all()  # libmemcached never looks at the answer
            same(reader.get("read only"), "1")
            same(mc.get("read only number"), 1)

    @check
    def set_and_get():
        assert mc.set("k", "value")
        same(mc.get("k"), "value")
        for value in (b"raw\0bytes", 12345678901, ["a", {"b": None}], "snow \u2603", b""):
            assert mc.set("k", value)
            same(mc.get("k"), value)

    @check
    def miss():
        same(mc.get("absent"), None)
        same(mc.get_multi(["absent", "absent2"]), {})

    @check
    def multi_get():
        values = {f"multi:{i}": f"value {i}" * (i + 1) for i in range(100)}
        same(mc.set_multi(values), [])
        same(mc.get_multi(list(values) + ["absent"]), values)
        same(mc.get_multi(["1", "7"], key_prefix="multi:"), {"1": values["multi:1"], "7": values["multi:7"]})
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
    mc.set("touched", "soon")
    mc.set("stays", "long", time=3600)

    @check
    def touch():
        same(mc.touch("touched", 2), True)
        same(mc.get("touched"), "soon")
        same(mc.get("expires"), "soon")
        same(mc.touch("absent", 2), False)

    @check
    def add():
        assert mc.add("added", "1")
        same(mc.add("added", "2"), False)
        same(mc.get("added"), "1")

    @check
    def replace():
        raises(lambda: mc.replace("absent", "1"), pylibmc.NotFound)
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
        raises(lambda: mc.cas("absent", "1", token), pylibmc.NotFound)

    @check
    def append_and_prepend():
        mc.set("grows", b"b")
        assert mc.append("grows", b"c")
        assert mc.prepend("grows", b"a")
        same(mc.get("grows"), b"abc")
        same(mc.append("absent", b"x"), False)
        same(mc.prepend("absent", b"x"), False)

    @check
    def incr_and_decr():
        mc.set("n", 40)
        same(mc.incr("n", 2), 42)
        same(mc.decr("n", 40), 2)
        same(mc.decr("n", 5), 0)
        same(mc.get("n"), 0)
        mc.set("n", 2**32)
        same(mc.incr("n"), 2**32 + 1)
        raises(lambda: mc.incr("absent"), pylibmc.NotFound)
        mc.set("text", "abc")
        raises(lambda: mc.incr("text"), pylibmc.Error)
        mc.set_multi({"n1": 1, "n2": 2})
        mc.incr_multi(["n1", "n2"], delta=10)
        same(mc.get_multi(["n1", "n2"]), {"n1": 11, "n2": 12})

    @check
    def delete():
        mc.set("deleted", 1)
        assert mc.delete("deleted")
        same(mc.delete("deleted"), False)
        same(mc.get("deleted"), None)

    @check
    def stats():
        ((_, figures),) = mc.get_stats()
        for name in (b"cmd_get", b"cmd_set", b"get_hits", b"get_misses", b"curr_connections", b"version"):
            assert name in figures or name.decode() in figures, f"no {name} in {sorted(figures)}"

    @check
    def noreply():
        quiet = client(_noreply=True)
        for i in range(50):
            quiet.set(f"quiet:{i}", str(i))
        quiet.delete("quiet:0")
        same(quiet.get("quiet:49"), "49")
        same(quiet.get("quiet:0"), None)
        same(len(mc.get_multi([f"quiet:{i}" for i in range(50)])), 49)

    @check
    def buffered():
        pipelined = client(buffer_requests=True)
        for i in range(300):
            try:
                pipelined.set(f"buffered:{i}", str(i))
            except pylibmc.Error as error:  # how this library tells that a store waits in its buffer
                assert "error 32 " in str(error), error
        same(pipelined.get("buffered:299"), "299")
        same(len(mc.get_multi([f"buffered:{i}" for i in range(300)])), 300)

    @check
    def non_blocking():
        direct = client(no_block=True, tcp_nodelay=True, ketama=True)
        for i in range(50):
            direct.set(f"async:{i}", filler(20000))
        same(direct.get("async:49"), filler(20000))

    @check
    def unicode_keys():
        for key in ("schlüssel", "\u9375", "clé avec espace"):
            assert mc.set(key, key)
            same(mc.get(key), key)
        same(mc.get_multi(["schlüssel", "\u9375"]), {"schlüssel": "schlüssel", "\u9375": "\u9375"})

    @check
    def binary_keys():
        for key in (bytes(range(1, 128)), bytes(range(128, 256)), b"nul\0nul"):
            assert mc.set(key, key)
            same(mc.get(key), key)

    @check
    def keys_of_250_bytes():
        assert mc.set("k" * 250, "long")
        assert mc.set("k" * 249, "shorter")
        same(mc.get("k" * 250), "long")
        same(mc.get("k" * 249), "shorter")

    @check
    def biggest_value():
        value = filler(LIMIT - len("big"))
        assert mc.set("big", value)
        assert mc.get("big") == value, "the value read back differs"

    @check
    def too_big():
        mc.set("big", b"old")
        raises(lambda: mc.set("big", filler(TOO_BIG - len("big"))), pylibmc.Error)
        same(client().get("big"), None)
        assert mc.set("after", "works")
        same(mc.get("after"), "works")

    @check
    def append_too_big():
        for grow in (mc.append, mc.prepend):
            mc.set("grown", filler(1000))
            try:
                same(grow("grown", filler(TOO_BIG - len("grown") - 1000)), False)
            except pylibmc.Error:
                pass
            same(client().get("grown"), filler(1000))

    @check
    def quit_closes():
        def connections():
            figures = mc.get_stats()[0][1]
            return int(figures.get("curr_connections", figures.get(b"curr_connections")))
        # What earlier checks dropped may still be closing.
        others = [client() for _ in range(3)]
        for each in others:
            each.set("q", 1)
        most = connections()
        for each in others:
            each.disconnect_all()
        until("three connections gone after QUIT", lambda: connections() <= most - 3)
        same(others[0].get("q"), 1)

    @check
    def expiry():
        until("expired", lambda: mc.get("expires") is None)
        until("expired after a touch", lambda: mc.get("touched") is None)
        same(mc.get("stays"), "long")


def isolation():
    mine, theirs = client(), client(OTHER_USER, OTHER_PASSWORD)

    @check
    def equal_keys():
        for i in range(100):
            mine.set(f"same:{i}", f"mine {i}")
            theirs.set(f"same:{i}", f"theirs {i}")
        keys = [f"same:{i}" for i in range(100)]
        same(mine.get_multi(keys), {key: key.replace("same:", "mine ") for key in keys})
        same(theirs.get_multi(keys), {key: key.replace("same:", "theirs ") for key in keys})
        mine.delete_multi(keys)
        same(len(theirs.get_multi(keys)), 100)

    @check
    def hostile_keys_stay_mine():
        for key in hostile_keys():
            same(mine.get(key), None)
            assert mine.set(key, b"mine " + key)
            same(theirs.get(key), None)
            assert theirs.set(key, b"theirs")
            same(mine.get(key), b"mine " + key)
            mine.delete(key)
            same(theirs.get(key), b"theirs")
            theirs.delete(key)
        same(theirs.get("secret"), b"of the other tenant")

    @check
    def flush_is_mine_alone():
        mine.set("x", 1)
        mine.flush_all()
        same(mine.get("x"), None)
        same(theirs.get("same:7"), "theirs 7")
        same(theirs.get("secret"), b"of the other tenant")


basic() if PHASE == "basic" else isolation()
