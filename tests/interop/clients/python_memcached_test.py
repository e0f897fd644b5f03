"""python-memcached: text, pure Python. It signs in by its first `set`."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import memcache
from check import LIMIT, OTHER_PASSWORD, PASSWORD, SERVERS, TOO_BIG, USER, check, filler, same, until


def client(password=PASSWORD, **options):
    mc = memcache.Client([SERVERS], cache_cas=True, socket_timeout=5, dead_retry=0, server_max_value_length=0, **options)
    return mc, bool(mc.set("auth", f"{USER} {password}"))


mc, signed_in = client()


@check
def sign_in():
    same(signed_in, True)


@check
def wrong_password():
    for password in (PASSWORD + "x", OTHER_PASSWORD):
        refused, accepted = client(password)
        same(accepted, False)
        same(refused.set("k", "v"), 0)


@check
def set_and_get():
    for value in ("value", b"raw\0bytes\r\n", 12345678901, ["a", {"b": None}], "snow \u2603", b"", "z" * 10000):
        assert mc.set("k", value, min_compress_len=1000)
        same(mc.get("k"), value)


@check
def miss():
    same(mc.get("absent"), None)
    same(mc.get_multi(["absent", "absent2"]), {})


@check
def multi_get():
    values = {f"multi:{i}": f"value {i}" * (i + 1) for i in range(100)}
    same(mc.set_multi(values), [])
    same(mc.get_multi(["absent", *values]), values)
    same(mc.get_multi(["1", "7"], key_prefix="multi:"), {"1": values["multi:1"], "7": values["multi:7"]})
    same(mc.delete_multi(list(values)), 1)
    same(mc.get_multi(list(values)), {})


@check
def flush():
    mc.set("flushed", "x")
    mc.flush_all()
    same(mc.get("flushed"), None)
    mc.set("flushed", "y")
    same(mc.get("flushed"), "y")


mc.set("expires", "soon", time=2)
mc.set("touched", "soon")
mc.set("stays", "long", time=3600)


@check
def touch():
    same(mc.touch("touched", 2), 1)
    same(mc.get("touched"), "soon")
    same(mc.touch("absent", 2), 0)


@check
def add_and_replace():
    same([bool(mc.add("added", "1")), bool(mc.add("added", "2")), mc.get("added")], [True, False, "1"])
    same([bool(mc.replace("absent", "1")), bool(mc.replace("added", "3")), mc.get("added")], [False, True, "3"])


@check
def cas():
    mc.set("cas", "1")
    same(mc.gets("cas"), "1")
    assert mc.cas("cas", "2")
    assert not mc.cas("cas", "3"), "the CAS that it remembers is stale"
    same(mc.get("cas"), "2")


@check
def append_and_prepend():
    mc.set("grows", "b")
    same([bool(mc.append("grows", "c")), bool(mc.prepend("grows", "a")), mc.get("grows")], [True, True, "abc"])
    same(bool(mc.append("absent", "x")), False)


@check
def incr_and_decr():
    mc.set("n", "40")
    same([mc.incr("n", 2), mc.decr("n", 40), mc.decr("n", 5), mc.incr("absent")], [42, 2, 0, None])


@check
def delete():
    mc.set("deleted", 1)
    same(mc.delete("deleted"), 1)
    same(mc.get("deleted"), None)
    same(mc.delete("deleted"), 1)  # to this library an absent item is as good as deleted


@check
def noreply():
    for i in range(50):
        mc.set(f"quiet:{i}", str(i), noreply=True)
    mc.delete("quiet:0", noreply=True)
    same([mc.get("quiet:49"), mc.get("quiet:0")], ["49", None])


@check
def stats():
    ((_, figures),) = mc.get_stats()
    for name in ("cmd_get", "cmd_set", "get_hits", "get_misses", "curr_connections", "version"):
        assert name in figures, f"no {name} in {sorted(figures)}"


@check
def unicode_keys():
    for key in ("schlüssel", "\u9375", "k" * 250):
        assert mc.set(key, key)
        same(mc.get(key), key)


@check
def biggest_value():
    value = filler(LIMIT - len("big"))
    assert mc.set("big", value)
    assert mc.get("big") == value, "the value read back differs"


@check
def too_big():
    mc.set("big", "old")
    same(mc.set("big", filler(TOO_BIG - len("big"))), 0)
    same(mc.get("big"), None)


@check
def expiry():
    until("expired", lambda: mc.get("expires") is None)
    until("expired after a touch", lambda: mc.get("touched") is None)
    same(mc.get("stays"), "long")
