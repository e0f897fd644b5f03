"""Every command, every kind of expiry, two workers, quota evictions, for minutes: then the ledger is what the servers hold."""

import mix
from compare import foreign, gaps, metrics_agree, settle, wait_exact, wait_for_expiry
from table import Row
from world import world

NAME = "consistency"
CONNECTIONS = 4
DEPTH = 8


def run(settings):
    middle = 10 if settings.quick else 60
    with world(settings, mix.quotas()) as here:
        crawls = here.crawls()
        plan = mix.plan(here, middle, 5 if settings.quick else 20)
        told = here.run("mix", "--plan", plan, "--connections", CONNECTIONS, "--depth", DEPTH, "--seconds", 60 * settings.minutes)
        yield load_row(here, told)
        settle(here)
        wait_for_expiry(here)
        between = here.crawls() - crawls
        found = gaps(here)
        worst = max(found, key=lambda gap: gap.share())
        yield Row(NAME, f"ledger against metadump of {len(found)} tenants, once quiet, {between:.0f} crawls meanwhile",
                  f"{100 * worst.share():.4f} % at worst: {worst}", "≤ 0.1 %", worst.share() <= 0.001)
        agree = metrics_agree(here)
        yield Row(NAME, "`/metrics` against the tenants' `stats`", "the same" if agree else "not the same", "the same", bool(agree))
        here.kill_front()
        here.start_front()
        settle(here)
        found, took = wait_exact(here)
        yield exact_row(NAME, f"after a resync (mctenant killed and started again; equal {took:.1f} s later)", found)
        left = foreign(here)
        yield Row(NAME, "items of flushed generations left on the servers", str(sum(items for _, _, items in left)), "0", not left)


def load_row(here, told):
    operations = sum(told["statuses"].values())
    evicted = sum(int(each["evictions"]) for each in here.stats().values())
    lost = told["lost_connections"]
    return Row(NAME, "load", f"{operations:,} replies of {len(told['statuses'])} kinds in {told['seconds']:.0f} s, {evicted:,} evictions, "
               f"{told['refused']} refused, {lost} connections lost {told['first_fault']}".strip(), "0 refused, 0 lost, evictions",
               not told["refused"] and not lost and evicted > 0)


def exact_row(proof, what, found):
    """All tenants' figures equal to the servers'."""
    apart = [gap for gap in found if not gap.exact()]
    figure = "; ".join(map(str, apart[:3])) if apart else f"0 items, 0 bytes apart, {sum(gap.held.items for gap in found):,} items"
    return Row(proof, what, figure, "0 items, 0 bytes", not apart)
