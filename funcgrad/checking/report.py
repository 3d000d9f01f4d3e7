"""What `check` hands back: findings, and a report of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CheckError

__all__ = ["Finding", "Report"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that may be.

    Args:
        kind: "derivative", "dot test", "vmap", "dead argument", "zero gradient", "key reuse", "dtype drift",
            "no derivative", "not finite" or "impure".
        message: what was seen, and what to write instead.
        line: where in the user's program; empty where it is no one line.
    """

    kind: str
    message: str
    line: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" + (f"\n  at {self.line}" if self.line else "")


class Report:
    """What `check` found."""

    def __init__(self, name: str, findings: Sequence[Finding]):
        self.name, self.findings = name, list(dict.fromkeys(findings))

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def kinds(self) -> list[str]:
        """The kinds of the findings, in their order."""
        return [finding.kind for finding in self.findings]

    def raise_if_any(self) -> None:
        """Raise CheckError with the whole report unless it is empty: for tests."""
        if self.findings:
            raise CheckError(str(self))

    def __str__(self) -> str:
        if not self.findings:
            return f"check of {self.name}: nothing found"
        count = len(self.findings)
        head = f"check of {self.name}: {count} finding{'s' if count > 1 else ''}"
        return "\n".join([head, *map(str, self.findings)])

    __repr__ = __str__
