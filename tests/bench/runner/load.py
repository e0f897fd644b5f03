"""Runs mcload and reads what it tells."""

import json
import os
import re
import signal
import subprocess
import tempfile


class Generator:
    def __init__(self, program, settings):
        self.program, self.settings = program, settings

    def start(self, target, arguments, users=None):
        command = [self.program, *arguments, "--server", target.address, "--protocol", target.protocol, "--json"]
        for process in target.watched():
            command += ["--watch", str(process.pid)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MEMCACHE_")}
        if users is not None:
            command += ["--users", users]
        elif target.signs_in:
            environment.update(MEMCACHE_USERNAME=target.username, MEMCACHE_PASSWORD=target.password)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=environment, preexec_fn=lambda: os.sched_setaffinity(0, self.settings.load_cores))

    def run(self, target, *arguments, users=None):
        """The JSON of one run. With errors in it, if there were any: they belong into the report."""
        process = self.start(target, [str(each) for each in arguments], users)
        told, complaints = process.communicate(timeout=600)
        if process.returncode not in (0, 2):
            raise RuntimeError(f"mcload {' '.join(map(str, arguments))}: {complaints.strip()}")
        return json.loads(told)

    def hold(self, target, connections):
        """Opens idle connections; returns the process that holds them and how many there are."""
        process = self.start(target, ["idle", "--connections", str(connections)])
        line = process.stdout.readline()
        ready = re.match(r"ready (\d+)", line)
        if not ready:
            raise RuntimeError(f"mcload idle: {line}{process.stderr.read()}")
        return process, int(ready.group(1))


def system_calls_by_strace(generator, target, program, shape, seconds):
    """For machines without the tracepoint: strace counts over a whole short run, and over its connecting alone."""
    if not program:
        return None
    connecting = count_by_strace(generator, target, program, *shape, "--no-run")
    whole = count_by_strace(generator, target, program, *shape, "--seconds", seconds, "--warmup", 0)
    if not connecting or not whole or not whole[1]["operations"]:
        return None
    return (whole[0] - connecting[0]) / whole[1]["operations"]


def count_by_strace(generator, target, program, *arguments):
    """Calls of the process in front, and what the load generator told; or None."""
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as counts:
        tracer = subprocess.Popen([program, "-c", "-f", "-o", counts.name, "-p", str(target.front.pid)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if "attached" not in tracer.stderr.readline():
            tracer.wait(10)
            return None
        told = generator.run(target, *arguments)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        total = re.search(r"^100\.00\s+\S+\s+\S*\s*?(\d+)\s.*total$", counts.read(), re.MULTILINE)
    return (int(total.group(1)), told) if total else None


def rss_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
