"""Where the run takes place: network namespace, cores, limits, versions."""

import os
import platform
import re
import resource
import shutil
import subprocess
import sys

INSIDE = "MCTENANT_BENCH_INSIDE"
SBIN = "/usr/sbin:/sbin"


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":" + SBIN)


def visible_arguments():
    return sys.argv[1:]


def quietly(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def enter_namespace(refused):
    """Starts this program again in a network namespace of its own, where that can be; returns what the network is."""
    if os.environ.get(INSIDE):
        if os.environ[INSIDE] == "mounts":
            set_tracing_up()
        return set_network_up()
    if refused:
        return describe_network("the machine's own network namespace, as asked")
    unshare = program("unshare")
    for options in (["-n", "-m"], ["-n"], ["-r", "-n"]):
        if unshare and quietly(unshare, *options, "true").returncode == 0:
            os.environ[INSIDE] = "mounts" if "-m" in options else "network"
            sys.stdout.flush()
            os.execv(unshare, [unshare, *options, sys.executable, os.path.abspath(sys.argv[0]), *visible_arguments()])
    return describe_network("the machine's own network namespace, since a new one was refused")


TRACING = "/sys/kernel/tracing"


def set_tracing_up():
    """The tracepoint that counts system calls, where it can be had: the mount goes with the namespace."""
    if os.path.isdir(TRACING) and not os.listdir(TRACING):
        quietly(program("mount") or "mount", "-t", "tracefs", "tracefs", TRACING)


def set_network_up():
    up = quietly(program("ip") or "ip", "link", "set", "lo", "up")
    if up.returncode != 0:
        sys.exit(f"bench: loopback cannot be set up in the namespace: {up.stderr.strip()}; try --no-namespace")
    for name, value in (("tcp_congestion_control", "reno"), ("ip_local_port_range", "10000 65000")):
        try:
            with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
                file.write(value)
        except OSError as error:
            print(f"bench: {name} could not be set to {value}: {error}", flush=True)
    return describe_network("a network namespace of its own")


def describe_network(where):
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        return f"loopback in {where}, {file.read().strip()}"


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Settings:
    """What all targets and measures share: programs, cores, how long, how many."""

    def __init__(self, arguments, network):
        self.network = network
        self.mctenant = arguments.mctenant
        self.memcached = arguments.memcached
        self.quick = arguments.quick
        self.seconds = arguments.seconds or (1 if self.quick else 4)
        self.warmup = 0.3 if self.quick else 0.5
        # Of which the medians are told: windows of one process, and starts of it.
        self.windows = 1 if self.quick else 3
        self.turns = 1 if self.quick else 3
        # The row that most ratios are of, and the ones closest to their bounds.
        self.turns_of_small = 1 if self.quick else 7
        self.connections = 50
        self.idle_connections = 1000 if self.quick else 9000
        self.keys = 100000
        self.key_counts = (1000, 100000, 1000000 if self.quick else 5000000)
        self.idle_connections = min(self.idle_connections, (raise_descriptor_limit() - 1000) // 2)
        self.choose_cores()
        # 100,000 values of 32 KB need 3.7 GB in the server.
        self.memory_mb = 4500
        self.keys_of_32_kb = 10000 if self.quick or available_mb() < 2 * self.memory_mb else self.keys

    def choose_cores(self):
        """The load on one core, and all of what is measured on one other, be it memcached alone or a proxy and its server: so
        what is compared has as much, and the load generator disturbs none. With four cores and more a server behind a
        proxy has its own."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) == 1:
            self.load_cores = self.server_cores = self.front_cores = self.wide_cores = cores
            self.layout = "one core for all"
        elif len(cores) < 4:
            self.load_cores = cores[:1]
            self.server_cores = self.front_cores = cores[1:2]
            self.wide_cores = cores[:2]
            self.layout = (f"load generator on core {cores[0]}; what is measured, memcached alone or a proxy and its server, on core "
                           f"{cores[1]}; 2 workers on both")
        else:
            self.load_cores, self.server_cores = cores[:1], cores[1:2]
            self.front_cores, self.wide_cores = cores[2:3], cores[2:4]
            self.layout = (f"load generator on core {cores[0]}; the server behind a proxy on core {cores[1]}; the proxy, or "
                           f"the memcached loaded directly, on core {cores[2]}; 2 workers on cores {cores[2]} and {cores[3]}")

    def describe(self):
        return {"network": self.network, "layout": self.layout, "connections": self.connections, "keys": self.keys,
                "keys_of_32_kb": self.keys_of_32_kb, "gets_per_set": 9, "seconds": self.seconds, "load_processes": 1}


def available_mb():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"MemAvailable:\s+(\d+)", file.read()).group(1)) // 1024


def machine():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        found = re.search(r"model name\s*:\s*(.+)", file.read())
        if found:
            model = found.group(1)
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)}


def versions(settings):
    found = {}
    for name, command in (("memcached", [settings.memcached or "memcached", "-V"]), ("nutcracker", ["nutcracker", "--version"]),
                          ("haproxy", ["haproxy", "-v"]), ("mctenant", [settings.mctenant, "--version"])):
        path = program(command[0])
        if path:
            told = quietly(path, *command[1:])
            number = re.search(r"\d+\.\d+[\w.+~-]*", told.stdout + told.stderr)
            found[name] = number.group(0) if number else "unknown"
    return found
