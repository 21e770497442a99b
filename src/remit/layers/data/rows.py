"""A training row as the rules see it: its texts, each with a role and a place in the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from remit.types import Json, Span

WHOLE_ROW = -1
"""The segment of a mark that concerns the row as a whole."""


class Way(IntEnum):
    """What is done with a row, ordered by severity: combining is `max`.

    `counter` keeps the row and adds one that shows the wished-for reply; `tag` keeps it and says
    what it is (conditional training); `mask` keeps the text out of the loss; `redact` takes the
    spans out; `rewrite` lets a model say it anew; `drop` takes the row out.
    """

    KEEP = 0
    COUNTER = 1
    TAG = 2
    MASK = 3
    REDACT = 4
    REWRITE = 5
    DROP = 6


@dataclass(frozen=True, slots=True)
class Segment:
    """One text of a row: who says it, and where it stands in the row's value.

    `role` is document, system, user, assistant or tool; `path` the keys and indices that lead to
    the text, such as ("messages", 2, "content").
    """

    role: str
    path: tuple[str | int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its bytes as they came, its parsed value, its texts in reading order.

    `number` counts rows of the source file from 0, also those that could not be read.
    """

    source: str
    number: int
    raw: bytes
    value: Json
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What one step says of a row: who asks it, what is to be done, where, and why.

    `step` is a rule's id or a named step (`gopher-quality`); `spans` count characters of the
    segment's text; `score` is a calibrated probability, 1 where the finding is certain.
    A `near` mark is no finding: the score is not far below the threshold, and nothing is asked.
    """

    step: str
    owner: str
    way: Way
    segment: int = WHOLE_ROW
    spans: tuple[Span, ...] = ()
    score: float = 1.0
    reason: str = ""
    near: bool = False


class Step(Protocol):
    """Judges rows one batch at a time. Pure: the same row gets the same marks in any batch."""

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        ...

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """The marks of each row, in the order of the rows; an empty tuple where all is well."""
        ...


class Survey(Protocol):
    """A step that must see the whole corpus before it can judge a row (de-duplication).

    Three parts, so that shards may be noted anywhere and in any order: `note` writes what one
    shard contributes, `settle` merges the notes in the order of the shards, `step` judges with
    the outcome. All are deterministic: same input, same bytes.
    """

    @property
    def name(self) -> str:
        """What its marks are signed with."""
        ...

    def note(self, rows: Sequence[Row], into: Any) -> None:
        """Appends what a batch of rows contributes to the open binary file `into`."""
        ...

    def settle(self, notes: Sequence[Path], outcome: Path) -> None:
        """Merges the shards' notes, in order, into the file `outcome`. Memory is bounded."""
        ...

    def step(self, outcome: Path) -> Step:
        """The step that judges rows by the outcome."""
        ...
