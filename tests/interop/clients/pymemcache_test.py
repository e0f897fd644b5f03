"""pymemcache: text, pure Python; stores don't wait for an answer unless they are asked to. Signs in by a `set` on each new
connection, over TLS where it is told of a certificate authority (MEMCACHE_CA)."""

import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import pymemcache
from check import (LIMIT, OTHER_PASSWORD, OTHER_USER, PASSWORD, PHASE, SERVERS, STOCK, TOO_BIG, USER, check, filler, hostile_keys,
                   raises, same, until)
from pymemcache.exceptions import MemcacheClientError, MemcacheError, MemcacheIllegalInputError, MemcacheServerError

AUTHORITY = os.environ.get("MEMCACHE_CA")


class Client(pymemcache.Client):
    def __init__(self, user=USER, password=PASSWORD, **options):
        self.proof = f"{user} {password}"
        if AUTHORITY:
            options["tls_context"] = ssl.create_default_context(cafile=AUTHORITY)
        super().__init__(SERVERS, timeout=5, connect_timeout=5, no_delay=True, allow_unicode_keys=True, **options)

    def _connect(self):
        super()._connect()
        self.set("auth", self.proof, noreply=False)


def basic():
    mc = Client(default_noreply=False)

    @check
    def wrong_password():
        for password in (PASSWORD + "x", OTHER_PASSWORD):
            error = raises(lambda: Client(USER, password).get("k"), MemcacheClientError)
            assert "authentication failure" in str(error), error

    @check
    def unknown_user():
        error = raises(lambda: Client("nobody-" + USER).get("k"), MemcacheClientError)
        assert "authentication failure" in str(error), error

    @check
    def not_signed_in():
        stranger = pymemcache.Client(SERVERS, timeout=5, **({"tls_context": ssl.create_default_context(cafile=AUTHORITY)} if AUTHORITY else {}))
        raises(lambda: stranger.get("k"), MemcacheError)

    @check
    def set_and_get():
        for value in (b"value", b"raw\0bytes\r\n", b"", b"END\r\n"):
            same(mc.set("k", value), True)
            same(mc.get("k"), value)

    @check
    def miss():
        same(mc.get("absent"), None)
        same(mc.get("absent", "otherwise"), "otherwise")
        same(mc.gets("absent"), (None, None))
        same(mc.get_many(["absent", "absent2"]), {})

    # Over TLS a stock memcached 1.6.18 lets a pipeline of several records wait for ever.
    many = 10 if STOCK and AUTHORITY else 100

    @check
    def multi_get():
        values = {f"multi:{i}": f"value {i}".encode() * (i + 1) for i in range(many)}
        same(mc.set_many(values), [])
        same(mc.get_many(["absent", *values]), values)
        same(list(mc.get_many(list(reversed(values)))), list(reversed(values)))
        same({key: value for key, (value, _) in mc.gets_many(list(values)).items()}, values)
        same(mc.delete_many(list(values)), True)
        same(mc.get_many(list(values)), {})

    @check
    def flush():
        mc.set("flushed", b"x")
        same(mc.flush_all(), True)
        same(mc.get("flushed"), None)
        mc.set("flushed", b"y")
        same(mc.get("flushed"), b"y")

    mc.set("expires", b"soon", expire=2)
    mc.set("touched", b"soon")
    mc.set("stays", b"long", expire=3600)

    @check
    def touch():
        same(mc.touch("touched", 2), True)
        same(mc.get("touched"), b"soon")
        same(mc.touch("absent", 2), False)

    @check
    def add_and_replace():
        same([mc.add("added", b"1"), mc.add("added", b"2"), mc.get("added")], [True, False, b"1"])
        same([mc.replace("absent", b"1"), mc.replace("added", b"3"), mc.get("added")], [False, True, b"3"])

    @check
    def cas():
        mc.set("cas", b"1")
        value, token = mc.gets("cas")
        same(value, b"1")
        same([mc.cas("cas", b"2", token), mc.cas("cas", b"3", token), mc.cas("absent", b"3", token)], [True, False, None])
        same(mc.get("cas"), b"2")

    @check
    def append_and_prepend():
        mc.set("grows", b"b")
        same([mc.append("grows", b"c"), mc.prepend("grows", b"a"), mc.get("grows")], [True, True, b"abc"])
        same([mc.append("absent", b"x"), mc.prepend("absent", b"x")], [False, False])

    @check
    def incr_and_decr():
        mc.set("n", b"40")
        same([mc.incr("n", 2), mc.decr("n", 40), mc.decr("n", 5), mc.incr("absent", 1)], [42, 2, 0, None])
        mc.set("n", b"4294967296")
        same(mc.incr("n", 1), 2**32 + 1)
        mc.set("text", b"abc")
        raises(lambda: mc.incr("text", 1), MemcacheClientError)

    @check
    def delete():
        mc.set("deleted", b"1")
        same([mc.delete("deleted"), mc.delete("deleted"), mc.get("deleted")], [True, False, None])

    @check
    def stats_and_version():
        figures = mc.stats()
        for name in (b"cmd_get", b"cmd_set", b"get_hits", b"get_misses", b"curr_connections", b"version"):
            assert name in figures, f"no {name} in {sorted(figures)}"
        assert mc.version()[:1].isdigit()

    @check
    def noreply():
        quiet = Client(default_noreply=True)
        for i in range(100):
            quiet.set(f"quiet:{i}", str(i))
        quiet.delete("quiet:0")
        quiet.append("quiet:1", b"+")
        quiet.incr("quiet:2", 40, noreply=True)
        same([quiet.get("quiet:99"), quiet.get("quiet:0"), quiet.get("quiet:1"), quiet.get("quiet:2")], [b"99", None, b"1+", b"42"])
        same(len(mc.get_many([f"quiet:{i}" for i in range(100)])), 99)

    @check
    def unicode_keys():
        for key in ("schlüssel", "\u9375", "~tilde", "a:b/c%20"):
            mc.set(key, key.encode())
            same(mc.get(key), key.encode())

    @check
    def keys_of_250_bytes():
        mc.set("k" * 250, b"long")
        mc.set("k" * 249, b"shorter")
        same([mc.get("k" * 250), mc.get("k" * 249)], [b"long", b"shorter"])
        raises(lambda: mc.get("k" * 251), MemcacheIllegalInputError)  # the library's own

    @check
    def biggest_value():
        value = filler(LIMIT - len("big"))
        mc.set("big", value)
        assert mc.get("big") == value, "the value read back differs"

    @check
    def too_big():
        mc.set("big", b"old")
        error = raises(lambda: mc.set("big", filler(TOO_BIG - len("big"))), MemcacheServerError)
        assert "too large" in str(error), error
        same(mc.get("big"), None)

    @check
    def quit_and_again():
        mc.quit()
        same(mc.get("stays"), b"long")

    @check
    def pool():
        pooled = pymemcache.PooledClient(SERVERS, max_pool_size=4)
        pooled.client_class = lambda *_, **__: Client(default_noreply=False)
        pooled.set("pooled", b"x")
        same(pooled.get("pooled"), b"x")

    @check
    def expiry():
        until("expired", lambda: mc.get("expires") is None)
        until("expired after a touch", lambda: mc.get("touched") is None)
        same(mc.get("stays"), b"long")


def isolation():
    mine, theirs = Client(default_noreply=False), Client(OTHER_USER, OTHER_PASSWORD, default_noreply=False)

    @check
    def equal_keys():
        keys = [f"same:{i}" for i in range(100)]
        mine.set_many({key: b"mine " + key.encode() for key in keys})
        theirs.set_many({key: b"theirs " + key.encode() for key in keys})
        same(mine.get_many(keys), {key: b"mine " + key.encode() for key in keys})
        same(theirs.get_many(keys), {key: b"theirs " + key.encode() for key in keys})
        mine.delete_many(keys)
        same(len(theirs.get_many(keys)), 100)

    @check
    def hostile_keys_stay_mine():
        tried = 0
        for key in hostile_keys():
            try:
                same(mine.get(key), None)
            except MemcacheIllegalInputError:
                continue  # the library itself refuses this key
            tried += 1
            mine.set(key, b"mine " + key)
            same(theirs.get(key), None)
            theirs.set(key, b"theirs")
            same(mine.get(key), b"mine " + key)
            mine.delete(key)
            same(theirs.get(key), b"theirs")
            theirs.delete(key)
        assert tried > 10, f"{tried} keys tried"
        same(theirs.get("secret"), b"of the other tenant")

    @check
    def flush_is_mine_alone():
        mine.set("x", b"1")
        mine.flush_all()
        same(mine.get("x"), None)
        same(theirs.get("same:7"), b"theirs same:7")


basic() if PHASE == "basic" else isolation()
