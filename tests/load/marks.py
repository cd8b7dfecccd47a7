"""Finds data of other users: every title contains the mark of its owner."""

import re
from dataclasses import dataclass, field
from random import Random

_MARK = re.compile(r"mark[0-9a-f]{12}", re.IGNORECASE)


def mark(rng: Random) -> str:
    """A new mark."""
    return f"mark{rng.getrandbits(48):012x}"


@dataclass
class Findings:
    """The operations, leaks and differences."""

    operations: dict[str, int] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def count(self, kind: str) -> None:
        """Counts an operation."""
        self.operations[kind] = self.operations.get(kind, 0) + 1

    def look(self, email: str, own: str, where: str, text: str) -> None:
        """Checks whether a response contains the mark of another user."""
        foreign = {found.lower() for found in _MARK.findall(text)} - {own}
        if foreign:
            shown = ", ".join(sorted(foreign)[:3])
            self.leaks.append(f"{email} asked {where} and saw {shown}, and is {own}")

    def leak(self, sentence: str) -> None:
        """Reports a leak."""
        self.leaks.append(sentence)

    def differ(self, sentence: str) -> None:
        """Reports a difference."""
        self.differences.append(sentence)

    def table(self) -> str:
        """The table of all findings."""
        lines = [f"{kind:<32}{many:>8}" for kind, many in sorted(self.operations.items())]
        lines.append(f"{'operations':<32}{sum(self.operations.values()):>8}")
        for name, found in (("leaks", self.leaks), ("differences", self.differences)):
            lines.append(f"{name:<32}{len(found):>8}")
            lines += [f"  {sentence}" for sentence in found[:10]]
        return "\n".join(lines)
