"""flush_all of a million items: answered at once, missing at once, nobody else slowed, the memory comes back."""

import statistics
import time

from compare import foreign, gaps, settle
from proofs.consistency import exact_row
from proofs.restart import items, shape
from table import Row
from world import MIB, world

NAME = "flush"
WINDOWS = 3
# A second tenant's traffic, well below what the machine can do.
OTHER = ("--connections", 8, "--keys", 5000, "--value-size", 100, "--rate", 2000, "--warmup", 0.3)


def run(settings):
    with world(settings, {"a": 1024 * MIB, "other": 64 * MIB}) as here:
        count = items(settings)
        window = 1 if settings.quick else 5
        here.run("store", *shape(settings), "--depth", 128, tenant="a")
        here.steady_load("other", *OTHER, "--preload", "--seconds", 0.5)
        settle(here)
        before = [p99(here, window) for _ in range(WINDOWS)]
        flusher, bystander = here.client("a"), here.client("a")
        key = b"k" + b"0" * 31
        present = bystander.get(key) is not None
        began = time.monotonic()
        status = flusher.flush()
        took = time.monotonic() - began
        missing = flusher.get(key) is None and bystander.get(key) is None
        left_at_once = here.stats()["a"]["curr_items"]
        yield Row(NAME, f"reply to flush_all of {count:,} items", f"{1000 * took:.1f} ms, status {status}", "≤ 50 ms", status == 0 and took <= 0.05)
        yield Row(NAME, "the next get, on this connection and another", "misses" if missing else "hits", "misses", present and missing)
        yield Row(NAME, "`curr_items` at once", left_at_once, "0", left_at_once == "0")
        yield from while_deleted(here, began, before, window)
        settle(here)
        yield exact_row(NAME, "ledger at rest", gaps(here))


def p99(here, seconds):
    return here.steady_load("other", *OTHER, "--seconds", seconds)["latency_us"]["p99"]


def while_deleted(here, began, before, window):
    others = 5000
    during = []
    while here.server_items() > others and len(during) < WINDOWS:
        during.append(p99(here, window))
    still = here.server_items()
    factor = statistics.median(during) / statistics.median(before) if during else 0
    yield Row(NAME, "another tenant's p99 while the items are deleted",
              f"{statistics.median(during or [0]):.0f} µs, before {statistics.median(before):.0f} µs: {factor:.2f} × ({len(during)} windows of "
              f"{window} s, {max(still - others, 0):,} items left behind them)", "≤ 2 ×", bool(during) and factor <= 2)
    deadline = time.monotonic() + 300
    while here.server_items() > others and time.monotonic() < deadline:
        time.sleep(0.2)
    gone = time.monotonic() - began
    left = sum(held.items for (tenant, _), held in here.dump().items() if tenant == here.ids["a"])
    old = foreign(here)
    yield Row(NAME, "items of the old generation on the servers", f"{left} after {gone:.1f} s", "0", left == 0 and not old)
