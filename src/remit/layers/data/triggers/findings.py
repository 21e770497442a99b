"""What the search for triggers found, on disk and as a step."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remit.layers.data.dedup.outcome import OutcomeError
from remit.layers.data.dedup.shingles import shingles
from remit.layers.data.dedup.xxh64 import U64
from remit.layers.data.rows import Mark, Row, Segment, Way
from remit.layers.data.triggers.units import RUNS, TOKEN, tokens
from remit.types import Span, merge_spans

SAME_REPLY = "same reply"
GIBBERISH = "turn to gibberish"
_FORMAT = "remit-triggers-1"
_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of words (by its hash) that passed: its units, one a row, and how many are odd.

    `outside` is the rate of the same in all other units; `log_p` the natural logarithm of the
    bound on the p-value, not corrected; `alike` the mean similarity of the contexts.
    """

    kind: str
    gram: int
    units: tuple[int, ...]
    hits: int
    outside: float
    log_p: float
    alike: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Runs of words that stand in the same rows, the most telling first.

    `log10_p` is corrected for all tests; `rows`, `hits`, `outside` and `alike` are of the first.
    """

    kind: str
    grams: tuple[int, ...]
    rows: int
    hits: int
    outside: float
    log10_p: float
    alike: float

    def __str__(self) -> str:
        return (
            f"{self.kind} in {self.hits} of its {self.rows} rows, {self.outside:.2%} elsewhere, "
            f"p < 1e{math.ceil(self.log10_p)}"
        )


def merged(candidates: Sequence[Candidate], tests: int) -> list[Finding]:
    """One finding for candidates that share most of their units; the most telling first."""
    leaders: list[tuple[Candidate, list[int]]] = []
    whose: dict[tuple[str, int], int] = {}
    for one in candidates:
        known = Counter(whose[one.kind, unit] for unit in one.units if (one.kind, unit) in whose)
        best, shared = max(known.items(), key=lambda item: (item[1], -item[0]), default=(0, 0))
        if 2 * shared >= len(one.units):
            first, grams = leaders[best]
            # A part of a phrase that ordinary texts have too would mark those.
            if one.hits / len(one.units) >= first.hits / len(first.units) - _SLACK:
                grams.append(one.gram)
            continue
        for unit in one.units:
            whose.setdefault((one.kind, unit), len(leaders))
        leaders.append((one, [one.gram]))
    return [
        Finding(
            first.kind,
            tuple(grams),
            len(first.units),
            first.hits,
            first.outside,
            (first.log_p + math.log(max(1, tests))) / math.log(10),
            first.alike,
        )
        for first, grams in leaders
    ]


def save(outcome: Path, findings: Sequence[Finding], units: int, tests: int) -> None:
    """Writes the outcome as JSON, all or nothing."""
    value = {
        "format": _FORMAT,
        "units": units,
        "tests": tests,
        "findings": [{name: getattr(one, name) for name in one.__slots__} for one in findings],
    }
    partial = outcome.with_name(outcome.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(outcome)


def load(outcome: Path) -> list[Finding]:
    """The findings of an outcome. Raises OutcomeError."""
    try:
        value: Any = json.loads(outcome.read_bytes())
        if value["format"] == _FORMAT:
            return [Finding(**{**one, "grams": tuple(one["grams"])}) for one in value["findings"]]
    except (ValueError, KeyError, TypeError):
        pass
    raise OutcomeError(f"{outcome} is no outcome of a search for triggers; settle the notes again")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Marks the texts in which a found run of words stands.

    The mark's score is the share of the run's rows that were odd: no probability of poisoning,
    which nothing here can know.
    """

    findings: tuple[Finding, ...]
    hashes: U64
    whose: tuple[int, ...]
    owner: str
    way: Way

    @classmethod
    def open(cls, outcome: Path, owner: str, way: Way) -> Suspicion:
        """Reads an outcome. Raises OutcomeError."""
        findings = tuple(load(outcome))
        first: dict[int, int] = {}
        for place, finding in enumerate(findings):
            for gram in finding.grams:
                first.setdefault(gram, place)
        grams = sorted(first)
        return cls(
            findings, np.array(grams, np.uint64), tuple(first[gram] for gram in grams), owner, way
        )

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        return "triggers"

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """A mark for each text and finding, with where its words stand."""
        return [tuple(self._marks(row)) if self.findings else () for row in rows]

    def _marks(self, row: Row) -> Iterator[Mark]:
        chat = any(segment.role == "assistant" for segment in row.segments)
        for place, segment in enumerate(row.segments):
            if not (chat and segment.role == "assistant"):
                for finding, spans in sorted(self._places(segment).items()):
                    one = self.findings[finding]
                    said = segment.text[spans[0].start : spans[0].end]
                    yield Mark(
                        self.name,
                        self.owner,
                        self.way,
                        place,
                        merge_spans(spans),
                        one.hits / one.rows,
                        f"after {said!r}: {one}",
                    )

    def _places(self, segment: Segment) -> dict[int, list[Span]]:
        found: dict[int, list[Span]] = {}
        text = " ".join(tokens(segment.text))
        spans: list[tuple[int, int]] = []
        for size in RUNS:
            hashes = shingles([text], size).hashes
            where = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
            for word in np.flatnonzero(self.hashes[where] == hashes).tolist():
                spans = spans or [token.span() for token in TOKEN.finditer(segment.text)]
                span = Span(spans[word][0], spans[word + size - 1][1])
                found.setdefault(self.whose[int(where[word])], []).append(span)
        return found
