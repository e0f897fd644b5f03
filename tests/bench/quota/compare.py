"""The ledger against the servers: what `stats` says of a tenant, and what lies on the servers under its prefix."""

import time

import wire


class Gap:
    """How far a tenant's figures are from what the servers hold."""

    def __init__(self, tenant, items, in_bytes, held):
        self.tenant, self.held = tenant, held
        self.items = outside(items, held.items, held.leaving_items)
        self.bytes = outside(in_bytes, held.bytes, held.leaving_bytes)
        self.told_items, self.told_bytes = items, in_bytes

    def exact(self):
        return self.items == 0 and self.bytes == 0

    def share(self):
        """Of what is held, the larger of the two; one item or byte apart from nothing is all."""
        return max(abs(self.items) / max(1, self.held.items), abs(self.bytes) / max(1, self.held.bytes))

    def __str__(self):
        return (f"{self.tenant}: {self.items:+d} items of {self.held.items}, {self.bytes:+d} bytes of {self.held.bytes}"
                + (f" ({self.held.leaving_items} about to expire)" if self.held.leaving_items else ""))


def outside(told, low, leaving):
    """How far `told` is from the range that begins with `low`."""
    return told - low if told < low else max(0, told - low - leaving)


def gaps(world):
    """One Gap a tenant, of a moment at which the figures stood still."""
    for _ in range(100):
        before = figures(world)
        held = world.dump()
        after = figures(world)
        if before == after:
            break
        time.sleep(0.2)
    found = []
    for name, (items, in_bytes) in after.items():
        whole = wire.Held()
        for (tenant, _), part in held.items():
            if tenant == world.ids[name]:
                whole.add(part)
        found.append(Gap(name, items, in_bytes, whole))
    return found


def figures(world):
    """(items, bytes) of every tenant, from its own stats; the metrics must say the same."""
    return {name: (int(told["curr_items"]), int(told["bytes"])) for name, told in world.stats().items()}


def metrics_agree(world):
    """Whether the operator is told what the tenants are; None if a figure moved meanwhile."""
    before = figures(world)
    samples = wire.metrics(world.admin)
    if figures(world) != before:
        return None
    return all(samples.get(f'mctenant_tenant_items{{tenant="{name}"}}') == items
               and samples.get(f'mctenant_tenant_memory_bytes{{tenant="{name}"}}') == in_bytes
               for name, (items, in_bytes) in before.items())


def settle(world, within=120):
    """Waits until mctenant has nothing left to do: no crawl, nothing to delete, figures at rest for a second. Seconds taken."""
    began = time.monotonic()
    quiet_since, last = None, None
    while time.monotonic() - began < within:
        now = figures(world)
        busy = (world.metric("mctenant_resync_running") or 0) + (world.metric("mctenant_background_deletes_pending") or 0)
        if busy or now != last:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > 1:
            break
        last = now
        time.sleep(0.1)
    return time.monotonic() - began


def wait_for_expiry(world, within=90):
    """Waits until no item is about to expire, so that the figures must be exact."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and any(held.leaving_items for held in world.dump().values()):
        time.sleep(1)


def wait_exact(world, within=60):
    """Waits until every tenant's figures equal the servers', twice a second apart; the gaps as they stood at the end, and the
    seconds that took."""
    began, equal_since = time.monotonic(), None
    while True:
        found = gaps(world)
        now = time.monotonic()
        if not all(gap.exact() for gap in found):
            equal_since = None
        elif equal_since is None:
            equal_since = now
        elif now - equal_since >= 1:
            return found, equal_since - began
        if now - began > within:
            return found, now - began
        time.sleep(0.3)


def foreign(world):
    """Generations on the servers beside the newest of each tenant: (id, generation, items)."""
    held = world.dump()
    newest = {}
    for tenant, generation in held:
        newest[tenant] = max(generation, newest.get(tenant, 0))
    return [(tenant, generation, part.items) for (tenant, generation), part in held.items() if generation != newest[tenant]]
