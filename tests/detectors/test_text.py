"""The foldings: piece by piece the same as at once, and every position has its way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.detectors import text as foldings
from remit.detectors.text import Text, letters, plain, skeleton, visible

any_text = st.text(st.characters(codec=None), max_size=40)


@given(any_text, any_text)
@pytest.mark.parametrize("fold", [plain, letters, skeleton])
def test_folding_a_piece_gives_the_piece_of_the_folding(fold, one, other):
    assert fold(one + other) == fold(one) + fold(other)


@given(any_text)
def test_a_text_and_its_bytes_fold_alike(raw):
    text = Text(raw)
    assert text.plain.decode() == plain(raw)
    assert text.skeleton.decode() == skeleton(raw)
    assert text.letters == letters(raw)


@given(any_text)
def test_every_folded_position_has_its_character(raw):
    text = Text(raw)
    for number, index in enumerate(text.letter_origins):
        assert text.letters[number] in letters(raw[index])
    assert len(text.skeleton_origins) == len(text.skeleton)
    assert text.skeleton_origins == sorted(text.skeleton_origins)
    for start in range(len(text.plain)):
        span = text.plain_span(start, start + 1)
        assert text.plain[start : start + 1] in plain(raw[span.start : span.end]).encode()
        assert text.plain_index(start) == span.start


@given(any_text)
def test_what_is_visible_is_kept(raw):
    assert all(visible(char) == bool(plain(char)) for char in raw)


PLAIN = [
    ("Ｎ Ｌ９１", "N L91"),
    ("а\u200bb\u00adc", "abc"),
    ("٣٤ ३", "34 3"),
    ("\U000e0041\U000e0042", "AB"),
    ("a–b—c", "a-b-c"),
    ("\xa0x\u3000y", " x y"),
    ("\ud800", "\ufffd"),
    ("café", "café"),
]


@pytest.mark.parametrize(("raw", "folded"), PLAIN)
def test_plain_undoes_disguise_and_keeps_structure(raw, folded):
    assert plain(raw) == folded


SKELETON = [
    ("Y o u sh0uld", "youshouid"),
    ("Śue!", "sue"),
    ("1lI", "iii"),
    ("ﬁ…", "fi"),
    ("😀", ""),
]


@pytest.mark.parametrize(("raw", "folded"), SKELETON)
def test_skeleton_keeps_letters_and_digits_only(raw, folded):
    assert skeleton(raw) == folded


def test_folding_only_what_is_not_ascii_is_folding_all() -> None:
    samples = [chr(code) + "aL1 É" for code in (*range(0x3000), *range(0x3000, 0x110000, 61))]
    samples.append("".join(samples[::7]))
    for raw in samples:
        one = Text(raw)
        assert one.plain == raw.translate(foldings._PLAIN).encode()
        assert one.letters == raw.translate(foldings._LETTERS)
        assert one.skeleton == raw.translate(foldings._SKELETON).encode()
        folded = [(i, foldings._SKELETON[ord(char)].encode()) for i, char in enumerate(raw)]
        assert one.skeleton_origins == [i for i, units in folded for _ in units]
        assert len(one.letter_origins) == len(one.letters)
