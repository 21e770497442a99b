"""Answers put together into conversations, the units that are counted.

The answers of one conversation are no independent evidence: one that goes wrong tends to go wrong
again. So a unit is a conversation, and it counts once, when it has been idle. Which answer was
its last is known only then. A conversation is *judged* where its last answer was drawn: an auditor
then saw all of it, and every conversation is judged with the probability of its last answer's
draw, however long it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from remit.layers.monitor.answers import Answer, Done

IDLE_MINUTES: Final = 30
"""After this long without an answer a conversation has ended; what comes later is another."""

OPEN_MOST: Final = 4_000
"""Conversations in memory at most; beyond, the one that has been idle longest is closed early."""

_HASHES_MOST: Final = 40
_FOUND_MOST: Final = 100


@dataclass(slots=True)
class Unit:
    """A conversation so far. `sampled` and `receipt` are of its newest answer."""

    began: str
    last: str
    model: str = ""
    answers: int = 0
    found: dict[tuple[str, str], Done] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)
    receipt: str = ""
    sampled: float | None = None
    risky: bool = False
    judgement: Mapping[str, Any] | None = None

    def add(self, answer: Answer) -> None:
        """One more answer."""
        self.last = max(self.last, answer.time)
        self.model = answer.model
        self.answers += 1
        for key, done in answer.found.items():
            if done == "through" or (key not in self.found and len(self.found) < _FOUND_MOST):
                self.found[key] = done
        if len(self.hashes) < _HASHES_MOST:
            self.hashes.append(answer.sha256)
        self.receipt, self.sampled, self.judgement = answer.id, answer.sampled, None
        self.risky = self.risky or answer.risky

    def reached(self, rule: str) -> bool:
        """True where the guard itself saw a violation of the rule go out."""
        return any(self.found.get((rule, side)) == "through" for side in ("output", "tool"))

    def as_list(self) -> list[Any]:
        """As plain JSON values; `Unit.restored` reads it back."""
        found = [[*key, done] for key, done in self.found.items()]
        return [
            self.began, self.last, self.model, self.answers, found, self.hashes, self.receipt,
            self.sampled, self.risky, self.judgement,
        ]  # fmt: skip

    @classmethod
    def restored(cls, value: list[Any]) -> Unit:
        """What `as_list` wrote down. Raises ValueError or TypeError for anything else."""
        began, last, model, answers, found, hashes, receipt, sampled, risky, judgement = value
        kept = {(rule, side): done for rule, side, done in found}
        return cls(
            began, last, model, int(answers), kept, hashes, receipt, sampled, risky, judgement
        )


class Conversations:
    """The conversations that have not ended, the one idle longest first."""

    def __init__(self) -> None:
        self._open: dict[str, Unit] = {}
        self._drawn: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, answer: Answer) -> Iterator[Unit]:
        """Puts an answer where it belongs; gives what must be closed to make room."""
        unit = self._open.pop(answer.follows, None) if answer.follows else None
        if unit is None:
            unit = Unit(answer.time, answer.time)
        self._drawn.pop(unit.receipt, None)
        unit.add(answer)
        key = answer.conversation or answer.id
        before = self._open.pop(key, None)
        if before is not None:
            yield self._ended(before)
        self._open[key] = unit
        if answer.sampled:
            self._drawn[answer.id] = key
        if len(self._open) > OPEN_MOST:
            yield self._ended(self._open.pop(next(iter(self._open))))

    def judged(self, judgement: Mapping[str, Any]) -> None:
        """What the auditors found in the conversation up to an answer, if that is its newest."""
        receipt = judgement.get("receipt")
        key = self._drawn.get(receipt) if isinstance(receipt, str) else None
        unit = self._open.get(key) if key is not None else None
        if unit is not None and unit.receipt == receipt:
            unit.judgement = judgement

    def idle(self, before: str) -> Iterator[Unit]:
        """Closes what has had no answer since `before` (a time as the record writes it)."""
        while self._open:
            key = next(iter(self._open))
            if self._open[key].last >= before:
                return
            yield self._ended(self._open.pop(key))

    def _ended(self, unit: Unit) -> Unit:
        self._drawn.pop(unit.receipt, None)
        return unit

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {key: unit.as_list() for key, unit in self._open.items()}

    @classmethod
    def restored(cls, value: Mapping[str, Any]) -> Conversations:
        """What `as_dict` wrote down. Raises ValueError or TypeError for anything else."""
        made = cls()
        made._open = {key: Unit.restored(unit) for key, unit in value.items()}
        made._drawn = {u.receipt: key for key, u in made._open.items() if u.sampled}
        return made
