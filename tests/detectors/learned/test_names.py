"""From labels of word pieces to the characters of a name."""

from __future__ import annotations

import re

import numpy as np
import pytest

from remit.detectors.learned.encoder import Encoded
from remit.detectors.learned.names import names
from remit.detectors.learned.weights import Names

LABELS = Names(
    ("O", "B-person", "I-person", "B-address", "I-address", "B-organisation", "I-organisation"),
    1.0,
    0.5,
)
LETTERS = "OPpAaGg"  # one for each label, in order


def found(text: str, marks: str, labels: Names = LABELS) -> list[tuple[str, str]]:
    """Names in a text whose pieces (a letter each here, or a run with `_`) carry a label each."""
    pieces = [match.span() for match in re.finditer(r"\S", text)]
    assert len(pieces) == len(marks)
    tokens = np.full((len(marks), 7), -4.0, np.float32)
    for row, mark in enumerate(marks):
        tokens[row, LETTERS.index(mark)] = 4.0
    empty = np.zeros((1, 1), np.float32)
    encoded = Encoded(empty[0], empty, tuple(pieces), tokens)
    return [(text[name.start : name.end], name.kind) for name in names(text, encoded, labels)]


TABLE = [
    ("I am An", "OOOPp", [("An", "person")]),
    ("An de Vo", "PpppPp", [("An de", "person"), ("Vo", "person")]),
    ("An de V", "Ppppp", [("An de V", "person")]),
    ("An, de V", "PpOppp", [("An", "person"), ("de V", "person")]),
    ("O'B x", "pppO", [("O'B", "person")]),
    ("J-P x", "PppO", [("J-P", "person")]),
    ("An BV", "PpGg", [("An", "person"), ("BV", "organisation")]),
    ("At 5 Am", "OOAaa", [("5 Am", "address")]),
    ("O'B x", "POPO", [("O'B", "person")]),
    ("A-M x", "POPO", [("A-M", "person")]),
    ("J. B x", "POPO", [("J. B", "person")]),
    ("An. Bo", "PpOPp", [("An", "person"), ("Bo", "person")]),
    ("a b c", "OOO", []),
    ("", "", []),
]


@pytest.mark.parametrize(("text", "marks", "expected"), TABLE)
def test_a_name_is_its_words(text, marks, expected):
    assert found(text, marks) == expected


def test_a_word_takes_the_mean_of_its_pieces():
    assert found("Anna", "PpOp") == [("Anna", "person")]
    assert found("Anna", "POOO") == []


def test_the_threshold_decides():
    certain = Names(LABELS.labels, 1.0, 0.9)
    assert found("Anna x", "PpOpO", certain) == []
    assert found("Anna x", "PpppO", certain) == [("Anna", "person")]


def test_a_word_begins_a_name_where_its_first_piece_does():
    assert found("AnnaBo", "PppPpp") == [("AnnaBo", "person")]
    assert found("Anna Bo", "PpppPp") == [("Anna", "person"), ("Bo", "person")]
