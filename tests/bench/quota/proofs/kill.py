"""kill -9 of a memcached, and of mctenant, in the middle of every other proof's load: once quiet, the ledger is what is there."""

import time

import mix
from compare import settle, wait_exact, wait_for_expiry
from proofs import neighbour, overshoot, plans, restart
from proofs.consistency import exact_row
from world import MIB, world

NAME = "kill"
DOWN = 0.3


class Scenario:
    """A load under way. `begin` returns what runs, and has everything in the middle when it returns."""

    tenants = {"a": overshoot.QUOTA}
    more = {}

    def __init__(self, settings):
        self.settings = settings
        self.seconds = 6 if settings.quick else 20

    def begin(self, here):
        raise NotImplementedError


class Overshoot(Scenario):
    name = "overshoot"

    def begin(self, here):
        load = here.load("store", *overshoot.LOAD, "--depth", 32, "--seconds", self.seconds, "--reconnect", tenant="a")
        time.sleep(self.seconds / 2)
        return [load]


class Mixed(Scenario):
    name = "mixed load"
    tenants = mix.quotas()

    def begin(self, here):
        plan = mix.plan(here, 5, 3)
        load = here.load("mix", "--plan", plan, "--connections", 4, "--depth", 8, "--seconds", self.seconds, "--reconnect")
        time.sleep(self.seconds / 2)
        return [load]


class Neighbour(Scenario):
    name = "neighbour"
    tenants = {"a": neighbour.QUOTA, "b": neighbour.QUOTA}
    more = neighbour.servers_like()

    def begin(self, here):
        here.run("store", *neighbour.A, tenant="a")
        flood = here.load("store", *neighbour.B, "--seconds", self.seconds, "--reconnect", tenant="b")
        reads = here.load("read", "--random", *neighbour.A, "--rate", 500, "--seconds", self.seconds, "--reconnect", tenant="a")
        time.sleep(self.seconds / 2)
        return [flood, reads]


class Restart(Scenario):
    """In the middle of the crawl after a start, with stores beside it."""

    name = "restart"
    tenants = {"a": restart.QUOTA}

    def begin(self, here):
        here.run("store", *restart.shape(self.settings), "--depth", 128, tenant="a")
        here.kill_front()
        here.start_front()
        stores = here.load("store", "--random", *restart.shape(self.settings), "--seconds", self.seconds / 2, "--reconnect", tenant="a")
        time.sleep(0.2)
        return [stores]


class Flush(Scenario):
    """In the middle of the deletion, with stores beside it."""

    name = "flush"
    tenants = {"a": restart.QUOTA, "other": 64 * MIB}

    def begin(self, here):
        here.run("store", *restart.shape(self.settings), "--depth", 128, tenant="a")
        client = here.client("a")
        client.flush()
        client.close()
        stores = here.load("store", "--random", *restart.shape(self.settings), "--seconds", self.seconds / 2, "--reconnect", tenant="a")
        time.sleep(0.5)
        return [stores]


class Plans(Scenario):
    """In the middle of evicting down."""

    name = "plans"
    tenants = {"a": plans.BEFORE}

    def begin(self, here):
        here.run("store", *plans.ALL, tenant="a")
        plans.lower(here)
        time.sleep(1)
        return []


SCENARIOS = (Overshoot, Mixed, Neighbour, Restart, Flush, Plans)


def kill_memcached(here):
    here.kill_server(0)
    time.sleep(DOWN)
    here.start_server(0)


def kill_mctenant(here):
    here.kill_front()
    time.sleep(DOWN)
    here.start_front()


def run(settings):
    for kind in SCENARIOS:
        for victim, kill in (("memcached", kill_memcached), ("mctenant", kill_mctenant)):
            scenario = kind(settings)
            with world(settings, scenario.tenants, **scenario.more) as here:
                loads = scenario.begin(here)
                if not all(load.running() for load in loads):
                    raise RuntimeError(f"{scenario.name}: the load was over before the kill")
                kill(here)
                for load in loads:
                    load.result()
                settle(here)
                wait_for_expiry(here)
                found, took = wait_exact(here)
                within = all(gap.held.bytes <= here.tenants[gap.tenant] for gap in found)
                row = exact_row(NAME, f"{victim} killed in the middle of {scenario.name}", found)
                row.figure += f", equal after {took:.1f} s" + ("" if within else "; over the quota")
                row.bound += ", within the quota"
                row.passed = row.passed and within
                yield row
