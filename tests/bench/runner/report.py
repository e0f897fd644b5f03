"""The results: JSON for machines, Markdown tables for people, and what the README shows."""

import datetime
import json
import os

import environment
import figures
import ratios
import targets
from measures.half_load import HalfLoad
from measures.mix import Mix
from measures.profile import Profile
from measures.shapes import DEEP, LARGE, MULTI_GET, SMALL
from tables import line, shown, table

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


class Results:
    def __init__(self, settings, command):
        self.settings, self.command = settings, command
        self.left_out, self.failures, self.tuning = {}, [], []
        # measure → row → target → list of figures, one a round
        self.rounds = {}
        self.date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

    def add(self, measure, row, target, found):
        self.rounds.setdefault(measure, {}).setdefault(row, {}).setdefault(target, []).append(found)

    def take(self, earlier):
        """An earlier run, as a round."""
        for measure, rows in earlier["results"].items():
            for row, by_target in rows.items():
                for target, found in by_target.items():
                    self.add(measure, row, target, found)
        self.failures += earlier["failures"]

    def fail(self, measure, row, target, why):
        self.failures.append(f"{target} at {measure}, {row}: {why}")

    def tune(self, target, row, judged_by, tried):
        self.tuning.append({"target": target, "row": row, "judged_by": judged_by,
                            "tried": {str(each): figure for each, figure in tried.items()}})

    def latest(self, measure, row, target):
        found = self.rounds.get(measure, {}).get(row, {}).get(target)
        return found[-1] if found else None

    def medians(self):
        return {measure: {row: {target: figures.median(found) for target, found in by_target.items()}
                          for row, by_target in rows.items()} for measure, rows in self.rounds.items()}

    def as_json(self):
        return {"date": self.date, "command": self.command, "machine": environment.machine(),
                "versions": environment.versions(self.settings), "settings": self.settings.describe(),
                "left_out": self.left_out, "failures": self.failures, "tuning": self.tuning, "results": self.medians(),
                "ratios": ratios.as_json(ratios.ratios(self.medians()))}


def conditions(whole):
    machine, settings = whole["machine"], whole["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in whole["versions"].items())
    return (f"Measured {whole['date']} by `{whole['command'].strip()}` on {machine['cores']} cores of {machine['processor']}, "
            f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; {versions}. {settings['network']}. {settings['layout']}. "
            f"{settings['connections']} connections, {settings['keys']:,} keys ({settings['keys_of_32_kb']:,} of 32 KB), 9 gets to "
            "a set, one load process; memcached has one thread; mctenant signs in, has its namespace, ledger and a quota.")


LEGEND = ("CPU is user + system time in µs an operation (seconds a million), of the proxy (or the memcached loaded directly) and of the server "
          "behind it. \"others\" is how many cores other programs used meanwhile: above 0.1, rates and latencies say little. "
          "Ratios within one run count, not these figures.")


def markdown(whole):
    lines = [f"{conditions(whole)} {LEGEND}", ""]
    lines += [f"Left out: {name}: {reason}.\n" for name, reason in whole["left_out"].items()]
    lines += [f"FAILED: {failure}\n" for failure in whole["failures"]]
    lines += ratio_table(whole["ratios"])
    for measure, rows in whole["results"].items():
        for row, by_target in rows.items():
            lines += table(measure, row, by_target)
    lines += tuning_table(whole["tuning"])
    return "\n".join(lines) + "\n"


def ratio_table(found):
    if not found:
        return []
    lines = ["| ratio, or figure | must be | is | |", "|---|---:|---:|---|"]
    for each in found:
        least, most = each.get("at_least"), each.get("at_most")
        bound = f"≥ {least:g}" if least is not None else f"≤ {most:g}" if most is not None else "–"
        lines.append(line(each["name"], bound, shown(each["value"], 2), "" if each["met"] else "**missed**"))
    return lines + [""]


def tuning_table(found):
    """With which of their settings the peers were best: these are what they were measured with."""
    if not found:
        return []
    lines = ["The peers' settings, each tried shortly; the best at a row counts there:", "", "| | row | judged by | tried |",
             "|---|---|---|---|"]
    for each in found:
        tried = ", ".join(f"{name}: {shown(figure, 1)}" for name, figure in each["tried"].items())
        lines.append(line(targets.KINDS[each["target"]].title, each["row"], each["judged_by"], tried))
    return lines + [""]


def write(whole, folder):
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, name) for name in ("bench.json", "bench.md")]
    for path, text in zip(paths, (json.dumps(whole, indent=2) + "\n", markdown(whole))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return paths


def summary(whole):
    """What the README shows: a line for each target and shape, and the ratios."""
    lines = [conditions(whole), ""]
    if "load" in whole["results"]:
        lines += load_table(whole["results"]["load"])
    for measure in (HalfLoad.name, Profile.name):
        for row, by_target in whole["results"].get(measure, {}).items():
            lines += table(measure, row, by_target)
    return "\n".join([*lines, *ratio_table(whole["ratios"]), *mix_sentence(whole["results"])]).strip()


def load_table(rows):
    lines = ["| | CPU µs an operation | of the server behind | system calls | operations/s | p99 µs |",
             "|---|---:|---:|---:|---:|---:|"]
    for row in (SMALL, DEEP, MULTI_GET, LARGE):
        for name, each in rows.get(row, {}).items():
            lines.append(line(f"{row}: {targets.KINDS[name].title}", shown(each["front_cpu_us"], 2),
                              shown(each["server_cpu_us"], 2), shown(each["system_calls"], 2), shown(each["per_second"], 0),
                              shown(each["latency_us"]["p99"], 0)))
    return lines + [""]


def mix_sentence(results):
    found = results.get(Mix.name, {}).get(Mix.row, {})
    told = [f"{targets.KINDS[name].title}: {shown(each['per_second'], 0)} operations/s, {shown(each['front_cpu_us'], 1)} µs, "
            f"p99 {shown(each['latency_us']['p99'] / 1000, 1)} ms, {shown(100 * each['hit_rate'], 1)} % hits"
            for name, each in found.items()]
    return [f"Fifty tenants like fifty real ones (`tests/bench/workloads.csv`): {'; '.join(told)}."] if told else []


def put_between_markers(text, new):
    """Replaces what stands between the markers."""
    before, found, rest = text.partition(BEGIN)
    old, closed, after = rest.partition(END)
    del old
    if not found or not closed:
        raise ValueError(f"no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def put_into_readme(whole, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(put_between_markers(text, summary(whole)))
