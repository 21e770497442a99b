"""What a part keeps for the card: counts, and a sample. Bounded, mergeable, without any text.

A length is counted by its number of binary digits: 10 stands for 512 to 1,023 bytes. A score falls
into one of twenty bins. Reasons lose their numbers, so that alike ones are counted together.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from remit.layers.data.card.sample import Sample
from remit.layers.data.entries import row_digest
from remit.layers.data.rows import Mark, Row
from remit.types import Json

BINS = 20
UNKNOWN = "und"
"""Undetermined (ISO 639-2): where no language step runs."""
_MOST_REASONS = 20
_LONGEST_REASON = 120
_MOST_MARKS, _MOST_SPANS = 8, 16
_NUMBER = re.compile(r"\d[\d.,]*")

Tongue = Callable[[Row], str]
"""The language of a row."""


@dataclass(slots=True)
class Seen:
    """What became of the rows that one step marked. `alone`: dropped, and by no other step."""

    outcomes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    scores: list[int] = field(default_factory=lambda: [0] * BINS)
    alone: int = 0
    unjudged: int = 0
    near: int = 0

    def told(self, row: Row, marks: Sequence[Mark]) -> None:
        """Counts each role and reason of a row's marks once."""
        if len(marks) == 1:
            (mark,) = marks
            self.roles[_role(row, mark)] += 1
            self.because(shortened(mark.reason))
            return
        for role in {_role(row, mark) for mark in marks}:
            self.roles[role] += 1
        for reason in sorted({shortened(mark.reason) for mark in marks}):
            self.because(reason)

    def because(self, reason: str, rows: int = 1) -> None:
        """Counts a reason; of very many different ones the later go together."""
        if not reason:
            return
        known = reason in self.reasons or len(self.reasons) < _MOST_REASONS
        self.reasons[reason if known else "other reasons"] += rows

    def plus(self, other: Mapping[str, object]) -> None:
        """Adds what `to_json` wrote."""
        told: Json = dict(other)
        self.outcomes.update(told["outcomes"])
        self.roles.update(told["roles"])
        for reason, rows in told["reasons"].items():
            self.because(reason, rows)
        self.scores = [a + b for a, b in zip(self.scores, told["scores"], strict=True)]
        self.alone += told["alone"]
        self.unjudged += told["unjudged"]
        self.near += told["near"]

    def to_json(self) -> Json:
        """As JSON, in a fixed order."""
        return {
            "outcomes": dict(sorted(self.outcomes.items())),
            "roles": dict(sorted(self.roles.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "scores": self.scores,
            "alone": self.alone,
            "unjudged": self.unjudged,
            "near": self.near,
        }


class Sketch:
    """The counts and the sample of a part, or of many. `tongue` tells languages where one can."""

    def __init__(
        self,
        salt: bytes = b"",
        size: int = 0,
        *,
        tongue: Tongue | None = None,
        unsampled: frozenset[str] = frozenset(),
        part: int = 0,
    ) -> None:
        self._tongue = tongue
        self._unsampled = unsampled
        self._part = part
        self._before: Counter[int] = Counter()
        self._after: Counter[int] = Counter()
        self._languages: Counter[str] = Counter()
        self._block: Counter[int] = Counter()
        self._told: dict[int, str] = {}
        self._steps: dict[str, Seen] = {}
        self._sample = Sample(salt, size)

    def came(self, rows: Sequence[object]) -> None:
        """A block of rows as they came; what is said of them, and what leaves, follows."""
        read = [row for row in rows if isinstance(row, Row)]
        self._block = Counter([len(row.raw).bit_length() for row in read])
        self._before.update(self._block)
        if self._tongue is not None:
            self._told = {row.number: self._tongue(row) for row in read}
            self._languages.update(self._told.values())

    def left(self, outputs: Sequence[object] | None = None) -> None:
        """What leaves of the block; all of it where `outputs` is None."""
        if outputs is None:
            self._after.update(self._block)
        else:
            self._after.update(size for one in outputs if (size := _size(one)))

    def marked(self, row: Row, marks: Sequence[Mark], outcome: str) -> None:
        """What the steps said of a row, near misses among them, and what became of it."""
        by_step: dict[str, list[Mark]] = {}
        for mark in marks:
            by_step.setdefault(mark.step, []).append(mark)
        number = self._sample.number(row.source, row.number)
        alone = outcome == "dropped" and _alone(marks)
        for step, said in by_step.items():
            seen = self._steps.get(step) or self._steps.setdefault(step, Seen())
            score = said[0].score if len(said) == 1 else max(mark.score for mark in said)
            seen.scores[min(int(score * BINS), BINS - 1)] += 1
            found = [mark for mark in said if not mark.near]
            if not found:
                seen.near += 1
                if outcome in ("kept", "changed"):
                    self._offer("near", row, number, said, outcome)
                continue
            seen.outcomes[outcome] += 1
            seen.alone += alone == step
            seen.told(row, found)
            # A step that failed on a row found nothing there: there is nothing to be right about.
            judged = [mark for mark in found if mark.score > 0]
            seen.unjudged += not judged
            if any(mark.way for mark in judged):
                self._offer("found", row, number, judged, outcome)

    def _offer(self, kind: str, row: Row, number: int, marks: Sequence[Mark], outcome: str) -> None:
        step = marks[0].step
        if step in self._unsampled:
            return
        language = self._told.get(row.number, UNKNOWN)
        self._sample.offer(kind, step, language, number, lambda: self._refer(row, marks, outcome))

    def _refer(self, row: Row, marks: Sequence[Mark], outcome: str) -> Json:
        return {
            "source": row.source,
            "part": self._part,
            "row": row.number,
            "sha256": row_digest(row.raw).hexdigest(),
            "outcome": outcome,
            "marks": [_mark(row, mark) for mark in marks[:_MOST_MARKS]],
        }

    def plus(self, told: Json) -> None:
        """Adds what `to_json` of another part wrote."""
        self._before.update({int(size): rows for size, rows in told["before"].items()})
        self._after.update({int(size): rows for size, rows in told["after"].items()})
        self._languages.update(told["languages"])
        for step, seen in told["steps"].items():
            self._steps.setdefault(step, Seen()).plus(seen)
        self._sample.plus(told["offered"], told["sample"])

    def to_json(self) -> Json:
        """As JSON, in a fixed order."""
        return {
            "before": {str(size): rows for size, rows in sorted(self._before.items())},
            "after": {str(size): rows for size, rows in sorted(self._after.items())},
            "languages": dict(sorted(self._languages.items())),
            "steps": {step: seen.to_json() for step, seen in sorted(self._steps.items())},
            "offered": self._sample.offered(),
            "sample": self._sample.items(),
        }


def _alone(marks: Sequence[Mark]) -> str:
    """The one step that asks for the gravest; empty where several do."""
    gravest = max(mark.way for mark in marks)
    asking = {mark.step for mark in marks if mark.way == gravest}
    return asking.pop() if len(asking) == 1 else ""


def shortened(reason: str) -> str:
    """A reason without its numbers, cut at a length."""
    return _NUMBER.sub("…", reason[: 2 * _LONGEST_REASON])[:_LONGEST_REASON]


def sizes(histogram: Mapping[str, int]) -> Iterable[tuple[int, int]]:
    """The bins of lengths with their rows, none between them left out."""
    known = sorted(int(size) for size in histogram)
    for size in range(known[0], known[-1] + 1) if known else ():
        yield size, histogram.get(str(size), 0)


def _size(output: object) -> int:
    if isinstance(output, Row):
        return len(output.raw).bit_length()
    if isinstance(output, dict):
        return len(_encoded(output)).bit_length()
    return 0


def _encoded(value: Json) -> bytes | str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a number beyond 64 bits
        return json.dumps(value, default=str, ensure_ascii=False)


def _role(row: Row, mark: Mark) -> str:
    return row.segments[mark.segment].role if mark.segment >= 0 else "row"


def _mark(row: Row, mark: Mark) -> Json:
    told: Json = {"asks": mark.way.name.lower(), "score": round(mark.score, 6)}
    if mark.segment >= 0:
        told["segment"] = mark.segment
    if mark.spans:
        told["spans"] = [[span.start, span.end] for span in mark.spans[:_MOST_SPANS]]
    if mark.reason:
        told["reason"] = mark.reason[: 2 * _LONGEST_REASON]
    return told
