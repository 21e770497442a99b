"""What a heuristic says of a text, and the shape that all heuristics share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from remit.layers.data.rows import Way
from remit.types import Span

if TYPE_CHECKING:
    from remit.layers.data.quality.batch import Batch


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be done with a text, and why; `spans` are what a REDACT takes out."""

    reason: str
    way: Way = Way.DROP
    spans: tuple[Span, ...] = ()


class Heuristic(Protocol):
    """Judges the texts of a batch. Pure: a text is judged the same in any batch."""

    name: str

    def judge(self, batch: Batch) -> Sequence[Judgement | None]:
        """One judgement a text, in order; None where the heuristic has nothing against it."""
        ...


def too_low(what: str, measured: float, limit: float) -> Judgement:
    """Drops a text of which `what` is below the limit."""
    return Judgement(f"{what} {shown(measured)}, at least {shown(limit)}")


def too_high(what: str, measured: float, limit: float) -> Judgement:
    """Drops a text of which `what` is above the limit."""
    return Judgement(f"{what} {shown(measured)}, at most {shown(limit)}")


def shown(value: float) -> str:
    """A number for people: whole where it is whole, otherwise three significant digits."""
    return str(int(value)) if value == int(value) else f"{value:.3g}"
