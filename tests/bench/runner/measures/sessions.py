"""Connections: opening them, signing in, holding them."""

import load
from figures import MCTENANTS, costs

SASL_MEMCACHED = ("memcached-sasl",)
FIRST_TIME_USERS = 200
AT_ONCE = 5000


class Storm:
    """Connect, sign in where there is a sign-in, get, close: 32 at a time."""

    name = "storm"
    row = "cycles"

    def applies(self, name):
        del name
        return True

    def run(self, bench, names):
        times = ["--seconds", bench.settings.seconds, "--warmup", bench.settings.warmup]
        for name in names:
            with bench.attempt(self.name, self.row, name), bench.start(name) as target:
                told = bench.generator.run(target, "storm", "--parallel", 32, *times)
                bench.add(self.name, self.row, target, figures_of(told, target))


class SignIns:
    """Sign-ins alone, on connections that stand."""

    name = "sign-in"

    def applies(self, name):
        return name in SASL_MEMCACHED + MCTENANTS

    def run(self, bench, names):
        for name in names:
            with bench.attempt(self.name, "all", name), bench.start(name, more_users=FIRST_TIME_USERS) as target:
                for row, told in self.tell(bench, target):
                    bench.add(self.name, row, target, figures_of(told, target))

    def tell(self, bench, target):
        times = ["--seconds", bench.settings.seconds, "--warmup", bench.settings.warmup]
        generator = bench.generator
        if target.name in MCTENANTS:
            # Before anybody has signed in, and no more at once than the queue of checks holds.
            yield "first time, PLAIN", generator.run(target, "sign-in", "--parallel", 8, "--total", FIRST_TIME_USERS,
                                                     users=target.other_users)
        # memcached refuses a second sign-in on a connection.
        again = ["--reconnect"] if target.name in SASL_MEMCACHED else []
        yield ("again, PLAIN (memcached: a new connection each)",
               generator.run(target, "sign-in", "--parallel", 32, *again, *times))
        if target.name in MCTENANTS:
            yield "SCRAM-SHA-256", generator.run(target, "sign-in", "--mechanism", "SCRAM-SHA-256", "--parallel", 32, *times)
            for mechanism in ("PLAIN", "SCRAM-SHA-256"):
                yield (f"{AT_ONCE:,} new connections at once, {mechanism}",
                       generator.run(target, "sign-in", "--mechanism", mechanism, "--reconnect", "--total", AT_ONCE,
                                     "--parallel", AT_ONCE))
        yield "wrong password", generator.run(target, "sign-in", "--parallel", 8, "--wrong-password", *times)


def figures_of(told, target):
    return {"per_second": told["per_second"], "latency_us": told["latency_us"], "busy": told["busy"], **costs(told, target)}


class Idle:
    """Memory of a connection that is signed in and silent."""

    name = "idle"

    def applies(self, name):
        del name
        return True

    def run(self, bench, names):
        wanted = bench.settings.idle_connections
        row = f"{wanted} connections"
        for name in names:
            with bench.attempt(self.name, row, name), bench.start(name) as target:
                bench.add(self.name, row, target, self.grown(bench, target, wanted))

    def grown(self, bench, target, wanted):
        # The first sign-in brings what is needed once, whatever the connections.
        bench.generator.run(target, "storm", "--parallel", 1, "--seconds", 0.2)
        before = [load.rss_kib(process) for process in target.watched()]
        holder, count = bench.generator.hold(target, wanted)
        grown = [load.rss_kib(process) - was for process, was in zip(target.watched(), before)]
        holder.communicate(timeout=60)
        return {"held": count, "errors": wanted - count, "front_kib": grown[0] / max(1, count),
                "server_kib": grown[1] / max(1, count) if len(grown) > 1 else None}
