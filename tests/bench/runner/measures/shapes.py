"""Gets and sets: the shapes of traffic that the figures are told for."""

import environment
import figures
import load
import targets


class Shape:
    """50 connections, nine gets to a set, keys all equally often."""

    def __init__(self, row, value_size, depth, keys, settings, *more):
        self.row, self.value_size, self.depth, self.keys, self.more = row, value_size, depth, keys, more
        self.connections = settings.connections

    def arguments(self, keys=None):
        return ("--connections", self.connections, "--depth", self.depth, "--value-size", self.value_size,
                "--keys", keys or self.keys, *self.more)


SMALL, DEEP, MULTI_GET, LARGE = "100 B, depth 1", "100 B, depth 16", "100 B, multi-get of 16", "32 KB, depth 1"


def shapes(settings):
    return (Shape(SMALL, 100, 1, settings.keys, settings), Shape(DEEP, 100, 16, settings.keys, settings),
            Shape(MULTI_GET, 100, 16, settings.keys, settings, "--multi-get"),
            Shape(LARGE, 32768, 1, settings.keys_of_32_kb, settings))


class Shapes:
    name = "load"

    def applies(self, name):
        del name
        return True

    def run(self, bench, names):
        for shape in shapes(bench.settings):
            able = [each for each in names if shape.row not in targets.KINDS[each].without]
            turns = bench.settings.turns_of_small if shape.row == SMALL else bench.settings.turns
            bench.in_turns(self.name, shape.row, able, lambda name, shape=shape: bench.variant(name, shape),
                           lambda target, last, shape=shape: self.take(bench, target, last, shape), turns)

    def take(self, bench, target, last, shape):
        bench.generator.run(target, *shape.arguments(), "--preload", "--no-run")
        found = bench.measure(target, *shape.arguments())
        # They are the same each time.
        return {**found, "system_calls": self.system_calls(bench, target, shape) if last else None}

    def system_calls(self, bench, target, shape):
        seconds = min(1, bench.settings.seconds / 2)
        told = bench.generator.run(target, *shape.arguments(), "--seconds", seconds, "--warmup", 0.2, "--count-system-calls")
        counted = figures.of_process(told, target.front, "system_calls_per_operation")
        if counted is not None:
            return counted
        return load.system_calls_by_strace(bench.generator, target, environment.program("strace"), shape.arguments(), seconds)
