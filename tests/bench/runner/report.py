"""The results: JSON for machines, Markdown tables for people, and the ratios that count."""

import datetime
import json
import os
import statistics

import environment
import targets


class Results:
    def __init__(self, settings, command):
        self.settings, self.command = settings, command
        self.left_out = {}
        # measure → row → target → list of figures, one a round
        self.rounds = {}
        self.date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

    def add(self, measure, row, target, figures):
        self.rounds.setdefault(measure, {}).setdefault(row, {}).setdefault(target, []).append(figures)

    def medians(self):
        return {measure: {row: {target: median(figures) for target, figures in by_target.items()}
                          for row, by_target in rows.items()} for measure, rows in self.rounds.items()}

    def as_json(self):
        return {"date": self.date, "command": self.command, "machine": environment.machine(),
                "versions": environment.versions(self.settings.mctenant), "settings": self.settings.describe(),
                "left_out": self.left_out, "results": self.medians(), "ratios": ratios(self.medians())}

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        paths = [os.path.join(folder, name) for name in ("bench.json", "bench.md")]
        for path, text in zip(paths, (json.dumps(self.as_json(), indent=2) + "\n", self.markdown())):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return paths

    def markdown(self):
        whole = self.as_json()
        machine, versions = whole["machine"], whole["versions"]
        lines = [f"Measured {self.date} by `{self.command.strip()}` on {machine['cores']} cores of {machine['processor']}, "
                 f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; "
                 + ", ".join(f"{name} {version}" for name, version in versions.items()) + f". {self.settings.network}. "
                 f"{self.settings.layout}. {self.settings.connections} connections, {self.settings.keys} keys "
                 f"({self.settings.keys_of_32_kb} of 32 KB), 9 gets to a set, one load process. memcached has one thread. "
                 "CPU is user + system time an operation, in µs, of the proxy (or the memcached loaded directly) and of the "
                 "server behind it. \"others\" is how many cores other programs used meanwhile: above 0.1, rates and latencies say "
                 "little. Ratios within one run count, not these figures.", ""]
        for name, reason in self.left_out.items():
            lines += [f"Left out: {name}: {reason}.", ""]
        for measure, rows in whole["results"].items():
            for row, by_target in rows.items():
                lines += table(measure, row, by_target)
        lines += ratio_table(whole["ratios"])
        return "\n".join(lines) + "\n"


def median(figures):
    """Of each number by itself; what is no number is the last round's."""
    result = dict(figures[-1])
    for key, value in result.items():
        if isinstance(value, dict):
            result[key] = median([each[key] for each in figures if key in each])
        elif isinstance(value, (int, float)):
            result[key] = statistics.median([each[key] for each in figures if each.get(key) is not None])
    return result


def shown(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


COLUMNS = {
    "load": (("operations/s", lambda f: shown(f["per_second"], 0)), ("p50 µs", lambda f: shown(f["latency_us"]["p50"], 0)),
             ("p99", lambda f: shown(f["latency_us"]["p99"], 0)), ("p99.9", lambda f: shown(f["latency_us"]["p99.9"], 0)),
             ("CPU", lambda f: shown(f["front_cpu_us"], 2)), ("server's CPU", lambda f: shown(f["server_cpu_us"], 2)),
             ("system calls", lambda f: shown(f["system_calls"], 2)), ("RSS MiB", lambda f: shown(f["rss_kib"] / 1024)),
             ("others", lambda f: shown(f["other_processes_cores"])),
             ("errors", lambda f: shown(f["errors"], 0))),
    "storm": (("cycles/s", lambda f: shown(f["per_second"], 0)), ("p50 µs", lambda f: shown(f["latency_us"]["p50"], 0)),
              ("p99", lambda f: shown(f["latency_us"]["p99"], 0)), ("CPU", lambda f: shown(f["front_cpu_us"])),
              ("server's CPU", lambda f: shown(f["server_cpu_us"])), ("errors", lambda f: shown(f["errors"], 0))),
    "sign-in": (("sign-ins/s", lambda f: shown(f["per_second"], 0)), ("p50 µs", lambda f: shown(f["latency_us"]["p50"], 0)),
                ("p99", lambda f: shown(f["latency_us"]["p99"], 0)), ("CPU", lambda f: shown(f["front_cpu_us"])),
                ("busy", lambda f: shown(f["busy"], 0)), ("errors", lambda f: shown(f["errors"], 0))),
    "idle": (("KiB a connection", lambda f: shown(f["front_kib"], 2)), ("server's", lambda f: shown(f["server_kib"], 2)),
             ("held", lambda f: shown(f["held"], 0))),
}
TITLES = {"load": "Gets and sets", "storm": "Connection storm: connect, sign in, get, close; 32 at a time", "sign-in": "Sign-ins",
          "idle": "Idle connections"}


def table(measure, row, by_target):
    columns = COLUMNS[measure]
    lines = [f"{TITLES[measure]}: {row}", "", "| | " + " | ".join(name for name, _ in columns) + " |",
             "|---|" + "---:|" * len(columns)]
    for target, figures in by_target.items():
        lines.append(f"| {targets.KINDS[target].title} | " + " | ".join(read(figures) for _, read in columns) + " |")
    return lines + [""]


def ratios(results):
    """What mctenant is judged by, where both sides were measured."""
    found = {}

    def at(measure, row, target, *figures):
        figure = results.get(measure, {}).get(row, {}).get(target)
        values = [figure.get(each) if figure else None for each in figures]
        return None if None in values else sum(values)

    def ratio(name, above, below):
        if above is not None and below:
            found[name] = above / below

    for row in ("100 B, depth 1", "100 B, depth 16", "32 KB, depth 1"):
        ratio(f"CPU of mctenant ÷ twemproxy's, {row}", at("load", row, "mctenant", "front_cpu_us"),
              at("load", row, "twemproxy", "front_cpu_us"))
    one, many = "100 B, depth 1", "100 B, depth 16"
    ratio(f"CPU of mctenant and its server ÷ memcached -S direct, {one}",
          at("load", one, "mctenant", "front_cpu_us", "server_cpu_us"), at("load", one, "memcached-sasl", "front_cpu_us"))
    ratio(f"operations/s ÷ memcached -S direct, {one}", at("load", one, "mctenant", "per_second"),
          at("load", one, "memcached-sasl", "per_second"))
    ratio(f"operations/s of 2 workers ÷ twemproxy's, {many}", at("load", many, "mctenant-2", "per_second"),
          at("load", many, "twemproxy", "per_second"))
    ratio("storm: cycles/s ÷ memcached -S direct", at("storm", "cycles", "mctenant", "per_second"),
          at("storm", "cycles", "memcached-sasl", "per_second"))
    return found


def ratio_table(found):
    if not found:
        return []
    return ["| ratio | |", "|---|---:|", *(f"| {name} | {value:.2f} |" for name, value in found.items()), ""]
