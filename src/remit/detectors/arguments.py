"""A tool call's arguments: judged as the values the tool will see, not as their JSON spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from remit.types import Span

_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# A string, a number or a word of a JSON text.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s{}\[\]:,"]+', re.DOTALL)
# What stands for one character inside a JSON string, and outside of JSON.
_IN_STRING = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
_IN_TEXT = re.compile(rf"{_ESCAPE.pattern}|.", re.DOTALL)


class Object(tuple[tuple[str, Any], ...]):
    """A JSON object as its pairs: of a key that stands twice, who knows which the tool reads."""

    __slots__ = ()


class Number(str):
    """A number as it is written: another spelling would not be what the tool gets."""

    __slots__ = ()


def call_text(arguments: str) -> str:
    """The judged text of a call: its keys and values, a line each.

    Where the arguments are no JSON, they are judged as they stand, with JSON's escapes undone:
    the tool may have a more lenient reader.
    """
    value = parsed(arguments)
    if value is None:
        return _ESCAPE.sub(_unescaped, arguments)
    return "\n".join(_leaves(value[0]))


def written_spans(arguments: str, spans: Iterable[Span]) -> list[Span]:
    """Spans of `call_text(arguments)` as spans of the arguments themselves, in their order."""
    places = list(_places(arguments))
    return [Span(places[s.start][0], places[s.end - 1][1], s.label) for s in spans]


def parsed(arguments: str) -> tuple[Any] | None:
    """The value, in a tuple because it may be null; None where there is no JSON."""
    try:
        value = json.loads(
            arguments,
            object_pairs_hook=Object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=Number,
        )
    except (ValueError, RecursionError):
        return None
    return (value,)


def leaf_text(value: Any) -> str:
    """A key or a value that holds no others, as it is judged."""
    return value if isinstance(value, str) else json.dumps(value)


def _unescaped(match: re.Match[str]) -> str:
    code, sign = match.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(sign, sign)


def _leaves(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, Object):
            for key, inner in reversed(item):
                todo += [inner, key]
        elif isinstance(item, list):
            todo += reversed(item)
        else:
            yield leaf_text(item)


def _places(arguments: str) -> Iterator[tuple[int, int]]:
    """For each character of `call_text` where it is written; the ends of lines are nowhere."""
    if parsed(arguments) is None:
        yield from (match.span() for match in _IN_TEXT.finditer(arguments))
        return
    for count, token in enumerate(TOKEN.finditer(arguments)):
        start, end = token.span()
        if count:
            yield start, start
        if arguments[start] == '"':
            inside = _IN_STRING.finditer(arguments, start + 1, end - 1)
            yield from (match.span() for match in inside)
        else:
            yield from ((at, at + 1) for at in range(start, end))
