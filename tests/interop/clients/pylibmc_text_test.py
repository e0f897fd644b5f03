"""pylibmc in text mode (libmemcached): one `set` signs a client in, since it has one connection a server and keeps it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import pylibmc
from check import LIMIT, OTHER_PASSWORD, PASSWORD, SERVERS, TOO_BIG, USER, check, filler, raises, same, until


def client(password=PASSWORD, **behaviors):
    mc = pylibmc.Client([SERVERS], binary=False, behaviors=behaviors)
    mc.set("auth", f"{USER} {password}")
    return mc


mc = client(cas=True)


@check
def wrong_password():
    for password in (PASSWORD + "x", OTHER_PASSWORD):
        raises(lambda: client(password), pylibmc.Error)


@check
def set_and_get():
    for value in ("value", b"raw\0bytes\r\n", 12345678901, ["a", {"b": None}], "snow \u2603", b"", b"END\r\n"):
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
    assert mc.delete_multi(list(values))
    same(mc.get_multi(list(values)), {})


@check
def flush():
    mc.set("flushed", "x")
    assert mc.flush_all()
    same(mc.get("flushed"), None)


mc.set("expires", "soon", time=2)
mc.set("touched", "soon")
mc.set("stays", "long", time=3600)


@check
def touch():
    same([mc.touch("touched", 2), mc.touch("absent", 2)], [True, False])


@check
def add_and_replace():
    same([mc.add("added", "1"), mc.add("added", "2"), mc.get("added")], [True, False, "1"])
    same(mc.replace("added", "3"), True)
    same(mc.replace("absent", "1"), False)
    same(mc.get("added"), "3")


@check
def cas():
    mc.set("cas", "1")
    value, token = mc.gets("cas")
    same([value, mc.cas("cas", "2", token), mc.cas("cas", "3", token), mc.get("cas")], ["1", True, False, "2"])


@check
def append_and_prepend():
    mc.set("grows", b"b")
    same([mc.append("grows", b"c"), mc.prepend("grows", b"a"), mc.get("grows"), mc.append("absent", b"x")], [True, True, b"abc", False])


@check
def incr_and_decr():
    mc.set("n", 40)
    same([mc.incr("n", 2), mc.decr("n", 40), mc.decr("n", 5)], [42, 2, 0])
    raises(lambda: mc.incr("absent"), pylibmc.NotFound)


@check
def delete():
    mc.set("deleted", 1)
    same([mc.delete("deleted"), mc.delete("deleted"), mc.get("deleted")], [True, False, None])


@check
def stats():
    ((_, figures),) = mc.get_stats()
    for name in (b"cmd_get", b"cmd_set", b"get_hits", b"get_misses", b"curr_connections", b"version"):
        assert name in figures or name.decode() in figures, f"no {name} in {sorted(figures)}"


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


@check
def expiry():
    fresh = client()
    until("expired", lambda: fresh.get("expires") is None)
    until("expired after a touch", lambda: fresh.get("touched") is None)
    same(fresh.get("stays"), "long")
