#!/usr/bin/env python3
"""Tests of the runner that need no server: ratios and their bounds, tables, the README, the plan of the mixed load."""

import contextlib
import io
import json
import os
import sys
import tempfile
import types
import unittest

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(BENCH, "runner"))
sys.dont_write_bytecode = True
import bench
import figures
import ratios
import report
import tables
import targets
import measures
from measures import half_load, mix, profile, scaling, shapes


def figure(**more):
    return {"per_second": 100000, "latency_us": {"p50": 100, "p99": 200, "p99.9": 300}, "front_cpu_us": 8.0, "server_cpu_us": 3.0,
            "system_calls": 2.1, "rss_kib": 2048, "other_processes_cores": 0, "errors": 0, "gets": 90, "misses": 9, "rate": 50000,
            "hit_rate": 0.9, "busy": 0, "held": 9000, "front_kib": 0.9, "server_kib": None, **more}


def whole_results():
    """Every row that there is, with the same figures everywhere."""
    rows = {"load": (shapes.SMALL, shapes.DEEP, shapes.MULTI_GET, shapes.LARGE), "half-load": (half_load.ALIKE, half_load.OWN), "storm": ("cycles",),
            "sign-in": ("first time",), "idle": ("9000 connections",), "mix": ("50 tenants",), "big": ("1 MiB gets, depth 1",), "profile": (shapes.SMALL,),
            "tenants": [scaling.tenants_row(count, depth) for count in (1, 8, 64) for depth in (1, 16)],
            "keys": [scaling.keys_row(count, depth) for count in (1000, 100000, 5000000) for depth in (1, 16)]}
    return {name: {row: {target: figure() for target in targets.NAMES} for row in rows[name]} for name in measures.NAMES}


def by_name(results):
    return {each.name: each for each in ratios.ratios(results)}


class Ratios(unittest.TestCase):
    def test_all_that_must_be_is_told(self):
        self.assertEqual(len(by_name(whole_results())), 34)

    def test_what_was_not_measured_is_left_out(self):
        results = {"load": {shapes.SMALL: {"mctenant": figure()}}}
        self.assertEqual(list(by_name(results)), ["system calls an operation: 100 B, depth 1"])

    def test_the_server_behind_counts(self):
        found = by_name(whole_results())["CPU of mctenant and its server ÷ memcached -S direct: 100 B, depth 1"]
        self.assertAlmostEqual(found.value, 11 / 8)
        self.assertFalse(ratios.met(found))

    def test_p99_at_half_load(self):
        results = whole_results()
        results["half-load"][half_load.ALIKE]["mctenant"]["latency_us"] = {"p99": 300}
        found = by_name(results)[f"p99 ÷ memcached -S direct: {half_load.ALIKE}"]
        self.assertAlmostEqual(found.value, 1.5)

    def test_many_keys_are_compared_with_the_usual_number(self):
        results = whole_results()
        results["keys"][scaling.keys_row(5000000, 16)]["mctenant"]["front_cpu_us"] = 10.0
        found = by_name(results)["CPU an operation, 5,000,000 keys ÷ 100,000, depth 16"]
        self.assertEqual((found.value, ratios.met(found)), (1.25, True))

    def test_what_explains_has_no_bound(self):
        found = by_name(whole_results())["… of the floor: 100 B, depth 1"]
        self.assertTrue(ratios.met(found))
        self.assertIn(f"| {found.name} | – | 1.00 |  |", report.ratio_table(ratios.as_json([found])))

    def test_a_profile_splits_by_call_chains(self):
        chains = ["mctenant::session::Ledger (/usr/bin/mctenant)", "tcp_recvmsg ([kernel.kallsyms])\n{}__x64_sys_recvfrom ([kernel.kallsyms])",
                  "tcp_ack ([kernel.kallsyms])\n{}handle_softirqs ([kernel.kallsyms])\n{}__sys_sendto ([kernel.kallsyms])",
                  "tcp_sendmsg ([kernel.kallsyms])\n{}__sys_sendto ([kernel.kallsyms])", "do_user_addr_fault ([kernel.kallsyms])"]
        address = "            7f01 "
        script = "\n" + "\n\n\n".join(address + chain.format(*[address] * 4) for chain in chains) + "\n\n"
        self.assertEqual(profile.parts_of(script, 10), {"own_us": 2, "receive_us": 2, "delivery_us": 2, "send_us": 2, "wait_us": 0,
                                                        "other_us": 2})

    def test_bounds_from_both_sides(self):
        made = lambda value, at_least: ratios.Ratio("", value, 1.3, at_least, 2)
        self.assertTrue(ratios.met(made(1.304, False)))
        self.assertFalse(ratios.met(made(1.31, False)))
        self.assertTrue(ratios.met(made(1.31, True)))
        self.assertFalse(ratios.met(made(1.29, True)))


class Medians(unittest.TestCase):
    def test_of_each_figure_and_errors_are_summed(self):
        several = [{"errors": 1, "a": 5, "in": {"p99": 1}, "t": "x"}, {"errors": 0, "a": 1, "in": {"p99": 9}, "t": "y"},
                   {"errors": 2, "a": 3, "in": {"p99": 2}, "t": "z"}]
        self.assertEqual(figures.median(several), {"errors": 3, "a": 3, "in": {"p99": 2}, "t": "z"})

    def test_of_what_could_not_be_measured(self):
        self.assertEqual(figures.median([{"a": None, "errors": 0}]), {"a": None, "errors": 0})


class Report(unittest.TestCase):
    def whole(self):
        settings = types.SimpleNamespace(memcached=None, mctenant="/nowhere/mctenant", describe=lambda: {
            "network": "loopback", "layout": "two cores", "connections": 50, "keys": 100000, "keys_of_32_kb": 10000})
        results = report.Results(settings, "./dev bench --quick")
        for measure, rows in whole_results().items():
            for row, of_targets in rows.items():
                for target, found in of_targets.items():
                    results.add(measure, row, types.SimpleNamespace(name=target).name, found)
        results.fail("load", "some row", "haproxy", "RuntimeError: it ended")
        results.tune("twemproxy", shapes.DEEP, "front_cpu_us", {16384: 4.5, 1024: 1.8})
        return results.as_json()

    def test_every_measure_has_its_table(self):
        told = report.markdown(self.whole())
        for title in tables.TITLES.values():
            self.assertIn(title, told)
        self.assertIn("FAILED: haproxy at load, some row: RuntimeError: it ended", told)
        self.assertIn("16384: 4.5, 1024: 1.8", told)
        self.assertIn("**missed**", told)

    def test_it_can_be_read_again(self):
        whole = self.whole()
        self.assertEqual(report.markdown(json.loads(json.dumps(whole))), report.markdown(whole))

    def test_the_readme_keeps_what_is_around_the_markers(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "README.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
            report.put_into_readme(self.whole(), path)
            with open(path, encoding="utf-8") as file:
                text = file.read()
        self.assertTrue(text.startswith(f"before\n{report.BEGIN}\nMeasured "))
        self.assertTrue(text.endswith(f"\n{report.END}\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("`./dev bench --quick`", text)

    def test_a_readme_without_markers_is_left_alone(self):
        with self.assertRaises(ValueError):
            report.put_between_markers("no markers", "new")

    def test_the_readme_of_this_tree_has_them(self):
        with open(os.path.join(os.path.dirname(os.path.dirname(BENCH)), "README.md"), encoding="utf-8") as file:
            self.assertIn("new", report.put_between_markers(file.read(), "new"))


class Peers(unittest.TestCase):
    def test_the_best_of_their_settings_counts(self):
        costs = {16384: 4.5, 4096: 2.2, 2048: 2.0, 1024: 1.8, 512: 2.5}
        results = types.SimpleNamespace(tune=lambda *told: None)
        made = bench.Bench(types.SimpleNamespace(quick=False), None, results)
        made.try_variant = lambda name, shape, variant: {"front_cpu_us": costs[variant]}
        shape = types.SimpleNamespace(row="row", value_size=100)
        self.assertEqual(made.variant("twemproxy", shape), 1024)
        costs[4096] = 0.1
        self.assertEqual(made.variant("twemproxy", shape), 1024, "tried once a run")

    def test_what_fails_fails_alone(self):
        failures = []
        made = bench.Bench(None, None, types.SimpleNamespace(fail=lambda *told: failures.append(told)))
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            sys.stdout, sys.stderr, streams = nowhere, nowhere, (sys.stdout, sys.stderr)
            try:
                with made.attempt("load", "row", "haproxy"):
                    raise RuntimeError("it ended")
            finally:
                sys.stdout, sys.stderr = streams
        self.assertEqual(failures, [("load", "row", "haproxy", "RuntimeError: it ended")])


class Turns(unittest.TestCase):
    def test_each_is_started_anew_in_turns_and_the_medians_are_told(self):
        order, told = [], {1: 9.0, 2: 5.0, 3: 7.0}
        settings = types.SimpleNamespace(turns=3)
        results = report.Results(settings, "")
        made = bench.Bench(settings, None, results)

        @contextlib.contextmanager
        def start(name, variant):
            order.append((name, variant))
            yield types.SimpleNamespace(name=name)

        made.start = start
        with contextlib.redirect_stdout(io.StringIO()):
            made.in_turns("load", "row", ["a", "b"], str.upper,
                          lambda target, last: figure(front_cpu_us=told[(len(order) + 1) // 2], system_calls=2.0 if last else None))
        self.assertEqual(order, [("a", "A"), ("b", "B")] * 3)
        self.assertEqual(results.latest("load", "row", "a")["front_cpu_us"], 7.0)
        self.assertEqual(results.latest("load", "row", "a")["system_calls"], 2.0)

    def test_an_earlier_run_counts_as_a_round(self):
        results = report.Results(None, "")
        results.take({"results": {"load": {"row": {"a": figure(front_cpu_us=4.0)}}}, "failures": ["b failed"]})
        results.add("load", "row", "a", figure(front_cpu_us=8.0))
        self.assertEqual(results.medians()["load"]["row"]["a"]["front_cpu_us"], 6.0)
        self.assertEqual(results.failures, ["b failed"])


class Tables(unittest.TestCase):
    def test_the_use_of_a_core_is_its_time_an_operation_times_operations_a_second(self):
        read = tables.of_core("load_cpu_us", "server_cpu_us")
        self.assertEqual(read({"load_cpu_us": 5.0, "server_cpu_us": 3.0, "per_second": 100000}), "80")
        self.assertEqual(read({"load_cpu_us": 5.0, "server_cpu_us": None, "per_second": 100000}), "50")


class MixedLoad(unittest.TestCase):
    def setUp(self):
        self.rows = mix.workloads()
        self.tenants = [targets.tenant(row["workload"], mix.memory_mb(row, types.SimpleNamespace(quick=False))) for row in self.rows]

    def plan(self, name):
        target = types.SimpleNamespace(name=name, username="bench", password="secret")
        return mix.plan_for(target, self.rows, self.tenants)

    def test_fifty_tenants_that_can_be_loaded(self):
        plan = self.plan("mctenant")
        self.assertEqual(len(plan), 50)
        self.assertEqual(len({each["username"] for each in plan}), 50)
        for each in plan:
            self.assertGreaterEqual(each["key_size"], 10)
            self.assertTrue(64 <= each["keys"] <= 10_000_000)
            self.assertTrue(all(0 < int(seconds) <= 30 * 86400 for seconds in each["times_to_live"]))
        self.assertTrue(80 <= sum(each["connections"] for each in plan) <= 150)

    def test_elsewhere_all_sign_in_as_one(self):
        self.assertEqual({each["username"] for each in self.plan("memcached-sasl")}, {"bench"})


if __name__ == "__main__":
    unittest.main()
