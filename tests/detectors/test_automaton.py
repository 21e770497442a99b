"""How much of a tail may still become a match, by examples; the property is in tests/laws."""

from __future__ import annotations

import pytest

from remit.detectors.automaton import Beginnings
from remit.detectors.bounded import bounded

TAILS = [
    ([r"\bHF-\d{6}\b"], "see HF-12", 4),
    ([r"\bHF-\d{6}\b"], "see HF-x", 8),
    ([r"\bHF-\d{6}\b"], "see xHF-12", 10),
    ([r"HF-\d{6}"], "see xHF-12", 5),
    (["abc", "bcd"], "xab", 1),
    (["abc", "bcd"], "xbc", 1),
    (["abc"], "ab ", 3),
    (["a{2,4}"], "baaa", 1),
    (["a{2,4}"], "aaaaaaaa", 4),
    (["ÉT"], "é", 0),
    (["a b"], "", 0),
]


@pytest.mark.parametrize(("sources", "text", "first"), TAILS)
def test_the_first_live_beginning(sources, text, first):
    assert Beginnings([bounded(s) for s in sources]).first(text, 0) == first


def test_what_stands_apart_begins_no_word_within_a_word():
    beginnings = Beginnings([bounded("12{1,3}", apart=True)])
    assert beginnings.first("x12", 0) == 3
    assert beginnings.first("x 12", 0) == 2


def test_no_patterns_hold_nothing_back():
    assert Beginnings([]).first("anything", 0) == 8
