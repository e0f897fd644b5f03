"""Rows of the result: what was proved, the figure, its bound, and whether it held."""

import dataclasses
import datetime
import json
import os

import environment


@dataclasses.dataclass
class Row:
    proof: str
    what: str
    figure: str
    bound: str
    passed: bool

    def text(self):
        return f"{'pass' if self.passed else 'FAIL'}  {self.proof}: {self.what}: {self.figure} (bound: {self.bound})"


def markdown(rows, command):
    machine = environment.machine()
    lines = [f"By `{command}`, {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M UTC}, {machine['cores']} cores of "
             f"{machine['processor']}, {machine['memory_gib']} GiB, Linux {machine['kernel']}.", "",
             "| proof | what | figure | bound | |", "|---|---|---|---|---|"]
    lines += [f"| {row.proof} | {row.what} | {row.figure} | {row.bound} | {'pass' if row.passed else '**FAIL**'} |" for row in rows]
    return "\n".join(lines) + "\n"


def write(rows, command, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "quota.md"), "w", encoding="utf-8") as file:
        file.write(markdown(rows, command))
    with open(os.path.join(folder, "quota.json"), "w", encoding="utf-8") as file:
        json.dump([dataclasses.asdict(row) for row in rows], file, indent=2)
