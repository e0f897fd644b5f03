"""Fifty tenants at once, each with the sizes, times to live, operations and popularity of a real one (workloads.csv)."""

import csv
import json
import os

import targets
from figures import MCTENANTS
from measures.shapes import shapes

TABLE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "workloads.csv")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Above it a number is a point in time.
LONGEST_TIME_TO_LIVE = 30 * 86400
CONNECTIONS = 100
DEPTH = 4
# What an item takes beside key and value, about.
ITEM_OVERHEAD = 60


class Mix:
    """A key that was missed is stored next. Without mctenant, all are one tenant with different keys, in as much memory."""

    name = "mix"
    row = "50 tenants"

    def applies(self, name):
        return name in ("memcached-sasl", "twemproxy", *MCTENANTS)

    def run(self, bench, names):
        rows = workloads()
        everybody = [targets.tenant(row["workload"], memory_mb(row, bench.settings)) for row in rows]
        # Servers lose some to slab classes.
        memory = round(1.25 * sum(each.memory for each in everybody)) + 64
        for name in names:
            with bench.attempt(self.name, self.row, name):
                # Most of the values are small.
                variant = bench.variant(name, shapes(bench.settings)[1])
                with bench.start(name, variant=variant, tenants=everybody, memory_mb=memory) as target:
                    plan = os.path.join(target.folder, "plan.json")
                    targets.write_private(plan, json.dumps(plan_for(target, rows, everybody)))
                    shape = ("mix", "--plan", plan, "--depth", DEPTH, "--window")
                    bench.generator.run(target, *shape, "--preload", "--no-run")
                    found = bench.measure(target, *shape, windows=bench.settings.windows)
                    found["hit_rate"] = 1 - found["misses"] / max(1, found["gets"])
                    bench.add(self.name, self.row, target, found)


def workloads():
    with open(TABLE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def memory_mb(row, settings):
    """A sixty-fourth of its working set; in a quick run less."""
    return min(3 if settings.quick else 32, max(2, int(row["working_set_mb"]) // 64))


def weights(text):
    return {name: float(weight) for name, weight in (each.split(":") for each in text.split())}


def seconds_of(text):
    return min(LONGEST_TIME_TO_LIVE, round(float(text[:-1]) * UNITS[text[-1]]))


def times_to_live(row):
    found = {}
    for text, weight in weights(row["ttl_mix"]).items():
        found[str(seconds_of(text))] = found.get(str(seconds_of(text)), 0) + weight
    return found


def plan_for(target, rows, everybody):
    """The file for `mcload mix`. Each has twice the keys that fit into its memory, and connections by its rate."""
    rate = sum(float(row["kops_per_s"]) for row in rows)
    plan = []
    for row, each in zip(rows, everybody):
        key_size, value_size = max(10, int(row["key_bytes"])), int(row["value_bytes"])
        signs_in_as = each[:2] if target.name in MCTENANTS else (target.username, target.password)
        plan.append({
            "username": signs_in_as[0], "password": signs_in_as[1],
            "connections": max(1, round(CONNECTIONS * float(row["kops_per_s"]) / rate)),
            "key_size": key_size, "value_size": value_size,
            "keys": max(64, int(2 * (each.memory << 20) / (ITEM_OVERHEAD + key_size + value_size))),
            "zipf": float(row["zipf_alpha"]), "operations": weights(row["operation_mix"]),
            "times_to_live": times_to_live(row)})
    return plan
