"""The report as frozen values: a first page, then sections made of a few kinds of blocks.

Every output (HTML, PDF, JSON, OSCAL) is written from these, so that none can say more than another.
All texts are plain; whoever writes markup escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Sign = Literal["good", "bad", "open", "quiet"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One measured statement about one rule, with all that is needed to check it.

    `failed` of `n` units, and `unknown` ones gave no answer. `rate` and the bounds `low` and `high`
    are shares, None where the counts give no rate. `confidence` is of each bound for one-sided
    methods, and `method` says which.
    `epoch` is the span of time and the remit it holds for; `artefact` the SHA-256 (or the head of
    the chain) of what it was counted from.
    """

    rule: str
    owner: str
    measure: str
    failed: int
    n: int
    unknown: int
    unit: str
    rate: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    limit: float | None
    verdict: str
    sign: Sign
    epoch: str
    artefact: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. `soft` ones are about how it was measured."""

    words: str
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    words: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the pack should show and cannot: what is missing, and how to fill it."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Task:
    """What only a person can add."""

    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell. `small` stands below it; `code` is for identifiers and hashes."""

    words: str
    sign: Sign | None = None
    small: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims of one measure, a row each; `plot` where a picture of the bounds helps."""

    title: str
    claims: tuple[Claim, ...]
    note: str = ""
    plot: bool = False


@dataclass(frozen=True, slots=True)
class Month:
    """A column of the plot over time: answers stopped and let through among those read."""

    name: str
    answers: int
    stopped: int
    passed: int


@dataclass(frozen=True, slots=True)
class Months:
    """What was found in operation, month by month."""

    title: str
    months: tuple[Month, ...]


Block = Text | Heading | Gap | Task | Table | Claims | Months


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the pack. `asks` is the question it answers, `serves` the clauses it serves."""

    id: str
    title: str
    asks: str
    serves: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """One rule on the first page: who answers for it, whether it holds, what was seen.

    `claim` is what the verdict rests on; None where the rule is not verified.
    """

    rule: str
    says: str
    owner: str
    holds: Cell
    seen: Cell
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the first page."""

    value: str
    what: str
    sign: Sign = "quiet"


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that waits for somebody."""

    who: str
    what: str
    section: str


@dataclass(frozen=True, slots=True)
class Front:
    """The first page."""

    sentence: str
    sign: Sign
    figures: tuple[Figure, ...]
    rules: tuple[Held, ...]
    decisions: tuple[Decision, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Input:
    """A file that the report rests on. `sha256` is the chain's summary hash for a record."""

    kind: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole pack. `at` is the moment it speaks of, never the moment it was written."""

    organisation: str
    assistant: str
    policy: str
    at: str
    at_is: str
    since: str
    until: str
    remit_version: str
    front: Front
    sections: tuple[Section, ...]
    inputs: tuple[Input, ...] = field(default=())

    def claims(self) -> Iterator[Claim]:
        """All claims, in the order of the sections."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Claims):
                    yield from block.claims

    def gaps(self) -> Iterator[tuple[str, Gap]]:
        """All gaps, with the section that each is in."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Gap):
                    yield section.title, block

    def tasks(self) -> Iterator[tuple[str, Task]]:
        """All that people have to add, with the section that each is in."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Task):
                    yield section.title, block
