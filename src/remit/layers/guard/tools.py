"""Tool calls: arguments are judged as the values the tool will see, not as their JSON spelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from remit.layers.guard.delivery import Masked, mask_whole
from remit.types import Span


def call_text(arguments: str) -> str:
    """The judged text of a call: its keys and values, a line each; as it is where not JSON."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    return "\n".join(_leaves(value))


def masked_arguments(arguments: str, masked: list[Masked]) -> str | None:
    """The arguments with spans of `call_text` masked; None where that cannot be done in JSON."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return None
    cursor = _Cursor(masked)
    return orjson.dumps(cursor.rewrite(value)).decode()


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield _written(value)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class _Cursor:
    """Walks the same leaves in the same order, masking each with its share of the spans."""

    def __init__(self, masked: list[Masked]) -> None:
        self._masked = masked
        self._at = 0

    def rewrite(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._leaf(key): self.rewrite(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.rewrite(item) for item in value]
        written = _written(value)
        masked = self._leaf(written)
        return value if masked == written else masked

    def _leaf(self, text: str) -> str:
        start, end = self._at, self._at + len(text)
        self._at = end + 1
        mine = [
            Masked(Span(max(m.span.start - start, 0), min(m.span.end, end) - start, m.span.label), m.rule)
            for m in self._masked
            if m.span.start < end and m.span.end > start
        ]
        return mask_whole(text, mine)[0] if mine else text
