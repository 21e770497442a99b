"""The first stage computes what the recipe's reference computes."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from learnt import SAMPLE, text

from remit.detectors.learned.linear import NO_FEATURE, Linear, fold
from remit.detectors.learned.weights import WeightsError, manifest

RECIPE = Path(__file__).parents[3] / "recipes" / "detectors" / "hashing.py"
TEXTS = [
    "",
    " ",
    "!!",
    "a",
    "Hello, world.",
    "It's Anna’s naïve café №5",
    "\ud800 起诉他 ½",
    "\U000e0041\U000e0042",
    "x" * 3_000,
    *(text(seed) * (seed % 9 + 1) for seed in range(60)),
]


@pytest.fixture(scope="module")
def reference():
    return runpy.run_path(str(RECIPE))


@pytest.fixture(scope="module")
def linear():
    files = manifest(SAMPLE)
    return Linear(files.content("linear.safetensors"), files.shape, len(files.heads))


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_logits_are_those_of_the_reference(reference, linear, number):
    folded = reference["fold"](TEXTS[number])
    assert fold(TEXTS[number]) == folded
    files = manifest(SAMPLE)
    shape = reference["Shape"](log2_buckets=files.shape.log2_buckets)
    buckets, places = reference["features"](folded, shape)
    weight = linear._weight.astype(np.float64) * linear._scale
    best = np.full(len(files.heads), NO_FEATURE)
    for start, end in reference["windows"](len(folded), shape):
        mine = buckets[(places >= start) & (places < end)]
        if len(mine):
            best = np.maximum(best, weight[mine].sum(axis=0) / len(mine) ** 0.5)
    np.testing.assert_allclose(linear.logits(TEXTS[number]), best, rtol=1e-4, atol=1e-4)


def test_the_middle_of_a_long_text_is_seen(linear):
    calm = linear.logits("the " * 4_000)
    loud = linear.logits("the " * 2_000 + text(3) + " the" * 2_000)
    assert np.any(loud > calm + 0.1)


TWO = (2).to_bytes(8, "little")
BROKEN = [b"", b"\x00" * 8, b"\xff" * 30, TWO + b"[]", TWO + b"{}"]


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_is_no_safetensors_is_refused(content):
    files = manifest(SAMPLE)
    with pytest.raises(WeightsError, match=r"linear\.safetensors"):
        Linear(content, files.shape, len(files.heads))
