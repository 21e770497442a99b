"""Patterns that can be bounded: parsed, measured, refused with the cure.

A pattern is a regular expression without look-around, back-references or anchors other than
`\\b`, whose longest match is known. Case is ignored; `\\d`, `\\w` and `\\b` mean ASCII.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]  # no public syntax tree exists
from re import _parser as sre_parse  # type: ignore[attr-defined]
from typing import Any

MAX_WIDTH = 512

_ITEMS = (
    sre.LITERAL,
    sre.NOT_LITERAL,
    sre.ANY,
    sre.IN,
    sre.BRANCH,
    sre.SUBPATTERN,
    sre.MAX_REPEAT,
    sre.MIN_REPEAT,
)


class PatternError(ValueError):
    """The pattern is refused; the message names what and the cure."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A pattern's source and its longest match in characters.

    `apart` states that a match never begins inside a word: its confirmation refuses those.
    """

    source: str
    width: int
    apart: bool = False

    def tree(self) -> list[Any]:
        """Its syntax tree, as `re` has it."""
        return list(sre_parse.parse(self.source))


def bounded(source: str, width: int | None = None, *, apart: bool = False) -> Bounded:
    """Parses a pattern. Raises PatternError where it has no bound.

    `width` states the bound of a pattern whose repetitions are open-ended.
    """
    try:
        tree = sre_parse.parse(source)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"pattern {source!r} is not a regular expression: {error}") from None
    _check(list(tree))
    shortest, longest = tree.getwidth()
    if shortest == 0:
        raise PatternError(f"pattern {source!r} matches the empty text; require a character")
    if width is None and longest > MAX_WIDTH:
        raise PatternError(
            f"pattern {source!r} has no bound under {MAX_WIDTH} characters; "
            "write {1,40} instead of + or *"
        )
    return Bounded(source, width or int(longest), apart)


def _check(items: list[Any]) -> None:
    for op, value in items:
        if op is sre.AT and value in (sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY):
            continue
        if op is sre.AT:
            raise PatternError("anchors ^ and $ are not supported: a stream has no lines; use \\b")
        if op not in _ITEMS:
            name = str(op).lower().replace("_", " ")
            raise PatternError(f"{name} is not supported; use classes, groups, | and {{m,n}}")
        if op is sre.SUBPATTERN and (value[1] or value[2]):
            raise PatternError("inline flags are not supported; case is always ignored")
        for part in branches(op, value):
            _check(part)


def branches(op: Any, value: Any) -> list[list[Any]]:
    """The item sequences inside an item."""
    if op is sre.BRANCH:
        return [list(branch) for branch in value[1]]
    if op is sre.SUBPATTERN:
        return [list(value[3])]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return [list(value[2])]
    return []
