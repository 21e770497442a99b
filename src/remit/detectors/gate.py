r"""Whether a pattern occurs at all: a weaker expression over bytes that is quick to compile.

The gate only nominates, the exact pattern decides; so an expression may be weakened as long as
it occurs in every text in which the pattern does. What is optional at either edge goes, a long
bounded repetition becomes an open one, and characters beyond ASCII are runs of high bytes.
"""

from __future__ import annotations

from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]  # no public syntax tree exists
from typing import Any, NamedTuple

from remit.detectors.automaton import eaten_by
from remit.detectors.bounded import Bounded, branches

# Counting is what makes a repetition dear to compile: from this many counts on it is left open.
_MOST_COUNTS = 6
_HIGH = r"\x80-\xff"
_BOUNDARIES = {sre.AT_BOUNDARY: r"\b", sre.AT_NON_BOUNDARY: r"\B"}
_SINGLE = (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)
_ASCII = tuple(map(chr, range(0x80)))
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)
_OPPOSITES = (sre.CATEGORY_NOT_DIGIT, sre.CATEGORY_NOT_SPACE, sre.CATEGORY_NOT_WORD)
# The two characters beyond ASCII that are a case of a letter within it.
_CASES = {0x17F: "s", 0x212A: "k"}


def occurrence(pattern: Bounded) -> str:
    """An expression over UTF-8 bytes that occurs wherever the pattern does, perhaps elsewhere.

    To be compiled without regard to case and without Hyperscan's UTF-8 mode.
    """
    return _sequence(_core(pattern.tree()))


def _core(items: list[Any]) -> list[Any]:
    """The items without what may be empty at either edge, and with the fewest repetitions there."""
    while len(items) > 1 and _least(items[0]) == 0:
        items = items[1:]
    while len(items) > 1 and _least(items[-1]) == 0:
        items = items[:-1]
    return [
        (item[0], (_least(item), _least(item), item[1][2]))
        if _least(item) and index in (0, len(items) - 1)
        else item
        for index, item in enumerate(items)
    ]


def _least(item: Any) -> int | None:
    """How often an item is repeated at least; None where it is no repetition."""
    op, value = item
    return int(value[0]) if op in _REPEATS else None


def _sequence(items: list[Any]) -> str:
    return "".join(_item(op, value) for op, value in items)


def _item(op: Any, value: Any) -> str:
    members = _members(op, value)
    if members is not None:
        high = f"[{_HIGH}]+"
        if not members.foreign:
            return members.written()
        return f"(?:{members.written()}|{high})" if members.ascii else high
    if op is sre.AT:
        return _BOUNDARIES[value]
    if op in _REPEATS:
        return _repeat(*value)
    return f"(?:{'|'.join(_sequence(branch) for branch in branches(op, value))})"


def _repeat(low: int, high: Any, body: Any) -> str:
    members = _members(*body[0]) if len(body) == 1 else None
    if members is not None and members.foreign:
        return f"{members.written(_HIGH)}{{{low},}}"  # a character is one byte at least
    is_open = high is sre.MAXREPEAT or (members is not None and high - low > _MOST_COUNTS)
    return f"(?:{_sequence(list(body))}){{{low},{'' if is_open else high}}}"


class _Members(NamedTuple):
    """What an item of exactly one character may be: these of ASCII, and perhaps others."""

    ascii: str
    foreign: bool

    def written(self, more: str = "") -> str:
        """As a class of bytes; case is ignored."""
        codes = [f"\\x{ord(char):02x}" for char in dict.fromkeys(self.ascii.lower())]
        return codes[0] if len(codes) == 1 and not more else f"[{''.join(codes)}{more}]"


def _members(op: Any, value: Any) -> _Members | None:
    if op is sre.LITERAL and value < 0x80:
        return _Members(chr(value), foreign=False)
    return _listed(op, tuple(value) if op is sre.IN else value) if op in _SINGLE else None


@lru_cache(maxsize=1024)
def _listed(op: Any, value: Any) -> _Members:
    eats = eaten_by(op, list(value) if op is sre.IN else value)
    assert eats is not None  # noqa: S101  it is one of _SINGLE
    within = {char for char in _ASCII if eats(char)}
    parts = value if op is sre.IN else [(op, value)]
    foreign = False
    for part, detail in parts:
        if part in (sre.LITERAL, sre.RANGE):
            first, last = detail if part is sre.RANGE else (detail, detail)
            foreign |= last >= 0x80
            within |= {letter for code, letter in _CASES.items() if first <= code <= last}
        else:
            foreign |= part is not sre.CATEGORY or detail in _OPPOSITES
    return _Members("".join(sorted(within)), foreign)
