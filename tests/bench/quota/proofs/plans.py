"""A quota lowered from 100 to 25 MiB by a new configuration file, under way: nobody is cut off, the coldest items go, bounded."""

import time

from compare import settle, wait_exact
from proofs.consistency import exact_row
from proofs.overshoot import Sampler
from table import Row
from world import ITEM_OVERHEAD, MIB, NAMESPACE, world

NAME = "plans"
BEFORE, AFTER = 100 * MIB, 25 * MIB
FILLED = 95 * MIB
KEY_SIZE, VALUE_SIZE = 20, 1000
ITEM = ITEM_OVERHEAD + len(f"{NAMESPACE}.1.0:") + KEY_SIZE + VALUE_SIZE
ITEMS = FILLED // ITEM
# The items that are read beforehand lie in the middle of those stored: neither the first nor the last.
HOT = 10 * MIB // ITEM
SHAPE = ("--key-size", KEY_SIZE, "--min-value", VALUE_SIZE, "--max-value", VALUE_SIZE)
ALL = ("--keys", ITEMS, *SHAPE)
RECENT = ("--first", ITEMS // 3, "--keys", HOT, *SHAPE)
# Items a second: limits.background_deletes.
RATE = 20000
TAKEN_WITHIN = 1


def lower(here):
    here.tenants["a"] = AFTER
    here.write_configuration()


def run(settings):
    with world(settings, {"a": BEFORE}) as here:
        here.run("store", *ALL, tenant="a")
        here.run("read", *RECENT, tenant="a")
        settle(here)
        full = int(here.stats()["a"]["bytes"])
        # Connections that go on through it: reads of the hot part, and one store now and then would do as well.
        reader = here.load("read", "--random", *RECENT, "--connections", 4, "--rate", 400, "--seconds", 12, tenant="a")
        time.sleep(0.5)
        sampler = Sampler(here, "a")
        client = here.client("a")
        began = time.monotonic()
        lower(here)
        taken = wait_until(lambda: client.stats()["limit_maxbytes"] == str(AFTER), 5)
        shrunk = wait_until(lambda: int(client.stats()["bytes"]) <= AFTER, 60)
        told = reader.result()
        samples = [(at, in_bytes) for at, in_bytes in sampler.finish() if at >= began]
        yield Row(NAME, "the new quota in force", "never" if taken is None else f"after {taken:.2f} s", f"≤ {TAKEN_WITHIN} s",
                  taken is not None and taken <= TAKEN_WITHIN)
        yield Row(NAME, "connections lost of 6, gets refused", f"{told['lost_connections']}, {told['refused']}", "0, 0",
                  not told["lost_connections"] + told["refused"] and client.get(b"k") is None)
        yield rate_row(samples)
        yield Row(NAME, f"shrinks from {full / MIB:.1f} MiB", "never" if shrunk is None else f"below 25 MiB after {shrunk:.1f} s", "ends ≤ 25 MiB",
                  shrunk is not None)
        settle(here)
        yield from at_rest(here, told)


def at_rest(here, told):
    survivors = here.run("read", *RECENT, tenant="a")
    everything = here.run("read", *ALL, tenant="a")
    yield Row(NAME, f"{HOT:,} items read beforehand", f"{survivors['hits']:,} still there; misses of those who read meanwhile: {told['misses']}",
              "≥ 99 %", survivors["hits"] >= 0.99 * HOT)
    held = sum(each.bytes for each in here.dump().values())
    now = int(here.stats()["a"]["bytes"])
    yield Row(NAME, "kept at the end", f"{everything['hits']:,} items, {held / MIB:.2f} MiB on the servers, {now / MIB:.2f} by `stats`",
              "22.5 to 25 MiB", 0.9 * AFTER <= held <= AFTER and now <= AFTER)
    yield exact_row(NAME, "ledger at rest", wait_exact(here, 20)[0])


def rate_row(samples):
    """The most that left within a second: a bound on the rate is a bound on the neighbours' pain."""
    most, begin = 0, 0
    for end in range(len(samples)):
        while samples[end][0] - samples[begin][0] > 1:
            begin += 1
        most = max(most, (samples[begin][1] - samples[end][1]) // ITEM)
    return Row(NAME, "items evicted in the worst second", f"{most:,}", f"≤ {RATE:,} + 20 %", 0 < most <= 1.2 * RATE)


def wait_until(true, within):
    """Seconds until it was so, or None."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if true():
            return time.monotonic() - began
        time.sleep(0.01)
    return None
