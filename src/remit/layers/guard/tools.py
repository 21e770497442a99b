"""Tool calls: what is masked in their arguments is masked in the values the tool will see."""

from __future__ import annotations

import json
from typing import Any

from remit.detectors.arguments import Number, Object, call_text, leaf_text, parsed
from remit.layers.guard.delivery import Masked, mask_whole
from remit.types import Span

__all__ = ["call_text", "masked_arguments"]


def masked_arguments(arguments: str, masked: list[Masked]) -> str | None:
    """The arguments with spans of `call_text` masked; None where that cannot be done in JSON."""
    value = parsed(arguments)
    if value is None:
        return None
    try:
        return _Cursor(masked).written(value[0])
    except RecursionError:
        return None


class _Cursor:
    """Walks the same leaves in the same order, masking each with its share of the spans."""

    def __init__(self, masked: list[Masked]) -> None:
        self._masked = masked
        self._at = 0

    def written(self, value: Any) -> str:
        """The value as JSON."""
        if isinstance(value, Object):
            pairs = (f"{self._leaf(key)}:{self.written(item)}" for key, item in value)
            return "{" + ",".join(pairs) + "}"
        if isinstance(value, list):
            return "[" + ",".join(self.written(item) for item in value) + "]"
        return self._leaf(value)

    def _leaf(self, value: Any) -> str:
        text = leaf_text(value)
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
        is_text = isinstance(value, str) and not isinstance(value, Number)
        return json.dumps(masked) if is_text or mine else text
