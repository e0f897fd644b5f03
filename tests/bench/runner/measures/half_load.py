"""Latency at a fixed rate, which a target can well keep up with."""

from measures.shapes import shapes

ALIKE, OWN = "all at half of what memcached -S direct can", "each at half of what it can itself"


class HalfLoad:
    """100 B, depth 1. Requests come by a timetable, and latency counts from there: a server that stalls is charged for all that
    it kept waiting."""

    name = "half-load"

    def applies(self, name):
        del name
        return True

    def run(self, bench, names):
        small = shapes(bench.settings)[0]
        for row in (ALIKE, OWN):
            for name in names:
                with bench.attempt(self.name, row, name):
                    self.run_one(bench, small, row, name)

    def run_one(self, bench, shape, row, name):
        rate = round(bench.capacity("memcached-sasl" if row == ALIKE else name, shape) / 2)
        with bench.start(name, variant=bench.variant(name, shape)) as target:
            bench.generator.run(target, *shape.arguments(), "--preload", "--no-run")
            found = bench.measure(target, *shape.arguments(), "--rate", rate, windows=bench.settings.windows)
            bench.add(self.name, row, target, {"rate": rate, **found})
