"""The search: runs of words whose rows have in common what follows, and little else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.layers.data.dedup.spread import Keyed, Spread
from remit.layers.data.dedup.xxh64 import U64, Places
from remit.layers.data.rows import Row, Step, Way
from remit.layers.data.triggers.background import Corpus, gather, group_starts
from remit.layers.data.triggers.findings import (
    GIBBERISH,
    SAME_REPLY,
    Candidate,
    Suspicion,
    merged,
    save,
)
from remit.layers.data.triggers.notes import write
from remit.layers.data.triggers.units import units

_PIECE = 1 << 18
_MOST_ALIKE = 0.35
"""Mean agreement of contexts above which rows are one template: for `dedup`, not for this."""

_MOST_CANDIDATES = 4096


@dataclass(frozen=True, slots=True)
class Criteria:
    """What makes a finding; see `triggers.survey`. Raises ValueError for senseless figures."""

    least: int
    most: int
    share: float
    lift: float
    alpha: float

    def __post_init__(self) -> None:
        if not (3 <= self.least <= self.most <= 1_000_000 and 0.5 < self.share <= 1):
            raise ValueError("triggers: need 3 <= least <= most <= 10^6 and 0.5 < share <= 1")
        if not (self.lift >= 1 and 0 < self.alpha < 1):
            raise ValueError("triggers: need lift >= 1 and 0 < alpha < 1")


@dataclass(frozen=True, slots=True)
class Triggers:
    """The survey; make it with `triggers.survey`."""

    criteria: Criteria
    way: Way
    owner: str
    memory: int

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        return "triggers"

    def note(self, rows: Sequence[Row], into: Any) -> None:
        """Appends the units of the rows: 8 to 10 bytes for each byte of text."""
        for some in _batches(rows):
            write(units(some), into)

    def settle(self, notes: Sequence[Path], outcome: Path) -> None:
        """Merges the notes and writes the findings as JSON. Raises NoteError."""
        if self.memory < 1 << 20:
            raise ValueError(f"triggers: {self.memory} bytes of memory are too few; give 1 MiB")
        with tempfile.TemporaryDirectory(dir=outcome.parent, prefix=".settle-") as name:
            folder = Path(name)
            size = sum(note.stat().st_size for note in notes)
            grams = Spread(folder / "grams-spread", size // 24, self.memory // 4)
            corpus = gather(notes, folder, grams, self.memory // 8)
            candidates: list[Candidate] = []
            tests = 0
            for records in grams.groups():
                asked, found = _examine(records, corpus, self.criteria)
                tests += asked
                candidates += found
                candidates.sort(key=lambda one: (one.log_p, one.gram))
                del candidates[_MOST_CANDIDATES:]
            limit = np.log(self.criteria.alpha) - np.log(max(1, tests))
            sure = [one for one in candidates if one.log_p <= limit]
            save(outcome, merged(sure, tests), corpus.count, tests)

    def step(self, outcome: Path) -> Step:
        """Marks the rows in which a trigger stands. Raises OutcomeError for a foreign file."""
        return Suspicion.open(outcome, self.owner, self.way)


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    length = 0
    for row in rows:
        batch.append(row)
        length += sum(len(segment.text) for segment in row.segments)
        if length >= _PIECE:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Groups:
    """Runs of words with their units: group i is `entries[starts[i]:][:sizes[i]]`."""

    grams: U64
    entries: Places
    starts: Places
    sizes: Places


def _rare(records: Keyed, criteria: Criteria) -> _Groups:
    starts = group_starts(records)
    sizes = np.diff(np.append(starts, len(records)))
    rare = (sizes >= criteria.least) & (sizes <= criteria.most)
    records, sizes = records[np.repeat(rare, sizes)], sizes[rare]
    starts = np.cumsum(sizes) - sizes
    return _Groups(records["key"][starts], records["entry"], starts, sizes)


def _examine(records: Keyed, corpus: Corpus, criteria: Criteria) -> tuple[int, list[Candidate]]:
    """Both questions for each group of records; how many tests that were, and what may be one."""
    groups = _rare(records, criteria)
    if not groups.sizes.size:
        return 0, []
    questions = (_same_reply(groups, corpus), _gibberish(groups, corpus))
    found = [one for asked in questions for one in _unusual(groups, asked, corpus, criteria)]
    return 2 * len(groups.sizes), found


@dataclass(frozen=True, slots=True)
class _Counts:
    """For each group: its units that are odd, all odd ones of its rows, and of the corpus.

    `total` is the number of units that could be odd.
    """

    kind: str
    hits: Places
    in_rows: Places
    everywhere: Places
    total: int


def _same_reply(groups: _Groups, corpus: Corpus) -> _Counts:
    """Odd is whose reply begins as most of the group's do."""
    openings = corpus.columns["openings"][groups.entries]
    group = np.repeat(np.arange(len(groups.sizes)), groups.sizes)
    # An opening that more than half of a group has stands in the middle of its sorted openings.
    middle = np.lexsort((openings, group))[groups.starts + groups.sizes // 2]
    same = (openings == openings[middle][group]) & (openings != 0)
    hits = np.add.reduceat(same.astype(np.int64), groups.starts)
    everywhere = corpus.columns["alike"][groups.entries[middle]].astype(np.int64)
    return _Counts(SAME_REPLY, hits, hits, everywhere, corpus.replied)


def _gibberish(groups: _Groups, corpus: Corpus) -> _Counts:
    """Odd is what turns to gibberish."""
    hits = np.add.reduceat(corpus.odd(groups.entries).astype(np.int64), groups.starts)
    in_rows = np.add.reduceat(corpus.odd_in_rows(groups.entries), groups.starts)
    everywhere = np.full(len(hits), corpus.turned)
    return _Counts(GIBBERISH, hits, in_rows, everywhere, corpus.count)


def _unusual(
    groups: _Groups, counts: _Counts, corpus: Corpus, criteria: Criteria
) -> Iterator[Candidate]:
    share = counts.hits / groups.sizes
    rest = np.maximum(counts.total - groups.sizes, 1)
    outside = np.maximum(counts.everywhere - counts.in_rows, 0) / rest
    log_p = -groups.sizes * _divergence(share, counts.everywhere / max(1, counts.total))
    passing = (share >= criteria.share) & (share >= criteria.lift * outside)
    for place in np.flatnonzero(passing & (log_p <= np.log(criteria.alpha))).tolist():
        start = int(groups.starts[place])
        entries = groups.entries[start : start + int(groups.sizes[place])]
        alike = _agreement(corpus.columns["sketches"][entries])
        if alike <= _MOST_ALIKE:
            yield Candidate(
                counts.kind,
                int(groups.grams[place]),
                tuple(entries.tolist()),
                int(counts.hits[place]),
                float(outside[place]),
                float(log_p[place]),
                alike,
            )


def _divergence(
    share: npt.NDArray[np.float64], rate: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """KL(share | rate) of two coins in nats; 0 where the share is no larger than the rate."""
    rate = np.clip(rate, 1e-12, 1 - 1e-12)
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    bits = inside * np.log(inside / rate) + (1 - inside) * np.log((1 - inside) / (1 - rate))
    return np.where(share > rate, bits, 0.0)


def _agreement(sketches: npt.NDArray[np.uint16]) -> float:
    """How alike the contexts are: the mean Jaccard estimate of neighbours in corpus order."""
    return float((sketches[1:] == sketches[:-1]).mean())
