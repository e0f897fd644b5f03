"""What measures run with: starts targets, tunes the peers, keeps the figures."""

import contextlib
import tempfile
import time
import traceback

import figures
import targets

TUNING_KEYS = 10000


class Bench:
    def __init__(self, settings, generator, results):
        self.settings, self.generator, self.results = settings, generator, results
        self.best = {}
        self.capacities = {}

    @contextlib.contextmanager
    def start(self, name, **options):
        with tempfile.TemporaryDirectory(prefix="mctenant-bench-") as folder:
            with targets.start(name, folder, self.settings, **options) as target:
                yield target

    @contextlib.contextmanager
    def attempt(self, measure, row, name):
        """What fails here fails alone: the others are measured, and the report tells."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.results.fail(measure, row, name, f"{type(error).__name__}: {error}")
        print(f"{measure}, {row}: {name} ({time.monotonic() - began:.0f} s)", flush=True)

    def in_turns(self, measure, row, names, variant_of, take, turns=None):
        """Starts and measures each target several times, in turns: all meet the same weather, and no process its luck with
        memory alone. The medians are told. `take(target, last)` returns figures; `last` is true in the last turn."""
        found = {}
        turns = turns or self.settings.turns
        for turn in range(turns):
            for name in names:
                with self.attempt(measure, row, name), self.start(name, variant=variant_of(name)) as target:
                    figures_of_turn = take(target, turn == turns - 1)
                    self.complain(measure, row, target, figures_of_turn)
                    found.setdefault(name, []).append(figures_of_turn)
        for name, several in found.items():
            self.results.add(measure, row, name, figures.median(several))

    def add(self, measure, row, target, found):
        self.results.add(measure, row, target.name, found)
        self.complain(measure, row, target, found)

    def complain(self, measure, row, target, found):
        if found["errors"]:
            print(f"{measure}, {row}: {target.name}: {found['errors']} errors, the first: "
                  f"{found.get('first_error', 'not told')}. {target.front_log()}", flush=True)

    def measure(self, target, *arguments, windows=1):
        """The medians of several windows; `arguments` are mcload's."""
        settings, several = self.settings, []
        seconds = settings.seconds / 2
        for _ in range(windows):
            told = self.generator.run(target, *arguments, "--seconds", seconds, "--warmup", settings.warmup)
            several.append(figures.of_load(told, target))
        return figures.median(several)

    def variant(self, name, shape, judged_by="front_cpu_us"):
        """The settings with which a peer is best at this shape: each is tried shortly. Tried once a run."""
        variants = targets.KINDS[name].variants(shape.value_size)
        if len(variants) == 1:
            return variants[0]
        if (name, shape.row) not in self.best:
            if self.settings.quick:
                variants = variants[:2]
            tried = {each: self.try_variant(name, shape, each)[judged_by] for each in variants}
            choose = max if judged_by == "per_second" else min
            self.best[name, shape.row] = choose(tried, key=tried.get)
            self.results.tune(name, shape.row, judged_by, tried)
            print(f"{name}: best at {shape.row} of {', '.join(map(str, variants))}: {self.best[name, shape.row]}", flush=True)
        return self.best[name, shape.row]

    def try_variant(self, name, shape, variant):
        seconds = 0.4 if self.settings.quick else 1
        with self.start(name, variant=variant) as target:
            told = self.generator.run(target, *shape.arguments(min(TUNING_KEYS, shape.keys)), "--preload", "--seconds", seconds,
                                      "--warmup", 0.2)
            return figures.of_load(told, target)

    def capacity(self, name, shape):
        """Operations a second as fast as answered: what this run has measured, or measured now."""
        known = self.results.latest("load", shape.row, name)
        if known:
            return known["per_second"]
        if name not in self.capacities:
            with self.start(name, variant=self.variant(name, shape)) as target:
                self.capacities[name] = self.measure(target, *shape.arguments(), "--preload")["per_second"]
        return self.capacities[name]
