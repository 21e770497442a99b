"""Tool calls: arguments are judged as the values the tool will see, not as their JSON spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from remit.layers.guard.delivery import Masked, mask_whole
from remit.types import Span

_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Object(tuple[tuple[str, Any], ...]):
    """A JSON object as its pairs: of a key that stands twice, who knows which the tool reads."""

    __slots__ = ()


class _Number(str):
    """A number as it is written: another spelling would not be what the tool gets."""

    __slots__ = ()


def call_text(arguments: str) -> str:
    """The judged text of a call: its keys and values, a line each.

    Where the arguments are no JSON, they are judged as they stand, with JSON's escapes undone:
    the tool may have a more lenient reader.
    """
    value = _parsed(arguments)
    if value is None:
        return _ESCAPE.sub(_unescaped, arguments)
    return "\n".join(_leaves(value[0]))


def masked_arguments(arguments: str, masked: list[Masked]) -> str | None:
    """The arguments with spans of `call_text` masked; None where that cannot be done in JSON."""
    value = _parsed(arguments)
    if value is None:
        return None
    try:
        return _Cursor(masked).written(value[0])
    except RecursionError:
        return None


def _parsed(arguments: str) -> tuple[Any] | None:
    """The value, in a tuple because it may be null; None where there is no JSON."""
    try:
        value = json.loads(
            arguments,
            object_pairs_hook=_Object,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
        )
    except (ValueError, RecursionError):
        return None
    return (value,)


def _unescaped(match: re.Match[str]) -> str:
    code, sign = match.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(sign, sign)


def _leaves(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, _Object):
            for key, inner in reversed(item):
                todo += [inner, key]
        elif isinstance(item, list):
            todo += reversed(item)
        else:
            yield _plain(item)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class _Cursor:
    """Walks the same leaves in the same order, masking each with its share of the spans."""

    def __init__(self, masked: list[Masked]) -> None:
        self._masked = masked
        self._at = 0

    def written(self, value: Any) -> str:
        """The value as JSON."""
        if isinstance(value, _Object):
            pairs = (f"{self._leaf(key)}:{self.written(item)}" for key, item in value)
            return "{" + ",".join(pairs) + "}"
        if isinstance(value, list):
            return "[" + ",".join(self.written(item) for item in value) + "]"
        return self._leaf(value)

    def _leaf(self, value: Any) -> str:
        text = _plain(value)
        start, end = self._at, self._at + len(text)
        self._at = end + 1
        mine = [
            Masked(
                Span(max(m.span.start - start, 0), min(m.span.end, end) - start, m.span.label),
                m.rule,
            )
            for m in self._masked
            if m.span.start < end and m.span.end > start
        ]
        masked = mask_whole(text, mine)[0] if mine else text
        is_text = isinstance(value, str) and not isinstance(value, _Number)
        return json.dumps(masked) if is_text or mine else text
