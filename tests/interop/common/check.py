"""What the Python scripts share: one line a check, and the surroundings told by the runner."""

import os
import sys
import time

PHASE = sys.argv[1] if len(sys.argv) > 1 else "basic"
SERVERS = os.environ["MEMCACHE_SERVERS"]
USER, PASSWORD = os.environ["MEMCACHE_USERNAME"], os.environ["MEMCACHE_PASSWORD"]
OTHER_USER, OTHER_PASSWORD = os.environ["MEMCACHE_OTHER_USERNAME"], os.environ["MEMCACHE_OTHER_PASSWORD"]
READER = "-reader"  # behind the name of a user: a credential with that user's password that may only read
STOCK = os.environ.get("INTEROP_SERVER") == "stock"
LIMIT = int(os.environ.get("INTEROP_ITEM_LIMIT", "1048576"))
TOO_BIG = int(os.environ.get("INTEROP_TOO_BIG", "1048577"))


def check(function):
    """Runs a check at once and reports it under its name."""
    try:
        function()
        print(f"ok {function.__name__}", flush=True)
    except Exception as error:  # a check reports whatever a library throws
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0
        print(f"not ok {function.__name__}: line {line}: {type(error).__name__}: {error}"[:600].replace("\n", " "), flush=True)


def skip(name, why):
    print(f"skip {name}: {why}", flush=True)


def same(got, expected):
    if got != expected:
        raise AssertionError(f"got {short(got)}, expected {short(expected)}")


def short(value):
    text = repr(value)
    return text if len(text) < 120 else f"{text[:60]}… ({len(text)} characters)"


def raises(function, *kinds):
    try:
        result = function()
    except (kinds or Exception) as error:
        return error
    raise AssertionError(f"no refusal: {short(result)}")


def until(what, condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def filler(size):
    """Bytes that no key or other size shares the beginning of, and that don't compress to nothing."""
    return (f"{size}:".encode() + bytes(range(256)) * (size // 256 + 1))[:size]


def hostile_keys():
    with open(os.environ["INTEROP_HOSTILE_KEYS"], encoding="ascii") as file:
        return [bytes.fromhex(line) for line in file.read().split()]
