"""Durations: percentiles per kind of call and per group."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

HEAD = ("kind", "count", "errors", "p50", "p95", "p99", "max")
# The first event is part of a chat turn, not a call.
FIRST = "chat: first event"


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of the values do not exceed; 0 without values."""
    if not sorted_values:
        return 0.0
    # Rounded first, because 0.95 * 20 is slightly more than 19 in floating point.
    place = math.ceil(round(share * len(sorted_values), 6))
    return sorted_values[max(place, 1) - 1]


@dataclass
class Figures:
    """Milliseconds and errors per kind. The durations of failed calls count."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    errors: list[str] = field(default_factory=list)

    def add(self, kind: str, milliseconds: float, error: str = "") -> None:
        """Counts one call."""
        self.times[kind].append(milliseconds)
        if error:
            self.failed[kind] += 1
            self.errors.append(f"{kind}: {error}")

    def first_event(self, milliseconds: float) -> None:
        """Counts the first event of a chat turn."""
        self.times[FIRST].append(milliseconds)

    def tasks(self) -> dict[str, Any]:
        """All task calls."""
        return self.row("all task calls", [kind for kind in self.times if kind[:4] != "chat"])

    def chat(self) -> dict[str, Any]:
        """All chat turns, until their last event."""
        return self.row("chat until done", ["chat"])

    def row(self, name: str, kinds: Iterable[str]) -> dict[str, Any]:
        """One line of the table."""
        kinds = list(kinds)
        values = sorted(value for kind in kinds for value in self.times.get(kind, ()))
        found = [percentile(values, share) for share in (0.5, 0.95, 0.99, 1)]
        errors = sum(self.failed.get(kind, 0) for kind in kinds)
        shown = [name, len(values), errors, *(round(value, 1) for value in found)]
        return dict(zip(HEAD, shown, strict=True))

    def kinds(self) -> list[dict[str, Any]]:
        """One line per kind."""
        return [self.row(kind, [kind]) for kind in sorted(self.times)]

    def table(self) -> str:
        """The table, in milliseconds."""
        single = [self.row(kind, [kind]) for kind in sorted(self.times)]
        rows = [HEAD, *(tuple(row.values()) for row in [*single, self.tasks(), self.chat()])]
        lines = [
            f"{row[0]:<18}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in map(_cells, rows)
        ]
        lines.insert(len(lines) - 2, "-" * len(lines[0]))
        return "\n".join(lines)


def _cells(row: Sequence[Any]) -> list[str]:
    return [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row]
