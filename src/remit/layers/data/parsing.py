"""Bytes to rows: one JSON object a line, or one document a paragraph.

A row that two readers could read in two ways is not read at all: a key that stands twice would let
one text be judged and another be learnt from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from hyperscan import HS_FLAG_SINGLEMATCH

from remit.detectors.compiled import Database, compile_database
from remit.layers.data.rows import Row, Segment
from remit.layers.data.texts import UnreadableError, texts
from remit.types import Json

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot be judged, and why."""

    number: int
    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Blank:
    """White space where a row could be."""

    number: int
    raw: bytes


Parsed = Row | Unreadable | Blank


def parse_lines(
    source: str, number: int, lines: Sequence[bytes], columns: Mapping[str, str], block: bytes = b""
) -> list[Parsed]:
    """JSON Lines as rows. `number` is the first line's, `columns` further ones with their roles.

    `block` are the lines in one, where that is at hand: what is rare is looked for in all at once.
    """
    parsed: list[Parsed] = []
    plain = not columns
    rare = _rare(block or b"".join(lines))
    for index, raw in enumerate(lines, number):
        try:
            value = _loads(raw if index else raw.removeprefix(BOM), rare)
            text = value.get("text")
            if plain and type(text) is str and not value.keys() & _TURNED:
                segments: tuple[Segment, ...] = (Segment("document", ("text",), text),)
            else:
                segments = texts(value, columns)
            parsed.append(Row(source, index, raw, value, segments))
        except ValueError as error:
            if raw.isspace():
                parsed.append(Blank(index, raw))
            else:
                parsed.append(Unreadable(index, raw, _reason(error)))
    return parsed


_TURNED = frozenset(
    ("messages", "conversations", "conversation", "prompt", "completion", "chosen", "rejected")
)


def parse_paragraphs(source: str, number: int, lines: Sequence[bytes]) -> list[Parsed]:
    """Plain text as rows: a paragraph is a document, without the blank line that ends it."""
    parsed: list[Parsed] = []
    for index, raw in enumerate(lines, number):
        try:
            text = raw.removeprefix(BOM if index == 0 else b"").rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            parsed.append(Unreadable(index, raw, f"not UTF-8 at byte {error.start}"))
            continue
        if not text or text.isspace():
            parsed.append(Blank(index, raw))
            continue
        segments = (Segment("document", ("text",), text),)
        parsed.append(Row(source, index, raw, {"text": text}, segments))
    return parsed


def encode(value: Json) -> bytes:
    """A row as a line of JSON, numbers beyond 64 bits included."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


_SPACED, _LARGE = 1, 2


def _rare(block: bytes) -> int:
    """Whether a colon may stand apart from its key, and a whole number be beyond 64 bits."""
    found = 0

    def on_match(number: int, *_: object) -> None:
        nonlocal found
        found |= 1 << number

    _rarities().scan(block, match_event_handler=on_match)
    return found


@lru_cache(maxsize=1)
def _rarities() -> Database:
    """Several times as fast as looking for each; compiled in a millisecond."""
    return compile_database([r'"[ \t\r\n]+:', "[0-9]{19}"], HS_FLAG_SINGLEMATCH)


def _loads(raw: bytes, rare: int) -> Json:
    """A row's value. `rare` is what may be in the rows around it, too."""
    value = orjson.loads(raw)
    if type(value) is not dict:
        raise UnreadableError("no JSON object")
    rare = rare and _rare(raw)
    # Each key is followed by a colon right behind a quote, so that as many such pairs as keys
    # mean that none stood twice. More of them may be text: then it is looked at closely.
    pairs = raw.count(b'":')
    if rare & _SPACED or (pairs != len(value) and pairs != _keys(value)):
        _refuse_twice(raw)
    if rare & _LARGE and _has_large(value):
        value = json.loads(raw)
    return value  # type: ignore[no-any-return]


def _keys(value: Json) -> int:
    """How many keys there are, in the row and in all that it holds."""
    keys = 0
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        if type(item) is dict:
            keys += len(item)
            item = item.values()
        todo += [inner for inner in item if type(inner) is dict or type(inner) is list]
    return keys


def _has_large(value: Json) -> bool:
    """True where a number may be a whole one that lost its last digits.

    orjson makes a float of what does not fit 64 bits.
    """
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        if type(item) is float and abs(item) >= 2.0**63:
            return True
        if type(item) is dict:
            todo += item.values()
        elif type(item) is list:
            todo += item
    return False


def _refuse_twice(raw: bytes) -> None:
    try:
        json.loads(raw, object_pairs_hook=_once)
    except RecursionError:
        raise UnreadableError("nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> Json:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise UnreadableError("a key stands twice in one object")
    return row


def _reason(error: ValueError) -> str:
    if isinstance(error, UnreadableError):
        return str(error)
    reason = str(error).split(": line 1 column", 1)[0]
    return f"no JSON: {reason}"
