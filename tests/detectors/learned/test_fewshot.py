"""A topic from examples: its limit keeps the promise, and its examples pass it."""

from __future__ import annotations

import numpy as np
import pytest

from remit.detectors.learned.calibration import TooRareError
from remit.detectors.learned.encoder import Encoded
from remit.detectors.learned.fewshot import Topic

WIDTH = 32
NOTHING = np.zeros((0, WIDTH), np.float32)


def cloud(seed: int, count: int, towards: int) -> np.ndarray:
    """Points of unit length around one axis."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.3, (count, WIDTH)).astype(np.float32)
    points[:, towards] += 1.5
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def encoded(points: np.ndarray) -> Encoded:
    return Encoded(points[0], points, (), points)


@pytest.fixture(scope="module")
def topic():
    return Topic(cloud(1, 8, 3), NOTHING, cloud(3, 240, 9))


def test_what_is_like_the_examples_passes(topic):
    assert all(topic.score(encoded(p[None]), 0.01) > 0.5 for p in cloud(4, 50, 3))


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.05])
def test_ordinary_sentences_pass_no_oftener_than_promised(topic, rate):
    over = [topic.score(encoded(p[None]), rate) > 0.5 for p in cloud(3, 240, 9)]
    assert sum(over) + 1 <= rate * 241


def test_one_window_that_is_like_them_is_enough(topic):
    windows = np.concatenate([cloud(5, 3, 9), cloud(4, 1, 3)])
    assert topic.score(encoded(windows), 0.01) > 0.5


def test_a_promise_that_the_ordinary_sentences_cannot_hold_is_refused(topic):
    with pytest.raises(TooRareError, match=r"0\.41%"):
        topic.score(encoded(cloud(4, 1, 3)), 0.001)


def test_what_is_nearer_to_the_unlike_does_not_pass():
    between = cloud(6, 30, 3) + cloud(7, 30, 5)
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    with_unlike = Topic(cloud(1, 8, 3), cloud(8, 8, 5), cloud(3, 240, 9))
    without = Topic(cloud(1, 8, 3), NOTHING, cloud(3, 240, 9))
    near = encoded(cloud(9, 1, 5))
    assert with_unlike._similarity(near.pooled) < without._similarity(near.pooled)
    assert all(with_unlike.score(encoded(p[None]), 0.01) > 0.5 for p in cloud(4, 50, 3))
    assert sum(with_unlike._similarity(p[None]) < without._similarity(p[None]) for p in between) > 5
