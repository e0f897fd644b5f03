"""What mctenant is judged by, and what must come out. Worked out of the results, where both sides were measured."""

import collections

from measures import half_load, scaling, shapes
from measures.big import BigValues
from measures.sessions import Storm

# `bound` is the highest or, with `at_least`, the lowest that will do; None: nothing is asked of it, it explains the one above.
Ratio = collections.namedtuple("Ratio", "name value bound at_least digits")
LOADS = (shapes.SMALL, shapes.DEEP, shapes.MULTI_GET, shapes.LARGE)
FEW, MANY = 1, 64
USUAL_KEYS, MANY_KEYS = 100_000, 5_000_000


class Reader:
    """Looks figures up in {measure: {row: {target: figures}}}; what was not measured is None, and so is what is made of it."""

    def __init__(self, results):
        self.results, self.found = results, []

    def at(self, measure, row, target, *names):
        """The sum of these figures; a name with a slash goes deeper."""
        figure = self.results.get(measure, {}).get(row, {}).get(target)
        values = [self.value(figure, name) for name in names]
        return None if None in values else sum(values)

    def value(self, figure, name):
        for part in name.split("/"):
            figure = figure.get(part) if figure else None
        return figure

    def add(self, name, value, bound, at_least=False, digits=2):
        if value is not None:
            self.found.append(Ratio(name, value, bound, at_least, digits))

    def ratio(self, name, above, below, bound, at_least=False):
        if above is not None and below:
            self.add(name, above / below, bound, at_least)

    def loads(self):
        cpu = "front_cpu_us"
        for row, bound in zip(LOADS, (0.85, 0.80, 0.80, 0.90)):
            self.ratio(f"CPU of mctenant an operation ÷ twemproxy's: {row}", self.at("load", row, "mctenant", cpu),
                       self.at("load", row, "twemproxy", cpu), bound)
        row = shapes.SMALL
        self.ratio(f"CPU of mctenant and its server ÷ memcached -S direct: {row}",
                   self.at("load", row, "mctenant", cpu, "server_cpu_us"), self.at("load", row, "memcached-sasl", cpu), 1.0)
        self.ratio(f"… of the floor, which does the system calls alone: {row}",
                   self.at("load", row, "floor", cpu, "server_cpu_us"), self.at("load", row, "memcached-sasl", cpu), None)
        self.ratio(f"operations/s ÷ memcached -S direct: {row}", self.at("load", row, "mctenant", "per_second"),
                   self.at("load", row, "memcached-sasl", "per_second"), 1.0, at_least=True)
        self.ratio(f"… of the floor: {row}", self.at("load", row, "floor", "per_second"),
                   self.at("load", row, "memcached-sasl", "per_second"), None)
        self.ratio(f"CPU of mctenant and its server ÷ memcached -S direct of 4 threads: {row}",
                   self.at("load", row, "mctenant", cpu, "server_cpu_us"), self.at("load", row, "memcached-sasl-4", cpu), 1.0)
        self.ratio(f"operations/s ÷ memcached -S direct of 4 threads: {row}", self.at("load", row, "mctenant", "per_second"),
                   self.at("load", row, "memcached-sasl-4", "per_second"), 1.0, at_least=True)
        self.ratio(f"CPU of mctenant and its server, a unix socket between them ÷ memcached -S direct: {row}",
                   self.at("load", row, "mctenant-unix", cpu, "server_cpu_us"), self.at("load", row, "memcached-sasl", cpu), 1.0)
        for row in (shapes.SMALL, shapes.DEEP):
            for protocol in ("text", "meta"):
                self.ratio(f"CPU of mctenant an operation, {protocol} ÷ binary: {row}",
                           self.at("load", row, f"mctenant-{protocol}", cpu), self.at("load", row, "mctenant", cpu), 1.10)
        row = shapes.DEEP
        self.ratio(f"operations/s of 2 workers ÷ twemproxy's: {row}", self.at("load", row, "mctenant-2", "per_second"),
                   self.at("load", row, "twemproxy", "per_second"), 1.3, at_least=True)
        self.add(f"system calls an operation: {shapes.SMALL}", self.at("load", shapes.SMALL, "mctenant", "system_calls"), 2.2)

    def half_loads(self):
        for row in (half_load.ALIKE, half_load.OWN):
            self.ratio(f"p99 ÷ memcached -S direct: {row}", self.at("half-load", row, "mctenant", "latency_us/p99"),
                       self.at("half-load", row, "memcached-sasl", "latency_us/p99"), 1.3)
            self.ratio(f"p99 ÷ memcached -S direct of 4 threads: {row}", self.at("half-load", row, "mctenant", "latency_us/p99"),
                       self.at("half-load", row, "memcached-sasl-4", "latency_us/p99"), 1.3)
            self.ratio(f"… of the floor: {row}", self.at("half-load", row, "floor", "latency_us/p99"),
                       self.at("half-load", row, "memcached-sasl", "latency_us/p99"), None)

    def connections(self):
        row = Storm.row
        self.ratio("storm: cycles/s ÷ memcached -S direct", self.at("storm", row, "mctenant", "per_second"),
                   self.at("storm", row, "memcached-sasl", "per_second"), 1.8, at_least=True)
        self.add("storm: CPU of mctenant a cycle, µs", self.at("storm", row, "mctenant", "front_cpu_us"), 50, digits=1)
        for row in self.results.get("idle", {}):
            self.add(f"memory an idle signed-in connection, KiB: {row}", self.at("idle", row, "mctenant", "front_kib"), 1.5)

    def scaling(self):
        for depth in scaling.DEPTHS:
            many, few = (self.at("tenants", scaling.tenants_row(count, depth), "mctenant", "front_cpu_us") for count in (MANY, FEW))
            self.ratio(f"CPU an operation, {MANY} tenants ÷ {FEW}, depth {depth}", many, few, 1.10)
        for depth in scaling.DEPTHS:
            many, few = (self.at("keys", scaling.keys_row(count, depth), "mctenant", "front_cpu_us")
                         for count in (MANY_KEYS, USUAL_KEYS))
            self.ratio(f"CPU an operation, {MANY_KEYS:,} keys ÷ {USUAL_KEYS:,}, depth {depth}", many, few, 1.25)

    def big_values(self):
        for peer, title, bound in (("haproxy", "HAProxy's", 1.3), ("haproxy-splice", "HAProxy's with splice-response", 1.3),
                                   ("twemproxy", "twemproxy's", 1.0)):
            self.ratio(f"1 MiB gets/s ÷ {title}", self.at("big", BigValues.row, "mctenant", "per_second"),
                       self.at("big", BigValues.row, peer, "per_second"), bound, at_least=True)
        self.ratio("CPU of mctenant a get of 1 MiB ÷ HAProxy's", self.at("big", BigValues.row, "mctenant", "front_cpu_us"),
                   self.at("big", BigValues.row, "haproxy", "front_cpu_us"), None)


def ratios(results):
    reader = Reader(results)
    for part in (reader.loads, reader.half_loads, reader.connections, reader.scaling, reader.big_values):
        part()
    return reader.found


def met(ratio):
    """As it is told: 1.304 is 1.30."""
    if ratio.bound is None:
        return True
    value = round(ratio.value, ratio.digits)
    return value >= ratio.bound if ratio.at_least else value <= ratio.bound


def as_json(found):
    return [{"name": each.name, "value": each.value, "at_least" if each.at_least else "at_most": each.bound, "met": met(each)}
            for each in found]
