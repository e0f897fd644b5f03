"""Where the CPU time goes: what is the system's part, and what the program's own."""

import os
import subprocess

import environment
from figures import costs
from measures.shapes import DEEP, SMALL, shapes

FREQUENCY = 2500
# The first that a call chain goes through decides. What a send sets off on loopback is the receiver's work, done
# in the sender's time: the segment goes up through TCP to the other socket, and whoever waits for it is woken.
PARTS = (("delivery_us", ("__do_softirq", "handle_softirqs", "do_softirq")),
         ("send_us", ("sys_sendto", "sys_sendmsg", "ksys_write", "sys_writev")),
         ("receive_us", ("sys_recvfrom", "sys_recvmsg", "ksys_read", "sys_readv")),
         ("wait_us", ("sys_epoll_wait", "sys_epoll_pwait", "sys_epoll_pwait2")))
OTHER, OWN = "other_us", "own_us"


class Profile:
    name = "profile"

    def applies(self, name):
        return name in ("memcached-sasl", "floor", "mctenant")

    def run(self, bench, names):
        perf = environment.program("perf")
        if not perf:
            print("profile: left out: perf is not installed", flush=True)
            return
        for shape in shapes(bench.settings):
            for name in names if shape.row in (SMALL, DEEP) else ():
                with bench.attempt(self.name, shape.row, name), bench.start(name) as target:
                    bench.add(self.name, shape.row, target, self.run_one(bench, target, shape, perf))

    def run_one(self, bench, target, shape, perf):
        bench.generator.run(target, *shape.arguments(), "--preload", "--no-run")
        samples = os.path.join(target.folder, "perf.data")
        seconds = bench.settings.seconds
        recorder = subprocess.Popen([perf, "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), "-g", "-o", samples, "-p",
                                     str(target.front.pid), "--", "sleep", str(seconds)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        told = bench.generator.run(target, *shape.arguments(), "--seconds", seconds, "--warmup", 0)
        recorder.wait(60)
        script = subprocess.run([perf, "script", "-i", samples, "-F", "ip,sym,dso"], capture_output=True, text=True, check=True)
        found = costs(told, target)
        return {**found, **parts_of(script.stdout, found["front_cpu_us"])}


def parts_of(script, cpu_us):
    """Splits `cpu_us` by the call chains that perf script prints, each behind an empty line."""
    counts = dict.fromkeys([name for name, _ in PARTS] + [OTHER, OWN], 0)
    chains = [chain.strip().splitlines() for chain in script.split("\n\n") if chain.strip()]
    for chain in chains:
        counts[part_of(chain)] += 1
    return {name: cpu_us * count / max(1, len(chains)) for name, count in counts.items()}


def part_of(chain):
    symbols = [line.split()[1].split("+")[0].removeprefix("__x64_") for line in chain if len(line.split()) > 1]
    for name, through in PARTS:
        if any(symbol in through or symbol.removeprefix("__") in through for symbol in symbols):
            return name
    return OTHER if "[kernel" in chain[0] else OWN
