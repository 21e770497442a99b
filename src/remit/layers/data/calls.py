"""Tool calls in a row: judged as the tool will see them, changed in the JSON they are written in.

`{"to": "jan\\u0040example.com"}` hides no address from a rule, because a call's segment is
`call_text`: its keys and values, a line each. What is taken out of it is taken out of the JSON,
which stays JSON. Arguments may be a text or, in some data sets, the object itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from remit.detectors.arguments import call_text, written_spans
from remit.layers.data.places import found
from remit.layers.data.rows import Mark, Row, Segment


def judged(arguments: Any) -> str:
    """The text of a call's arguments that the rules read. Raises RecursionError."""
    return call_text(written(arguments))


def written(arguments: Any) -> str:
    """Arguments as a text: as they are, or the compact JSON of an object."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"), default=str)


def unwritten(before: Any, text: str) -> Any:
    """A changed text in the form that stood there before. Raises ValueError for what is no JSON."""
    return text if isinstance(before, str) else json.loads(text)


def as_written(row: Row, marks: Sequence[Mark]) -> tuple[Row, Sequence[Mark]]:
    """The row with its calls as they are written, and the marks with their spans in that."""
    segments = list(row.segments)
    for index in {mark.segment for mark in marks if mark.segment >= 0}:
        segments[index] = _as_written(row, row.segments[index])
    if all(a is b for a, b in zip(segments, row.segments, strict=True)):
        return row, marks
    moved = [
        replace(mark, spans=tuple(written_spans(segments[mark.segment].text, mark.spans)))
        if mark.spans and segments[mark.segment] is not row.segments[mark.segment]
        else mark
        for mark in marks
    ]
    return replace(row, segments=tuple(segments)), moved


def _as_written(row: Row, segment: Segment) -> Segment:
    if segment.role != "tool":
        return segment
    text = written(found(row.value, segment.path))
    return segment if text == segment.text else replace(segment, text=text)
