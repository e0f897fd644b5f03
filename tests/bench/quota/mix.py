"""Tenants of a mixed load, each with the sizes, the times to live and the operations of a real one (workloads.csv)."""

import csv
import json
import os

import targets
from world import ITEM_OVERHEAD, MIB

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Half of a tenant's operations and times to live are its own, the other half these, so that each tenant uses everything.
EVERY_OPERATION = ("get", "gets", "set", "cas", "add", "replace", "append", "prepend", "incr", "decr", "touch", "gat", "delete",
                   "delete_cas")
SHORT = (0, 1, 2, 5)
KEYS_OVER_QUOTA = 4
LONG = 3600


def seconds_of(text):
    return int(float(text[:-1]) * UNITS[text[-1]])


def rows():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workloads.csv")
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def quotas():
    """By the tenants' names: small enough that all evict, large enough for their larger items."""
    return {row["workload"]: max(2 * MIB, 64 * int(row["value_bytes"])) for row in rows()}


def operations(row):
    own = dict(each.split(":") for each in row["operation_mix"].split())
    mixed = {name: 0.5 / len(EVERY_OPERATION) for name in EVERY_OPERATION}
    for name, share in own.items():
        # Gets change little: a tenth of what the tenant has.
        mixed[name] += 0.5 * float(share) * (0.1 if name == "get" else 1)
    return mixed


def times_to_live(row, middle):
    """Those between `middle` and an hour become `middle`: the figures are compared when no item is about to expire."""
    found = [{"kind": "seconds", "seconds": each, "weight": 0.06} for each in SHORT]
    found += [{"kind": kind, "seconds": each, "weight": 0.06}
              for kind, each in (("seconds", middle), ("absolute", 2), ("absolute", middle), ("past", 10), ("negative", 10))]
    for each in row["ttl_mix"].split():
        text, weight = each.split(":")
        lives = seconds_of(text)
        found.append({"kind": "seconds", "seconds": middle if middle < lives < LONG else lives, "weight": 0.5 * float(weight)})
    return found


def plan(here, middle, flush_seconds):
    """The file for `mcquota mix`. The last tenant also flushes."""
    tenants = []
    for row in rows():
        name, key_size, value_size = row["workload"], int(row["key_bytes"]), int(row["value_bytes"])
        quota = here.tenants[name]
        tenants.append({
            "username": name, "password": here.passwords[name], "key_size": key_size, "value_size": value_size,
            "keys": max(64, KEYS_OVER_QUOTA * quota // (ITEM_OVERHEAD + key_size + value_size)),
            "zipf": float(row["zipf_alpha"]), "flush_seconds": 0,
            "operations": operations(row), "times_to_live": times_to_live(row, middle)})
    tenants[-1]["flush_seconds"] = flush_seconds
    path = os.path.join(here.folder, "plan.json")
    targets.write_private(path, json.dumps(tenants))
    return path
