"""Patterns are measured as they are parsed."""

from __future__ import annotations

import pytest

from remit.detectors.bounded import MAX_WIDTH, PatternError, bounded

WIDTHS = [
    ("abc", 3),
    (r"\bHF-\d{6}\b", 9),
    ("a|bcd", 3),
    ("(?:ab){2,5}c?", 11),
    ("a{3}?", 3),
    ("a" * MAX_WIDTH, MAX_WIDTH),
]


@pytest.mark.parametrize(("source", "width"), WIDTHS, ids=[w[0][:20] for w in WIDTHS])
def test_the_longest_match_is_known(source, width):
    assert bounded(source).width == width


def test_a_stated_width_bounds_an_open_pattern():
    assert bounded("a+@b+", 40).width == 40


def test_an_empty_match_is_refused_even_with_a_width():
    with pytest.raises(PatternError, match="matches the empty text"):
        bounded("a*", 40)
