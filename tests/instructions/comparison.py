"""Counts beside those that were kept."""

import dataclasses
import typing

TOLERANCE = 5  # percent: what has grown by more is a fault


@dataclasses.dataclass
class Row:
    scenario: str
    kept: typing.Optional[int]
    counted: typing.Optional[int]

    @property
    def change(self):
        """The share by which the count has grown; None where one is missing."""
        return self.counted / self.kept - 1 if self.kept and self.counted else None

    @property
    def grown(self):
        """Beyond what is tolerated."""
        return self.change is not None and 100 * (self.counted - self.kept) > TOLERANCE * self.kept

    @property
    def shrunk(self):
        return self.change is not None and 100 * (self.kept - self.counted) > TOLERANCE * self.kept


def compare(kept, counted):
    """Both map scenarios to counts. A row for each that is in either, those counted first."""
    names = list(counted) + [name for name in kept if name not in counted]
    return [Row(name, kept.get(name), counted.get(name)) for name in names]


def faults(rows):
    """A sentence for each row that must not pass."""
    found = []
    for row in rows:
        if row.counted is None:
            found.append(f"{row.scenario}: a count is kept, but there is no such scenario")
        elif row.kept is None:
            found.append(f"{row.scenario}: no count is kept")
        elif row.grown:
            found.append(f"{row.scenario}: {row.counted:,} instructions, {row.change:+.1%} over the {row.kept:,} kept")
    return found


def table(rows):
    width = max(len(row.scenario) for row in rows)
    lines = [f"{'instructions an operation':{max(width, 25)}} {'kept':>10} {'now':>10} {'change':>8}"]
    for row in rows:
        kept = "–" if row.kept is None else f"{row.kept:,}"
        now = "–" if row.counted is None else f"{row.counted:,}"
        change = "" if row.change is None else f"{row.change:+.1%}"
        lines.append(f"{row.scenario:{max(width, 25)}} {kept:>10} {now:>10} {change:>8}".rstrip())
    return "\n".join(lines)
