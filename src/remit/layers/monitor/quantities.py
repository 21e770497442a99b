"""Which quantities of a conversation are watched for drift, and on what scale.

Lengths, times and tokens are watched as logarithms: what doubles matters alike for short and long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, log2
from typing import Any, Final, Literal

Side = Literal["input", "output"]
_TOPIC, _FOUND = "topic:", "found:"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity: its name, its unit, what it is about; a share is of conversations."""

    name: str
    unit: str
    side: Side
    words: str

    @property
    def is_share(self) -> bool:
        """True where a conversation has it or has not."""
        return self.unit == "share"

    def scaled(self, value: float) -> float:
        """The value as it is watched."""
        return value if self.is_share else log2(1 + max(0.0, value))

    def unscaled(self, value: float) -> float:
        """A watched value, or a mean of such, in the quantity's unit."""
        return value if self.is_share else 2.0**value - 1


_KNOWN: Final = {
    q.name: q
    for q in (
        Quantity("asked", "characters", "input", "the length of what clients ask"),
        Quantity("turns", "turns", "input", "the length of conversations"),
        Quantity("foreign", "share", "input", "conversations in a language not of the remit"),
        Quantity("distance", "share", "input", "how far questions are from the examples"),
        Quantity("answered", "characters", "output", "the length of answers"),
        Quantity("refused", "share", "output", "conversations that end in a refusal"),
        Quantity("seconds", "seconds", "output", "the time an answer takes"),
        Quantity("tokens", "tokens", "output", "the tokens an answer costs"),
    )
}


def quantity(name: str) -> Quantity | None:
    """The quantity of that name; None where there is none."""
    if name.startswith(_TOPIC):
        topic = name.removeprefix(_TOPIC)
        return Quantity(name, "share", "input", f"conversations that ask for {topic}")
    if name.startswith(_FOUND):
        rule = name.removeprefix(_FOUND)
        return Quantity(name, "share", "output", f"conversations in which the guard found {rule}")
    return _KNOWN.get(name)


def found(rule: str) -> str:
    """The name of the share of conversations in which the guard found a rule broken."""
    return f"{_FOUND}{rule}"


def topic(name: str) -> str:
    """The name of the share of conversations on a topic."""
    return f"{_TOPIC}{name}"


def measured(measures: Mapping[str, Any]) -> dict[str, float]:
    """The quantities of a judgement, without what is none or no sound number."""
    sound: dict[str, float] = {}
    for name, value in list(measures.items())[:100]:
        if isinstance(value, int | float) and isfinite(value) and quantity(str(name)):
            sound[str(name)] = float(value)
    return sound
