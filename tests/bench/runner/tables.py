"""How each measure's figures are shown: a table a row of its, a line a target."""

import targets

TITLES = {"load": "Gets and sets", "half-load": "Latency at half load, 100 B, depth 1",
          "storm": "Connection storm: connect, sign in, get, close; 32 at a time", "sign-in": "Sign-ins",
          "idle": "Idle connections", "tenants": "More tenants, the same load", "keys": "More keys",
          "mix": "Tenants of a table of real ones (workloads.csv)", "big": "Big values", "profile": "Where the CPU time goes, µs an operation (perf, which costs some itself)"}


def shown(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def line(*cells):
    return "| " + " | ".join(cells) + " |"


def of(name, digits=0, scale=1):
    """Reads a figure; a name with a slash goes deeper."""

    def read(figures):
        for part in name.split("/"):
            figures = figures.get(part) if figures is not None else None
        return shown(None if figures is None else figures * scale, digits)

    return read


def of_core(*names):
    """What of a core the figures of these names take, in percent: microseconds an operation, times operations a second."""

    def read(figures):
        return shown(sum(figures.get(name) or 0 for name in names) * figures["per_second"] / 1e4, 0)

    return read


PER_SECOND = ("operations/s", of("per_second"))
P50, P99, P999 = ("p50 µs", of("latency_us/p50")), ("p99", of("latency_us/p99")), ("p99.9", of("latency_us/p99.9"))
CPU, SERVER_CPU = ("CPU", of("front_cpu_us", 2)), ("server's CPU", of("server_cpu_us", 2))
RSS = ("RSS MiB", of("rss_kib", 1, 1 / 1024))
OTHERS, ERRORS = ("others", of("other_processes_cores", 1)), ("errors", of("errors"))
LOAD = (PER_SECOND, P50, P99, P999, CPU, SERVER_CPU)

COLUMNS = {
    "load": (*LOAD, ("system calls", of("system_calls", 2)), RSS, OTHERS, ERRORS),
    "half-load": (("asked for/s", of("rate")), *LOAD, ("the load's core, %", of_core("load_cpu_us")), ("of a core, %", of_core("front_cpu_us", "server_cpu_us")),
                  ("waits for a core, µs an operation", of("front_waited_us", 1)), ("the server behind", of("server_waited_us", 1)),
                  OTHERS, ERRORS),
    "storm": (("cycles/s", of("per_second")), P50, P99, ("CPU", of("front_cpu_us", 1)), ("server's CPU", of("server_cpu_us", 1)),
              ERRORS),
    "sign-in": (("sign-ins/s", of("per_second")), P50, P99, ("slowest", of("latency_us/max")), ("CPU", of("front_cpu_us", 1)),
                ("busy", of("busy")), ERRORS),
    "idle": (("KiB a connection", of("front_kib", 2)), ("server's", of("server_kib", 2)), ("held", of("held"))),
    "tenants": (*LOAD, OTHERS, ERRORS),
    "keys": (*LOAD, RSS, ("misses", of("misses")), OTHERS, ERRORS),
    "mix": (*LOAD, ("hit rate %", of("hit_rate", 1, 100)), RSS, OTHERS, ERRORS),
    "big": (("gets/s", of("per_second")), ("GiB/s", of("per_second", 2, 1 / 1024)), P50, P99, ("CPU", of("front_cpu_us")),
            ("server's CPU", of("server_cpu_us")), RSS, OTHERS, ERRORS),
    "profile": (CPU, ("its own code", of("own_us", 2)), ("receiving", of("receive_us", 2)), ("sending", of("send_us", 2)),
                ("delivering what is sent", of("delivery_us", 2)), ("waiting", of("wait_us", 2)), ("else in the system", of("other_us", 2))),
}


def table(measure, row, by_target):
    columns = COLUMNS[measure]
    lines = [f"{TITLES[measure]}: {row}", "", line("", *(name for name, _ in columns)), "|---|" + "---:|" * len(columns)]
    for target, figures in by_target.items():
        lines.append(line(targets.KINDS[target].title, *(read(figures) for _, read in columns)))
    return lines + [""]
