"""From hits to outcomes: certain detections with their spans merged."""

from __future__ import annotations

from collections.abc import Iterable

from remit.types import CLEAN, Detection, Outcome, Span, merge_spans


def outcomes(count: int, hits: Iterable[tuple[int, Span]]) -> tuple[Outcome, ...]:
    """One outcome per use; each use's spans are merged and its reason names what they are."""
    spans: dict[int, list[Span]] = {}
    for use, span in hits:
        spans.setdefault(use, []).append(span)
    if not spans:
        return (CLEAN,) * count
    return tuple(_detection(spans[use]) if use in spans else CLEAN for use in range(count))


def _detection(spans: list[Span]) -> Detection:
    merged = merge_spans(spans)
    return Detection(1.0, merged, ", ".join(dict.fromkeys(span.label for span in merged)))
