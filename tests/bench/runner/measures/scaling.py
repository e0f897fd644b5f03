"""What an operation costs when there are more tenants, or more keys."""

import figures
import targets
from figures import MCTENANTS

DEPTHS = (1, 16)


class Tenants:
    """The same load, of as many connections to as many keys in all, by one tenant or by many."""

    name = "tenants"
    connections = 64
    counts = (1, 8, 64)

    def applies(self, name):
        return name in MCTENANTS[:1]

    def run(self, bench, names):
        everybody = [targets.tenant(f"t{number}", 64) for number in range(max(self.counts))]
        for name in names:
            with bench.attempt(self.name, "all", name), bench.start(name, tenants=everybody) as target:
                self.run_one(bench, target)

    def run_one(self, bench, target):
        users = {count: target.users_file(f"users-{count}", [each[:2] for each in target.tenants[:count]])
                 for count in self.counts}
        for count in self.counts:
            bench.generator.run(target, *self.shape(bench, count, 1), "--preload", "--no-run", users=users[count])
        for depth in DEPTHS:
            found = {count: [] for count in self.counts}
            # In turns, so that all meet the same weather.
            for _ in range(2 if bench.settings.quick else 3):
                for count in self.counts:
                    told = bench.generator.run(target, *self.shape(bench, count, depth), "--seconds", bench.settings.seconds / 2,
                                               "--warmup", 0.3, users=users[count])
                    found[count].append(figures.of_load(told, target))
            for count in self.counts:
                bench.add(self.name, tenants_row(count, depth), target, figures.median(found[count]))

    def shape(self, bench, count, depth):
        return ("--connections", self.connections, "--depth", depth, "--value-size", 100, "--keys", bench.settings.keys // count)


class Keys:
    """The same load on more and more stored keys. memcached itself slows with them: so it is measured, too."""

    name = "keys"

    def applies(self, name):
        return name in ("memcached-sasl", *MCTENANTS[:1])

    def run(self, bench, names):
        for name in names:
            with bench.attempt(self.name, "all", name), bench.start(name) as target:
                for keys in bench.settings.key_counts:
                    self.run_one(bench, target, keys)

    def run_one(self, bench, target, keys):
        shape = ("--connections", bench.settings.connections, "--value-size", 100, "--keys", keys)
        bench.generator.run(target, *shape, "--preload", "--no-run")
        for depth in DEPTHS:
            found = bench.measure(target, *shape, "--depth", depth, windows=bench.settings.windows)
            bench.add(self.name, keys_row(keys, depth), target, found)


def tenants_row(count, depth):
    return f"{count} tenant{'s' * (count != 1)}, depth {depth}"


def keys_row(keys, depth):
    return f"{keys:,} keys, depth {depth}"
