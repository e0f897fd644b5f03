"""Four connections store random items of 1 B to 100 KB as fast as they can into 25 MiB: the tenant stays within its memory."""

import threading
import time

from table import Row
from world import MIB, world

NAME = "overshoot"
QUOTA = 25 * MIB
LARGEST_VALUE = 100 * 1024
KEY_SIZE = 20
EVERY = 0.02
DUMPS = 8
LOAD = ("--connections", 4, "--random", "--keys", 10**12, "--key-size", KEY_SIZE, "--min-value", 1, "--max-value", LARGEST_VALUE)


class Sampler:
    """Reads the tenant's bytes every 20 ms on a connection of its own."""

    def __init__(self, here, tenant):
        self.client, self.samples, self.fault = here.client(tenant), [], None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.over.wait(EVERY):
                told = self.client.stats()
                self.samples.append((time.monotonic(), int(told["bytes"])))
        except Exception as error:  # told by the proof that asked
            self.fault = error

    def finish(self):
        self.over.set()
        self.thread.join()
        self.client.close()
        if self.fault:
            raise self.fault
        return self.samples


def part(here, what, seconds, depth):
    sampler = Sampler(here, "a")
    load = here.load("store", *LOAD, "--depth", depth, "--seconds", seconds, tenant="a")
    on_servers = []
    for _ in range(DUMPS):
        time.sleep(seconds / (DUMPS + 1))
        on_servers.append(sum(held.bytes for held in here.frozen_dump().values()))
    told = load.result()
    samples = [in_bytes for _, in_bytes in sampler.finish()]
    largest = here.item_bytes("a", 0, KEY_SIZE, LARGEST_VALUE)
    bound = 0.01 + largest / QUOTA
    bound_text = f"≤ 1 % + one item ({100 * bound:.2f} %)"
    yield over(f"{what}, `stats` every {1000 * EVERY:.0f} ms", samples, bound, bound_text)
    yield over(f"{what}, servers' metadump", on_servers, bound, bound_text)
    wanted = 4 * QUOTA
    yield Row(NAME, f"{what}, stored by 4 connections", f"{told['stored_bytes'] / MIB:,.0f} MiB in {told['seconds']:.0f} s, "
              f"{told['refused']} refused, {told['lost_connections']} connections lost; at rest {samples[-1] / QUOTA:.1%} full",
              "0 refused, 0 lost, 4 × the quota", told["stored_bytes"] >= wanted and not told["refused"] + told["lost_connections"])


def over(what, values, bound, bound_text):
    most = max(values, default=0)
    return Row(NAME, what, f"at most {100 * (most / QUOTA - 1):+.2f} % of the quota, {len(values)} moments", bound_text,
               bool(values) and 0 < most <= QUOTA * (1 + bound))


def run(settings):
    seconds = 6 if settings.quick else 30
    with world(settings, {"a": QUOTA}) as here:
        yield from part(here, "pipelined 32", seconds, 32)
        yield from part(here, "one at a time", seconds, 1)
