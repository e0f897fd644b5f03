"""What is measured of a target. A measure yields (row, figures); it is started on a fresh target."""

import environment
import load
import targets

SASL_MEMCACHED = ("memcached-sasl",)
MCTENANTS = ("mctenant", "mctenant-2")


def of_process(told, process, figure):
    return told["processes"][str(process.pid)].get(figure) if process else None


def costs(told, target):
    figures = {"front_cpu_us": of_process(told, target.front, "cpu_us_per_operation"),
               "server_cpu_us": of_process(told, target.server, "cpu_us_per_operation"),
               "errors": told["errors"]}
    if told.get("first_error"):
        figures["first_error"] = told["first_error"]
    return figures


class Shapes:
    """Gets and sets: the three shapes of traffic that the figures are told for."""

    name = "load"

    def applies(self, target):
        del target
        return True

    def shapes(self, settings):
        return (("100 B, depth 1", 100, 1, settings.keys), ("100 B, depth 16", 100, 16, settings.keys),
                ("32 KB, depth 1", 32768, 1, settings.keys_of_32_kb))

    def run(self, target, generator, settings):
        for row, value_size, depth, keys in self.shapes(settings):
            shape = ["--connections", settings.connections, "--depth", depth, "--value-size", value_size, "--keys", keys]
            told = generator.run(target, *shape, "--preload", "--seconds", settings.seconds, "--warmup", settings.warmup)
            yield row, {"per_second": told["operations_per_second"], "latency_us": told["latency_us"],
                        "misses": told["misses"], "rss_kib": of_process(told, target.front, "rss_kib"),
                        "load_cpu_us": told["load_cpu_us_per_operation"],
                        "other_processes_cores": told["other_processes_cores"],
                        "system_calls": self.system_calls(target, generator, settings, shape), **costs(told, target)}

    def system_calls(self, target, generator, settings, shape):
        seconds = min(1, settings.seconds)
        told = generator.run(target, *shape, "--seconds", seconds, "--warmup", 0.2, "--count-system-calls")
        counted = of_process(told, target.front, "system_calls_per_operation")
        if counted is not None:
            return counted
        return load.system_calls_by_strace(generator, target, environment.program("strace"), [*shape, "--seconds", seconds])


class Storm:
    """Connect, sign in where there is a sign-in, get, close: 32 at a time."""

    name = "storm"

    def applies(self, target):
        del target
        return True

    def run(self, target, generator, settings):
        told = generator.run(target, "storm", "--parallel", 32, "--seconds", settings.seconds, "--warmup", settings.warmup)
        yield "cycles", {"per_second": told["per_second"], "latency_us": told["latency_us"], **costs(told, target)}


class SignIns:
    """Sign-ins alone, on connections that stand."""

    name = "sign-in"

    def applies(self, target):
        return target in SASL_MEMCACHED + MCTENANTS

    def run(self, target, generator, settings):
        times = ["--seconds", settings.seconds, "--warmup", settings.warmup]
        if target.name in MCTENANTS:
            # Before anybody has signed in, and no more at once than the queue of checks holds.
            told = generator.run(target, "sign-in", "--parallel", 8, "--total", targets.FIRST_TIME_USERS, users=target.other_users)
            yield "first time, PLAIN", self.figures(told, target)
        # memcached refuses a second sign-in on a connection.
        again = ["--reconnect"] if target.name in SASL_MEMCACHED else []
        told = generator.run(target, "sign-in", "--parallel", 32, *again, *times)
        yield "again, PLAIN (memcached: a new connection each)", self.figures(told, target)
        told = generator.run(target, "sign-in", "--parallel", 8, "--wrong-password", *times)
        yield "wrong password", self.figures(told, target)

    def figures(self, told, target):
        return {"per_second": told["per_second"], "latency_us": told["latency_us"], "busy": told["busy"], **costs(told, target)}


class Idle:
    """Memory of a connection that is signed in and silent."""

    name = "idle"

    def applies(self, target):
        del target
        return True

    def run(self, target, generator, settings):
        # The first sign-in brings what is needed once, whatever the connections.
        generator.run(target, "storm", "--parallel", 1, "--seconds", 0.2)
        before = [load.rss_kib(process) for process in target.watched()]
        holder, count = generator.hold(target, settings.idle_connections)
        grown = [load.rss_kib(process) - was for process, was in zip(target.watched(), before)]
        told = holder.communicate(timeout=60)[0]
        del told
        yield f"{settings.idle_connections} connections", {
            "held": count, "errors": settings.idle_connections - count, "front_kib": grown[0] / max(1, count),
            "server_kib": grown[1] / max(1, count) if len(grown) > 1 else None}


BY_NAME = {measure.name: measure for measure in (Shapes(), Storm(), SignIns(), Idle())}
NAMES = tuple(BY_NAME)
