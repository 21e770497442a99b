"""Identifiers: every kind by a table, with its look-alikes, scanned as the engine scans."""

from __future__ import annotations

import functools
import gzip
import json
import os
import random
import string
from pathlib import Path

import hyperscan
import pytest
from identifier_cases import HITS, MISSES

from remit.detectors.bounded import bounded
from remit.detectors.identifiers import IDENTIFIERS, Candidate, canonical

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


def test_every_kind_has_hits_and_look_alikes() -> None:
    assert set(HITS) == set(MISSES) == set(IDENTIFIERS)


@pytest.mark.parametrize(
    ("text", "region", "value"),
    [
        ("llama al 612 34 56 78", "ES", "612 34 56 78"),
        ("llama al 912 345 678.", "ES", "912 345 678"),
        ("tel. 670.97.10.26", "ES", "670.97.10.26"),
        ("670.971.026", "ES", ""),
        ("01 42 68 53 00", "FR", "01 42 68 53 00"),
        ("06.12.34.56.78", "FR", "06.12.34.56.78"),
        ("0471 12 34 56", "BE", "0471 12 34 56"),
        ("030/901820", "DE", "030/901820"),
        ("12 34 56 78", "DK", ""),
        ("ring 32 12 34 56", "DK", "32 12 34 56"),
        ("512 345 678", "PL", "512 345 678"),
        ("06-12345678", "US", ""),
        ("212-555-0123", "NL", ""),
        ("574 261 809", "GB", ""),
        ("36 574 261 809", "PL", ""),
        ("NL91 ABNA 0417 1643 00", "BE", ""),
        ("BE 0428.759.497", "BE", ""),
        ("4242 4242 4242 4242", "DK", ""),
        ("BE68 5390 0754 7034", "DE", ""),
        ("+49 30 901820", "", "+49 30 901820"),
    ],
)
def test_a_national_number_counts_only_at_home(text: str, region: str, value: str) -> None:
    assert values(text, "phone", (region,) if region else ()) == ([value] if value else [])


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_every_expression_is_bounded(name: str) -> None:
    kind = IDENTIFIERS[name]
    for expression in kind.expressions:
        assert 0 < bounded(expression, kind.width).width <= (kind.width or 160)


def test_a_kind_is_named_once_and_has_a_known_group() -> None:
    groups = {kind.group for kind in IDENTIFIERS.values()}
    assert groups == {"contact", "finance", "national", "technical", "secret"}
    assert all(name == kind.name for name, kind in IDENTIFIERS.items())


def test_a_dashed_nhs_number_counts_where_it_is_no_telephone() -> None:
    assert values("943-476-5919", "uk-nhs", ("GB",)) == ["943-476-5919"]
    assert values("943-476-5919", "uk-nhs", ("GB", "US")) == []


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("iban", "NL91 ABNA 0417 1643 00", "nl91abna0417164300"),
        ("payment-card", "4111-1111-1111-1111", "4111 1111 1111 1111"),
        ("phone", "+31 (0)6 1234 5678", "06-12345678"),
        ("phone", "0031612345678", "06 12 34 56 78"),
        ("phone", "+1 212 555 0123", "(212) 555-0123"),
        ("phone", "1-212-555-0123", "212.555.0123"),
        ("phone", "+34 612 345 678", "612 34 56 78"),
        ("email", "John@Example.COM", "john [at] example [dot] com"),
        ("bsn", "010464554", "10464554"),
        ("date-of-birth", "3 May 1990", "1990-05-03"),
        ("date-of-birth", "03/05/1990", "May 3rd, 1990"),
        ("ip", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("eu-vat", "BE 0428.759.497", "be0428759497"),
        ("es-dni", "54.362.315-k", "54362315K"),
    ],
)
def test_two_spellings_of_a_value_are_one(name: str, one: str, other: str) -> None:
    assert canonical(name, one) == canonical(name, other)


def test_different_values_stay_different() -> None:
    assert canonical("phone", "(212) 555-0123") != canonical("phone", "(646) 555-0123")
    assert canonical("ai-key", "sk-Abc") != canonical("ai-key", "sk-abc")


def test_hostile_candidates_are_refused_without_an_error() -> None:
    rng = random.Random(7)
    alphabet = string.digits * 3 + string.ascii_letters + " .,-/:@()+€éß²½\n\0😀"
    for _ in range(300):
        text = "".join(rng.choices(alphabet, k=rng.randrange(1, 90)))
        candidate = Candidate(text, rng.choice(alphabet), text[:2], REGIONS)
        for kind in IDENTIFIERS.values():
            assert kind.valid(candidate) in (True, False)
            start, end = kind.value(text)
            assert 0 <= start <= end <= len(text)
            assert isinstance(canonical(kind.name, text), str)


def _requests() -> list[str]:
    folder = Path(os.environ.get("REMIT_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / "clinc150" / "data_full.json.gz"
    if not path.exists():
        pytest.skip(f"the data set clinc150 is not at {path}; set REMIT_DATA")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [text for part in json.load(file).values() for text, _intent in part]


def test_ordinary_requests_hold_no_identifier() -> None:
    marks = "0123456789@"
    requests = [r for r in _requests() if any(m in r for m in marks) or "pass" in r or "key" in r]
    found = [(r, name) for r in requests for name in IDENTIFIERS if values(r, name)]
    assert len(requests) > 1000
    assert found == []
