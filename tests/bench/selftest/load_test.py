#!/usr/bin/env python3
"""Tests of mcload before a real memcached. MCLOAD names the program."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

MCLOAD = os.environ.get("MCLOAD")
TENANT = {"username": "", "password": "", "connections": 2, "key_size": 20, "value_size": 200, "keys": 500, "zipf": 1.0,
          "operations": {"get": 1}, "times_to_live": {"0": 1}}
EVERYTHING = {"get": 4, "gets": 1, "set": 1, "add": 1, "cas": 1, "append": 1, "prepend": 1, "incr": 1, "delete": 1}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Server:
    """A memcached of its own, 64 MiB."""

    def __init__(self):
        self.address = f"127.0.0.1:{free_port()}"
        as_root = ["-u", "root"] if os.geteuid() == 0 else []
        host, port = self.address.split(":")
        self.process = subprocess.Popen([shutil.which("memcached"), "-U", "0", "-l", host, "-p", port, "-t", "1", "-I", "2m", "-m", "64",
                                         *as_root], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.connects():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("memcached did not start")
            time.sleep(0.01)

    def connects(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return True
        except OSError:
            return False

    def stats(self):
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"stats\r\n")
            told = b""
            while not told.endswith(b"END\r\n"):
                told += connection.recv(65536)
        return dict(line.split()[1:3] for line in told.decode().splitlines() if line.startswith("STAT"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Load(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)

    def start(self, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MEMCACHE_")}
        return subprocess.Popen([MCLOAD, *map(str, arguments), "--server", self.server.address, "--json"], env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_load(self, *arguments, code=0):
        process = self.start(*arguments)
        told, complaints = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, complaints + told)
        return json.loads(told) if told else complaints

    def plan(self, *tenants):
        file = tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8")
        self.addCleanup(file.close)
        json.dump(tenants, file)
        file.flush()
        return file.name

    def test_gets_and_sets_in_all_protocols(self):
        for protocol in ("binary", "text", "meta"):
            told = self.run_load("--protocol", protocol, "--keys", 1000, "--depth", 16, "--preload", "--seconds", 0.3, "--warmup", 0)
            self.assertEqual((told["misses"], told["errors"]), (0, 0))
            self.assertAlmostEqual(told["gets"] / told["sets"], 9, delta=2)
            self.assertGreater(told["latency_us"]["p99"], 0)

    def test_multi_gets_in_both_protocols(self):
        for protocol in ("binary", "text"):
            before = int(self.server.stats()["cmd_get"])
            shape = ("--protocol", protocol, "--keys", 1000, "--depth", 16, "--multi-get")
            told = self.run_load(*shape, "--preload", "--seconds", 0.3, "--warmup", 0)
            self.assertEqual((told["misses"], told["errors"]), (0, 0))
            self.assertAlmostEqual(told["gets"] / told["sets"], 9, delta=2)
            self.assertLessEqual(told["gets"], int(self.server.stats()["cmd_get"]) - before)

    def test_what_a_multi_get_does_not_find_is_missed(self):
        self.run_load("--keys", 500, "--preload", "--no-run")
        for protocol in ("binary", "text"):
            told = self.run_load("--protocol", protocol, "--keys", 1000, "--depth", 16, "--multi-get", "--gets-only", "--seconds", 0.2,
                                 "--warmup", 0)
            self.assertEqual(told["errors"], 0)
            self.assertAlmostEqual(told["misses"] / told["gets"], 0.5, delta=0.05)

    def test_what_is_not_there_is_missed_in_meta_as_well(self):
        told = self.run_load("--protocol", "meta", "--key-size", 50, "--keys", 100, "--gets-only", "--seconds", 0.2, "--warmup", 0)
        self.assertEqual((told["misses"], told["errors"]), (told["gets"], 0))

    def test_meta_is_for_gets_and_sets(self):
        for more in (["--multi-get"], ["storm"]):
            self.run_load(*more, "--protocol", "meta", code=1)

    def test_gets_only(self):
        self.run_load("--keys", 100, "--preload", "--no-run")
        before = self.server.stats()
        told = self.run_load("--keys", 100, "--gets-only", "--seconds", 0.2, "--warmup", 0)
        self.assertEqual((told["sets"], told["misses"], told["errors"]), (0, 0, 0))
        self.assertEqual(self.server.stats()["cmd_set"], before["cmd_set"])

    def test_a_wrong_value_is_an_error(self):
        self.run_load("--keys", 100, "--value-size", 50, "--preload", "--no-run")
        told = self.run_load("--keys", 100, "--gets-only", "--value-size", 51, "--seconds", 0.1, "--warmup", 0, code=2)
        self.assertEqual(told["errors"], told["gets"])
        self.assertIn("wrong size", told["first_error"])

    def test_a_mix_of_everything_in_both_protocols(self):
        plan = self.plan({**TENANT, "operations": EVERYTHING}, {**TENANT, "operations": EVERYTHING, "connections": 3, "key_size": 10})
        for protocol in ("binary", "text"):
            told = self.run_load("mix", "--protocol", protocol, "--plan", plan, "--depth", 4, "--window", "--preload", "--seconds", 0.3,
                                 "--warmup", 0)
            self.assertEqual(told["errors"], 0, told)
        counted = self.server.stats()
        for figure in ("cas_hits", "cas_badval", "incr_hits", "incr_misses", "delete_hits", "get_misses"):
            self.assertGreater(int(counted[figure]), 0, figure)

    def test_tenants_have_keys_of_their_own(self):
        self.run_load("mix", "--plan", self.plan(TENANT, TENANT, TENANT), "--preload", "--no-run")
        self.assertEqual(int(self.server.stats()["curr_items"]), 3 * TENANT["keys"])

    def test_what_was_missed_is_stored(self):
        told = self.run_load("mix", "--plan", self.plan(TENANT), "--seconds", 0.5, "--warmup", 0)
        self.assertEqual(told["errors"], 0)
        self.assertGreater(told["sets"], 0)
        self.assertLessEqual(abs(told["misses"] - told["sets"]), 10)
        self.assertGreater(int(self.server.stats()["curr_items"]), TENANT["keys"] / 2)

    def test_times_to_live(self):
        self.run_load("mix", "--plan", self.plan({**TENANT, "times_to_live": {"1": 1}}), "--preload", "--no-run")
        deadline = time.monotonic() + 10
        while True:
            told = self.run_load("mix", "--plan", self.plan(TENANT), "--seconds", 0.05, "--warmup", 0)
            if told["misses"] > 0 or time.monotonic() > deadline:
                break
        self.assertGreater(told["misses"], 0)

    def test_a_plan_that_makes_no_sense(self):
        for wrong in ({"operations": {"flush": 1}}, {"key_size": 3}, {"keys": 0}, {"operations": {}}):
            self.assertIn("mcload: ", self.run_load("mix", "--plan", self.plan({**TENANT, **wrong}), code=1))

    def test_at_a_fixed_rate_a_stall_is_charged_to_all_that_waited(self):
        process = self.start("--keys", 100, "--preload", "--rate", 2000, "--warmup", 0, "--seconds", 1.5)
        time.sleep(0.5)
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        self.server.process.send_signal(signal.SIGCONT)
        told = json.loads(process.communicate(timeout=60)[0])
        self.assertEqual(told["errors"], 0)
        self.assertAlmostEqual(told["operations"], 3000, delta=100)
        # A third of the requests was due while it stood still, and waited a quarter of a second on average.
        self.assertGreater(told["latency_us"]["p90"], 200_000)
        self.assertGreater(told["latency_us"]["mean"], 40_000)


if __name__ == "__main__":
    if not MCLOAD:
        sys.exit("MCLOAD must name the program")
    unittest.main()
