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
            rates = {}
            for name in names:
                with bench.attempt(self.name, row, name):
                    rates[name] = round(bench.capacity("memcached-sasl" if row == ALIKE else name, small) / 2)
            bench.in_turns(self.name, row, list(rates), lambda name: bench.variant(name, small),
                           lambda target, last, rates=rates: self.take(bench, target, small, rates[target.name]))

    def take(self, bench, target, shape, rate):
        bench.generator.run(target, *shape.arguments(), "--preload", "--no-run")
        found = bench.measure(target, *shape.arguments(), "--rate", rate, windows=bench.settings.windows)
        return {"rate": rate, **found}
