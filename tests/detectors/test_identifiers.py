"""Identifiers: every kind by a table, with its look-alikes, scanned as the engine scans."""

from __future__ import annotations

import functools

import hyperscan
import pytest
from identifier_cases import HITS, MISSES

from remit.detectors.identifiers import IDENTIFIERS, Candidate

REGIONS = ("NL", "GB", "US")
_FLAGS = hyperscan.HS_FLAG_SOM_LEFTMOST | hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_UTF8


@functools.cache
def _database(expression: str) -> object:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[expression.encode()], ids=[0], elements=1, flags=[_FLAGS])
    return database


def _candidates(expression: str, text: str) -> list[tuple[int, int]]:
    data, found = text.encode(), []

    def on_match(_id: int, start: int, end: int, _flags: int, _context: object) -> None:
        found.append((len(data[:start].decode()), len(data[:end].decode())))

    _database(expression).scan(data, match_event_handler=on_match)
    return found


def spans(text: str, name: str, regions: tuple[str, ...] = REGIONS) -> list[tuple[int, int]]:
    """Offsets of the values found, overlapping ones joined: what the engine would report."""
    kind, hits = IDENTIFIERS[name], []
    for expression in kind.expressions:
        for start, end in _candidates(expression, text):
            before = text[start - 1] if start else ""
            candidate = Candidate(text[start:end], before, text[end : end + 2], regions)
            if end - start <= (kind.width or end) and kind.valid(candidate):
                first, last = kind.value(candidate.text)
                hits.append((start + first, start + last))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(hits):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def values(text: str, name: str, regions: tuple[str, ...] = REGIONS) -> list[str]:
    return [text[start:end] for start, end in spans(text, name, regions)]


@pytest.mark.parametrize(
    ("name", "marked"), [(name, text) for name, texts in HITS.items() for text in texts]
)
def test_an_identifier_is_found_whole(name: str, marked: str) -> None:
    assert values(marked.replace("«", "").replace("»", ""), name) == [
        marked[marked.index("«") + 1 : marked.index("»")]
    ]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in MISSES.items() for text in texts]
)
def test_a_look_alike_is_left_alone(name: str, text: str) -> None:
    assert values(text, name) == []
