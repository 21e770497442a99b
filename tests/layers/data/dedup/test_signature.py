"""Signatures equal datatrove's, and hold what MinHash promises."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.layers.data.dedup.near import Shape, sign
from remit.layers.data.dedup.shingles import shingles
from remit.layers.data.dedup.simplify import simplified, simplify
from remit.layers.data.dedup.xxh64 import xxh64

FINEWEB = Shape(words=5, bands=14, hashes=8, seed=1)
FOX = "The quick brown fox, in 2024, jumped over 12.5 lazy dogs; and the CAFÉ was closed on Sunday."


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, 0xEF46DB3751D8E999),
        (1, 0xE934A84ADB052768),
        (4, 0xFFCED8604453CC1E),
        (8, 0x884A173614B81B8D),
        (31, 0xC346D2B59B4D8EE1),
        (32, 0xCBF59C5116FF32B4),
        (100, 0x6AC1E58032166597),
    ],
)
def test_a_slice_has_the_hash_that_the_reference_gives(length, expected):
    buffer = b"before" + bytes(range(length)) + b"after"
    assert int(xxh64(buffer, np.array([6]), np.array([6 + length]))[0]) == expected


def test_a_signature_is_the_one_that_datatrove_makes():
    signed, enough = sign([FOX], FINEWEB)
    assert enough == [0]
    # MinhashDedupSignature().get_signature(get_shingles(FOX))[0] of datatrove 0.10.1
    assert signed[0][:8].tolist() == [
        384595876744727565,
        38251925533329384,
        73295734399831243,
        12819780831022567,
        26792585154052736,
        133526410746806449,
        211391698053781230,
        3760096319196722,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t\n\x00\x85 ", ""),
        ("Ärger, 12.5% – ok?", "arger 0 ok"),
        ("don't", "don t"),
        ("tel. 020-555 01 23", "tel 0 0 0 0"),
        ("٣٫٥ metres", "0 metres"),
        ("我们要合同", "我 们 要 合 同"),
        ("e\u0301te\u0301", "ete"),
    ],
)
def test_simplified_text_has_no_case_signs_marks_or_numbers(text, expected):
    assert simplify(text) == expected


@given(st.text(st.sampled_from("aÉ1.,٫ \n\u0301我-Σσ"), max_size=80), st.integers(1, 9))
def test_a_text_simplified_in_pieces_is_the_text_simplified_whole(text, size):
    assert " ".join(simplified(text, size)) == simplify(text)


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab é"), max_size=30), max_size=5), st.integers(1, 4))
def test_shingles_are_all_runs_of_words_within_one_text(texts, size):
    plain = [" ".join(text.split()) for text in texts]
    found = shingles(plain, size)
    slices = [
        (int(owner), found.buffer[start:end].decode())
        for owner, start, end in zip(found.owners, found.starts, found.ends, strict=True)
    ]
    expected = [
        (owner, " ".join(words[i : i + size]))
        for owner, words in enumerate(text.split() for text in plain)
        for i in range(len(words) - size + 1)
    ]
    assert slices == expected


def test_a_text_longer_than_one_piece_is_signed_as_a_whole(monkeypatch):
    text = " ".join(random.Random(5).choices(("alpha", "beta", "gamma", "delta"), k=3000))
    whole, _ = sign([text], FINEWEB)
    monkeypatch.setattr("remit.layers.data.dedup.near.simplified", lambda t: simplified(t, 40))
    pieces, _ = sign([text], FINEWEB)
    assert (whole == pieces).all()


def test_a_text_without_a_shingle_is_not_signed():
    assert sign(["four words only here", "", FOX], FINEWEB)[1] == [2]


def test_the_same_text_is_signed_alike_in_any_batch():
    texts = [f"{FOX} number {'x' * n}" for n in range(40)]
    together, _ = sign(texts, FINEWEB)
    alone = np.concatenate([sign([text], FINEWEB)[0] for text in texts])
    assert (together == alone).all()


def test_signatures_agree_as_often_as_the_shingles_do():
    draw = random.Random(3)
    words = [f"w{n}" for n in range(4000)]
    wide = Shape(words=1, bands=100, hashes=10, seed=7)
    for shared in (0, 300, 900):
        left = draw.sample(words, 1000)
        right = left[:shared] + draw.sample(sorted(set(words) - set(left)), 1000 - shared)
        letters = [
            " ".join(w.translate(str.maketrans("0123456789", "abcdefghij")) for w in side)
            for side in (left, right)
        ]
        signed, _ = sign(letters, wide)
        jaccard = shared / (2000 - shared)
        assert abs((signed[0] == signed[1]).mean() - jaccard) < 0.05
