"""What all sections are made with."""

from __future__ import annotations

from collections.abc import Iterable

from remit.report import words
from remit.report.clauses import SERVES
from remit.report.document import Block, Cell, Section, Table
from remit.report.gather import Gathered

NOBODY = "nobody named"


def section(id: str, title: str, asks: str, blocks: Iterable[Block]) -> Section:
    """A section with the clauses that it serves."""
    return Section(id, title, asks, SERVES[id], tuple(blocks))


def table(head: Iterable[str], rows: Iterable[Iterable[Cell | str]], note: str = "") -> Table:
    """A table; plain texts become cells."""
    cells = tuple(
        tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows
    )
    return Table(tuple(head), cells, note)


def owner_of(gathered: Gathered) -> str:
    """Who answers for the remit as a whole."""
    people = gathered.policy.responsible
    return people.owner if people else NOBODY


def reviewer_of(gathered: Gathered) -> str:
    """Who reviews; the owner where nobody else does."""
    people = gathered.policy.responsible
    return (people.reviewer or people.owner) if people else NOBODY


def epoch(gathered: Gathered, policy: str, first: str = "", last: str = "") -> str:
    """The span and the remit that a number holds for."""
    begin, end = words.day(first), words.day(last)
    span = f"{begin} to {end}" if end and begin != end else begin
    mine = "this remit" if policy == gathered.policy.digest else "remit"
    return f"{span}, {mine} {words.short(policy)}" if span else f"{mine} {words.short(policy)}"


def hashed(sha256: str) -> Cell:
    """A hash as a cell."""
    return Cell(sha256, code=True)
