"""Patterns that can be bounded: parse, measure, and derive what may still become a match.

A pattern is a regular expression without look-around, back-references or anchors other than
`\\b`, whose longest match is known. From its syntax tree we write two Hyperscan expressions: the
pattern itself, and its *prefix language* (every non-empty beginning of a match), which tells
how much of a stream's tail must be held back. Hyperscan runs both in linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]  # no public syntax tree exists
from re import _parser as sre_parse  # type: ignore[attr-defined]
from typing import Any

MAX_WIDTH = 512
# Hyperscan cannot report match starts for large counted repeats; the prefix language may be
# wider than the truth (it only holds text back), so there they become unbounded.
_LARGE_REPEAT = 24

_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
_BOUNDARIES = {sre.AT_BOUNDARY: r"\b", sre.AT_NON_BOUNDARY: r"\B"}


class PatternError(ValueError):
    """The pattern is refused; the message names what and the cure."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A pattern with its longest match in characters, and its prefix language."""

    source: str
    expression: str
    prefixes: str
    width: int


def bounded(source: str, width: int | None = None) -> Bounded:
    """Parses a pattern. Raises PatternError where it has no bound.

    `width` states the bound of a pattern whose repetitions are open-ended.
    """
    try:
        tree = sre_parse.parse(source)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"pattern {source!r} is not a regular expression: {error}") from None
    shortest, longest = tree.getwidth()
    if shortest == 0:
        raise PatternError(f"pattern {source!r} matches the empty text; require a character")
    if width is None and longest > MAX_WIDTH:
        raise PatternError(
            f"pattern {source!r} has no bound under {MAX_WIDTH} characters; "
            "write {1,40} instead of + or *"
        )
    items = list(tree)
    prefixes = _prefixes(items)
    if prefixes is None:
        raise PatternError(f"pattern {source!r} matches the empty text; require a character")
    return Bounded(source, _sequence(items), prefixes, width or int(longest))


def _literal(code: int) -> str:
    char = chr(code)
    if char.isalnum() or char in " _-":
        return char
    return f"\\x{code:02x}" if code < 0x80 else char


def _class_char(code: int) -> str:
    char = chr(code)
    return char if char.isalnum() or code >= 0x80 else f"\\x{code:02x}"


def _set(parts: list[Any]) -> str:
    written = ""
    for op, value in parts:
        if op is sre.NEGATE:
            written += "^"
        elif op is sre.LITERAL:
            written += _class_char(value)
        elif op is sre.RANGE:
            written += f"{_class_char(value[0])}-{_class_char(value[1])}"
        elif op is sre.CATEGORY:
            written += _CATEGORIES[value]
    return f"[{written}]"


def _single(op: Any, value: Any) -> str | None:
    """The expression of an item that is exactly one character, else None."""
    if op is sre.LITERAL:
        return _literal(value)
    if op is sre.NOT_LITERAL:
        return f"[^{_class_char(value)}]"
    if op is sre.ANY:
        return "."
    if op is sre.IN:
        return _set(value)
    return None


def _item(op: Any, value: Any) -> str:
    single = _single(op, value)
    if single is not None:
        return single
    if op is sre.BRANCH:
        return "(?:" + "|".join(_sequence(list(branch)) for branch in value[1]) + ")"
    if op is sre.SUBPATTERN:
        if value[1] or value[2]:
            raise PatternError("inline flags are not supported; case is always ignored")
        return f"(?:{_sequence(list(value[3]))})"
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, body = value
        bound = "" if high is sre.MAXREPEAT else high
        return f"(?:{_sequence(list(body))}){{{low},{bound}}}"
    if op is sre.AT and value in _BOUNDARIES:
        return _BOUNDARIES[value]
    raise PatternError(_refusal(op, value))


def _refusal(op: Any, value: Any) -> str:
    if op is sre.AT:
        return "anchors ^ and $ are not supported: a stream has no lines; use \\b"
    return f"{str(op).lower().replace('_', ' ')} is not supported; use classes, groups, | and {{m,n}}"


def _sequence(items: list[Any]) -> str:
    return "".join(_item(op, value) for op, value in items)


def _item_prefixes(op: Any, value: Any) -> str | None:
    single = _single(op, value)
    if single is not None:
        return single
    if op is sre.BRANCH:
        branches = [_prefixes(list(branch)) for branch in value[1]]
        return "(?:" + "|".join(b for b in branches if b) + ")" if any(branches) else None
    if op is sre.SUBPATTERN:
        return _prefixes(list(value[3]))
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return _repeat_prefixes(int(value[1]), list(value[2]))
    return None


def _repeat_prefixes(high: int, body: list[Any]) -> str | None:
    if high == 0:
        return None
    inner = _prefixes(body)
    if inner is None or high == 1:
        return inner
    count = "*" if high > _LARGE_REPEAT else f"{{0,{high - 1}}}"
    return f"(?:{_sequence(body)}){count}(?:{inner})"


def _prefixes(items: list[Any]) -> str | None:
    """An expression for every non-empty beginning of the sequence; None where there is none."""
    result: str | None = None
    for op, value in reversed(items):
        whole, begun = _item(op, value), _item_prefixes(op, value)
        if begun is None:
            result = f"{whole}(?:{result})" if result else None
        elif result is None:
            result = begun
        elif begun == whole:
            result = f"{whole}(?:{result})?"
        else:
            result = f"(?:{begun}|{whole}(?:{result}))"
    return result
