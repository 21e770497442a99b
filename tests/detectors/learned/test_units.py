"""Units are cut by what stands before the cut alone."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from remit.detectors.learned.units import MAX_UNIT, MIN_UNIT, PASSAGE, passages, units

PIECES = (
    "Yes. ", "You can sue him! ", "Dr. ", "e.g. ", "1. ", "Really?! ", "…” ", "\n", "\n\n", "  ",
    "no end here ", "。", "！", "起诉他", "\u200b", "a.b ", "x" * 70, "word " * 40, "J. ",
    "\t", ".)", "\u3000",
)  # fmt: skip


def text(seed: int) -> str:
    rng = random.Random(seed)
    return "".join(rng.choices(PIECES, k=rng.randrange(1, 30)))


CHINESE = "他说了很多很多关于这份合同的事情。"
CUT = [
    ("You can sue him for it, I think. Go on.", ["You can sue him for it, I think.", "Go on."]),
    ("Yes. You can sue him for that now! OK.", ["Yes. You can sue him for that now!", "OK."]),
    ("Please ask for our colleague Dr. Smith.", ["Please ask for our colleague Dr. Smith."]),
    ("We are open on all the days, e.g. Monday.", ["We are open on all the days, e.g. Monday."]),
    ("A line of some length, as in a list\n- b", ["A line of some length, as in a list", "- b"]),
    (CHINESE * 2 + "好", [CHINESE * 2, "好"]),
    ("   \n ", []),
    ("", []),
]


@pytest.mark.parametrize(("whole", "parts"), CUT)
def test_a_text_is_cut_at_its_sentences(whole, parts):
    assert [whole[start:end] for start, end in units(whole)[0]] == parts


@pytest.mark.parametrize("seed", range(300))
def test_a_stream_is_cut_as_the_whole_is(seed):
    whole = text(seed)
    rng = random.Random(seed)
    found, settled = [], 0
    for end in [*sorted(rng.choices(range(len(whole) + 1), k=12)), None]:
        seen = whole[:end]
        more, settled = units(seen, settled, final=end is None)
        found += more
    assert found == units(whole)[0]
    assert settled == len(whole)


@pytest.mark.parametrize("seed", range(300))
def test_every_character_is_judged_and_no_unit_is_long(seed):
    whole = text(seed)
    inside = "".join(whole[start:end] for start, end in units(whole)[0])
    assert "".join(inside.split()) == "".join(whole.split())
    assert all(0 < end - start <= MAX_UNIT for start, end in units(whole)[0])


def test_what_has_no_end_is_settled_before_it_is_long():
    _, settled = units("x" * (MAX_UNIT + 5), final=False)
    assert settled >= MIN_UNIT


@pytest.mark.parametrize("length", [1, PASSAGE, PASSAGE + 1, 7_777])
def test_passages_cover_a_text_and_share_their_edges(length):
    bounds = passages("x" * length)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == length
    assert all(after[0] < here[1] for here, after in pairwise(bounds))
