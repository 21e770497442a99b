"""What became of every row and byte: counted where it happens, summed, and checked (law 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUTCOMES = ("kept", "changed", "dropped", "quarantined", "blank")
"""Each row has one. Blank lines are no rows, but their bytes are accounted for too."""

_MOST_REASONS = 100


@dataclass(frozen=True, slots=True)
class Account:
    """Rows and (unpacked) bytes that came in, by outcome; what went out; who asked for what.

    `steps` counts rows per step and what it asked, `reasons` rows per reason for quarantine.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    rows_out: int = 0
    bytes_out: int = 0
    steps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows_in(self) -> int:
        """Rows that came in, blank lines left out."""
        return sum(self.rows.values()) - self.rows.get("blank", 0)

    @property
    def bytes_in(self) -> int:
        """Bytes that came in, unpacked, of blank lines too."""
        return sum(self.bytes.values())

    def to_json(self) -> dict[str, Any]:
        """As JSON, outcomes in their order, the rest in order of name."""
        return {
            "rows_in": self.rows_in,
            "bytes_in": self.bytes_in,
            "rows": {name: self.rows.get(name, 0) for name in OUTCOMES},
            "bytes": {name: self.bytes.get(name, 0) for name in OUTCOMES},
            "rows_out": self.rows_out,
            "bytes_out": self.bytes_out,
            "steps": {name: dict(sorted(self.steps[name].items())) for name in sorted(self.steps)},
            "quarantine": dict(sorted(self.reasons.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Account:
        """What `to_json` wrote. Raises KeyError where a part is missing."""
        return cls(
            value["rows"],
            value["bytes"],
            value["rows_out"],
            value["bytes_out"],
            value["steps"],
            value["quarantine"],
        )


class Tally:
    """An account in the making."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._steps: dict[str, Counter[str]] = {}
        self._reasons: Counter[str] = Counter()
        self.rows_out = 0
        self.bytes_out = 0

    def add(self, outcome: str, rows: int, size: int) -> None:
        """So many rows and bytes came to this outcome."""
        self._rows[outcome] += rows
        self._bytes[outcome] += size

    def asked(self, step: str, way: str, rows: int = 1) -> None:
        """A step asked for this."""
        self._steps.setdefault(step, Counter())[way] += rows

    def refused(self, reason: str, rows: int = 1) -> None:
        """A row could not be read. Of very many different reasons the later ones go together."""
        known = reason in self._reasons or len(self._reasons) < _MOST_REASONS
        self._reasons[reason if known else "other reasons"] += rows

    def plus(self, account: Account) -> None:
        """Adds an account."""
        self._rows.update(account.rows)
        self._bytes.update(account.bytes)
        for reason, rows in account.reasons.items():
            self.refused(reason, rows)
        for step, ways in account.steps.items():
            self._steps.setdefault(step, Counter()).update(ways)
        self.rows_out += account.rows_out
        self.bytes_out += account.bytes_out

    def account(self) -> Account:
        """What was counted so far."""
        return Account(
            dict(self._rows),
            dict(self._bytes),
            self.rows_out,
            self.bytes_out,
            {step: dict(ways) for step, ways in self._steps.items()},
            dict(self._reasons),
        )
