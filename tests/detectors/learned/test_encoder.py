"""The second stage sees all of a text, and answers for each text by itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from learnt import SAMPLE, text

from remit.detectors.learned.encoder import Encoder, case, windows
from remit.detectors.learned.weights import manifest

CASES = [("the", 0), ("The", 1), ("THE", 2), ("T", 1), ("BV", 2), ("McD", 1), ("12", 0)]
CASES += [("", 0), ("'S", 0)]


@pytest.fixture(scope="module")
def encoder():
    return Encoder(manifest(SAMPLE))


@pytest.mark.parametrize(("piece", "expected"), CASES)
def test_the_case_of_a_piece_is_told(piece, expected):
    assert case(piece) == expected


@pytest.mark.parametrize("count", [0, 1, 125, 126, 127, 220, 221, 1_000])
def test_windows_cover_every_piece_and_share_their_edges(count):
    bounds = windows(count, 126, 32)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == count
    assert all(here[1] - after[0] == 32 for here, after in pairwise(bounds))
    assert all(end - start <= 126 for start, end in bounds)


@pytest.mark.parametrize("seed", range(10))
def test_every_piece_of_a_long_text_has_its_labels(encoder, seed):
    whole = text(seed) * 12
    encoded = encoder.read(whole)
    assert len(encoded.tokens) == len(encoded.offsets)
    assert np.all(np.any(encoded.tokens != 0, axis=1))
    np.testing.assert_allclose(np.linalg.norm(encoded.pooled, axis=1), 1, rtol=1e-3)
    again = encoder.read(whole)
    assert np.array_equal(again.heads, encoded.heads)


def test_what_stands_at_the_end_of_a_long_text_is_seen(encoder):
    calm = "the " * 600
    assert not np.array_equal(encoder.read(calm + "you should").heads, encoder.read(calm).heads)


HOSTILE = ["", "\0", "\ud800", "\U0001f600", "\ud83d" + "\ude00 x", "\u200b" * 9]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_offsets_are_characters_whatever_the_text(encoder, hostile):
    encoded = encoder.read(f"{hostile} law")
    assert encoded.offsets[-1] == (len(hostile) + 1, len(hostile) + 4)
