"""A million items stored, mctenant killed and started again: served at once, exact within 10 s, nothing lost."""

import time

from compare import gaps, settle
from proofs.consistency import exact_row
from table import Row
from world import MIB, world

NAME = "restart"
QUOTA = 1024 * MIB
EXACT_WITHIN = 10
SAMPLE = 10000


def items(settings):
    return 100_000 if settings.quick else 1_000_000


def shape(settings):
    return "--keys", items(settings), "--key-size", 32, "--min-value", 50, "--max-value", 150


def total(held):
    return sum(each.items for each in held.values()), sum(each.bytes for each in held.values())


def run(settings):
    with world(settings, {"a": QUOTA}) as here:
        here.run("store", *shape(settings), "--depth", 128, tenant="a")
        settle(here)
        held = total(here.dump())
        yield exact_row(NAME, "before", gaps(here))
        here.kill_front()
        began = time.monotonic()
        here.start_front(wait=False)
        # Its connections are made as soon as they can be: it serves while the crawl runs.
        reader = here.load("read", "--random", *shape(settings), "--connections", 2, "--depth", 1, "--seconds", EXACT_WITHIN, tenant="a")
        exact_after = wait_for(here, held, began)
        told = reader.result()
        yield Row(NAME, f"usage of {held[0]:,} items exact again", "never" if exact_after is None else f"{exact_after:.2f} s after its start",
                  f"≤ {EXACT_WITHIN} s", exact_after is not None and exact_after <= EXACT_WITHIN)
        yield Row(NAME, "reads meanwhile", f"{told['hits']:,} hits, {told['misses']} misses, {told['wrong']} wrong, {told['refused']} refused, "
                  f"longest silence {told['longest_silence_ms']:.0f} ms", f"≥ {SAMPLE:,} hits, else 0; ≤ 1 s",
                  told["hits"] >= SAMPLE and not told["misses"] + told["wrong"] + told["refused"] + told["lost_connections"]
                  and told["longest_silence_ms"] <= 1000)
        now = total(here.dump())
        yield Row(NAME, "items and bytes on the servers", f"{now[0]:,} items, {now[1]:,} bytes; before {held[0]:,}, {held[1]:,}",
                  "the same", now == held and held[0] == items(settings))
        settle(here)
        yield exact_row(NAME, "at rest", gaps(here))


def wait_for(here, held, began):
    """Seconds from the start until `stats` says what the servers hold; None if that is not so within four times the bound."""
    client = None
    while time.monotonic() - began < 4 * EXACT_WITHIN:
        try:
            client = client or here.client("a")
            told = client.stats()
            if (int(told["curr_items"]), int(told["bytes"])) == held:
                return time.monotonic() - began
        except (OSError, RuntimeError):
            client = None
        time.sleep(0.02)
    return None
