"""Gets of 1 MiB: what moving bytes costs."""

from measures.shapes import Shape

KEY_SIZE = 20


class BigValues:
    """Key and value together are 1 MiB, the largest item that a tenant of mctenant may have."""

    name = "big"
    row = "1 MiB gets, depth 1"
    keys = 200

    def applies(self, name):
        del name
        return True

    def run(self, bench, names):
        shape = Shape(self.row, (1 << 20) - KEY_SIZE, 1, self.keys, bench.settings, "--gets-only")
        shape.connections = 8
        bench.in_turns(self.name, self.row, names, lambda name: bench.variant(name, shape, "per_second"),
                       lambda target, last: bench.measure(target, *shape.arguments(), "--preload"))
