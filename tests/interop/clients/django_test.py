"""Django's cache framework with its PyLibMC backend, as a settings file has it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

import pylibmc
from check import LIMIT, OTHER_PASSWORD, OTHER_USER, PASSWORD, PHASE, SERVERS, USER, check, filler, raises, same, until
from django.conf import settings


def backend(user, password):
    return {"BACKEND": "django.core.cache.backends.memcached.PyLibMCCache", "LOCATION": SERVERS, "TIMEOUT": None,
            "OPTIONS": {"binary": True, "username": user, "password": password, "behaviors": {"ketama": True}}}


settings.configure(CACHES={
    "default": backend(USER, PASSWORD), "other": backend(OTHER_USER, OTHER_PASSWORD),
    "wrong": backend(USER, PASSWORD + "x"), "unknown": backend("nobody-" + USER, PASSWORD),
})

from django.core.cache import caches  # noqa: E402, after the settings


def basic():
    cache = caches["default"]

    @check
    def wrong_password():
        raises(lambda: caches["wrong"].get("k"), pylibmc.Error)

    @check
    def unknown_user():
        raises(lambda: caches["unknown"].get("k"), pylibmc.Error)

    @check
    def set_and_get():
        for value in ("value", b"bytes", 17, {"a": [1, 2]}, None):
            cache.set("k", value)
            same(cache.get("k", "default"), value)
        same(cache.get("absent", "default"), "default")
        same("k" in cache, True)

    @check
    def clear():
        cache.set("cleared", 1)
        cache.clear()
        same(cache.get("cleared"), None)

    cache.set("expires", "soon", 2)
    cache.set("touched", "soon", 3600)

    @check
    def many():
        values = {f"many {i}".replace(" ", "_"): i for i in range(100)}
        same(cache.set_many(values), [])
        same(cache.get_many(values), values)
        cache.delete_many(values)
        same(cache.get_many(values), {})

    @check
    def add_touch_delete():
        same((cache.add("added", 1), cache.add("added", 2), cache.get("added")), (True, False, 1))
        same((cache.touch("touched", 2), cache.touch("absent", 2)), (True, False))
        same((cache.delete("added"), cache.delete("added")), (True, False))

    @check
    def counters():
        cache.set("n", 40)
        same((cache.incr("n", 2), cache.decr("n", 2)), (42, 40))
        raises(lambda: cache.incr("absent"), ValueError)
        same(cache.get_or_set("made", lambda: 5), 5)
        same(cache.incr_version("n"), 2)
        same(cache.get("n", version=2), 40)

    @check
    def unicode_keys():
        cache.set("schlüssel", "wert")
        same(cache.get("schlüssel"), "wert")

    @check
    def big_value():
        value = filler(LIMIT - 1000)
        cache.set("big", value)
        assert cache.get("big") == value, "the value read back differs"

    @check
    def expiry():
        until("expired", lambda: cache.get("expires") is None)
        until("expired after a touch", lambda: cache.get("touched") is None)

    cache.close()


def isolation():
    mine, theirs = caches["default"], caches["other"]

    @check
    def equal_keys():
        mine.set("same", "mine")
        same(theirs.get("same"), None)
        theirs.set("same", "theirs")
        same((mine.get("same"), theirs.get("same")), ("mine", "theirs"))

    @check
    def clear_is_mine_alone():
        mine.clear()
        same((mine.get("same"), theirs.get("same")), (None, "theirs"))


basic() if PHASE == "basic" else isolation()
