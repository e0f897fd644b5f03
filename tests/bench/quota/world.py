"""What every proof stands on: memcached servers, mctenant before them, tenants with quotas; each stopped by its own pid."""

import contextlib
import itertools
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import environment
import targets
import wire

MIB = 1 << 20
NAMESPACE = "quota"
# What an item takes beside key and value, by the servers' own figures: header, CAS, two ends.
ITEM_OVERHEAD = 48 + 8 + 1 + 2


def steady_port():
    """A free port that the kernel gives to no outgoing connection, so that a server can come back on it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        lowest, highest = map(int, file.read().split())
    range_of_ports = range(max(1025, lowest - 20000), lowest) if lowest > 5000 else range(highest + 1, 65536)
    for _ in range(1000):
        port = random.choice(range_of_ports)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("no free port")


class World(targets.Target):
    """`tenants`: quota in bytes by name; ids in that order, from 1. Servers are numbered from 0."""

    workers = 2

    def __init__(self, folder, settings, tenants, servers=2, server_mb=1024):
        super().__init__(folder, settings)
        self.tenants = dict(tenants)
        self.ids = {name: number for number, name in enumerate(tenants, 1)}
        self.passwords = {name: secrets.token_urlsafe(12) for name in tenants}
        self.address, self.admin = (f"127.0.0.1:{steady_port()}" for _ in range(2))
        self.servers = [f"127.0.0.1:{steady_port()}" for _ in range(servers)]
        self.server_mb = server_mb
        self.behind = [None] * servers
        self.file = os.path.join(folder, "mctenant.json")
        self.starts = itertools.count(1)
        self.front_name = None

    # ---- processes

    def start(self):
        for number in range(len(self.servers)):
            self.start_server(number)
        self.write_configuration()
        self.start_front()

    def start_server(self, number):
        host, port = self.servers[number].split(":")
        as_root = ["-u", "root"] if os.geteuid() == 0 else []
        command = ["memcached", "-U", "0", "-l", host, "-p", port, "-t", "2", "-c", "4096", "-I", "2m", "-m", str(self.server_mb)]
        self.behind[number] = self.spawn(f"memcached-{number}-{next(self.starts)}", command + as_root, self.settings.cores)
        self.wait_until(lambda: targets.connects(self.servers[number]))

    def start_front(self, wait=True):
        self.front_name = f"mctenant-{next(self.starts)}"
        command = [os.path.abspath(self.settings.mctenant), "serve", "--config", self.file]
        self.front = self.spawn(self.front_name, command, self.settings.cores)
        if wait:
            self.wait_until(self.ready)

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self, process):
        """kill -9, and forgets it: what ends by itself is a fault, this is not."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.processes = [(name, each) for name, each in self.processes if each is not process]

    def kill_front(self):
        self.kill(self.front)

    def kill_server(self, number):
        self.kill(self.behind[number])

    @contextlib.contextmanager
    def front_frozen(self):
        """Nothing more is asked of the servers meanwhile."""
        self.front.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.front.send_signal(signal.SIGCONT)

    def end_front(self):
        """By SIGTERM; a sanitizer's complaint is in its code and log."""
        self.front.send_signal(signal.SIGTERM)
        code = self.front.wait(30)
        if code:
            raise RuntimeError(f"mctenant ended with {code}: {self.log(self.front_name)}")

    def check_running(self):
        for name, process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended by itself with {process.returncode}: {self.log(name)}")

    # ---- configuration

    def write_configuration(self):
        """In one step, as a deployment does it: a new file, renamed over the old one."""
        targets.write_private(self.file + ".new", json.dumps(self.configuration()))
        os.rename(self.file + ".new", self.file)

    def configuration(self):
        return {
            "listeners": [{"address": self.address}],
            "admin": {"address": self.admin},
            "workers": self.workers,
            "state": os.path.join(self.folder, "state.db"),
            "namespace": NAMESPACE,
            "pools": {"default": {"servers": self.servers}},
            "plans": {"any": {}},
            "tenants": {name: {"id": self.ids[name], "plan": "any", "memory": quota,
                               "credentials": [{"username": name, "password": self.passwords[name]}]}
                        for name, quota in self.tenants.items()},
        }

    # ---- asking

    def client(self, tenant):
        return wire.Client(self.address, tenant, self.passwords[tenant])

    def stats(self):
        """Of every tenant, by its name."""
        told = {}
        for name in self.tenants:
            client = self.client(name)
            told[name] = client.stats()
            client.close()
        return told

    def metric(self, name):
        """The sum over all labels, or None where there is no such metric."""
        found = [value for sample, value in wire.metrics(self.admin).items() if sample.split("{")[0] == name]
        return sum(found) if found else None

    def crawls(self, result="done"):
        return sum(value for sample, value in wire.metrics(self.admin).items()
                   if sample.startswith("mctenant_server_crawls_total") and f'result="{result}"' in sample)

    def dump(self):
        """wire.Held by (tenant id, generation), of all servers together."""
        whole = {}
        for server in self.servers:
            for key, held in wire.dump(server, NAMESPACE).items():
                whole.setdefault(key, wire.Held()).add(held)
        return whole

    def frozen_dump(self):
        """What the servers hold at one instant, in the middle of a load: mctenant stands still, and the servers have done
        all that it had asked of them."""
        with self.front_frozen():
            last = None
            for _ in range(20):
                now = self.dump()
                if now == last:
                    return now
                last = now
                time.sleep(0.005)
        raise RuntimeError("the servers go on although mctenant stands still")

    def server_items(self):
        """Of all servers, expired ones too: cheap, beside a load."""
        return sum(int(wire.server_stats(server)["curr_items"]) for server in self.servers)

    def item_bytes(self, tenant, generation, key_size, value_size):
        prefix = f"{NAMESPACE}.{self.ids[tenant]}.{generation}:"
        return ITEM_OVERHEAD + len(prefix) + key_size + value_size

    # ---- loading

    def load(self, mode, *arguments, tenant=None):
        """An mcquota under way."""
        command = [self.settings.mcquota, mode, "--server", self.address, *map(str, arguments)]
        variables = {key: value for key, value in os.environ.items() if not key.startswith("MEMCACHE_")}
        if tenant:
            variables.update(MEMCACHE_USERNAME=tenant, MEMCACHE_PASSWORD=self.passwords[tenant])
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=variables)
        return Load(process, " ".join(command))

    def run(self, mode, *arguments, tenant=None):
        return self.load(mode, *arguments, tenant=tenant).result()

    def steady_load(self, tenant, *arguments):
        """What mcload tells of gets and sets at a fixed rate."""
        command = [self.settings.mcload, "--server", self.address, "--json", *map(str, arguments)]
        variables = {**os.environ, "MEMCACHE_USERNAME": tenant, "MEMCACHE_PASSWORD": self.passwords[tenant]}
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=variables, check=False)
        if done.returncode not in (0, 2):
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout)


class Load:
    def __init__(self, process, command):
        self.process, self.command = process, command

    def running(self):
        return self.process.poll() is None

    def result(self, timeout=3600):
        """What it counted. Faults are in there; that it could not run is an exception."""
        try:
            told, complaints = self.process.communicate(timeout=timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        if self.process.returncode not in (0, 2):
            raise RuntimeError(f"{self.command}: ended with {self.process.returncode}: {complaints.strip()}")
        return json.loads(told)


@contextlib.contextmanager
def world(settings, tenants, **more):
    """A world that runs; nothing in it may have ended by itself when this is over."""
    with tempfile.TemporaryDirectory(prefix="mctenant-quota-") as folder:
        made = World(folder, settings, tenants, **more)
        try:
            made.start()
            yield made
            made.check_running()
            made.end_front()
        except Exception:
            if made.front_name:
                print(f"--- the last of {made.front_name}\n{made.log(made.front_name)}\n---", flush=True)
            raise
        finally:
            made.stop()
