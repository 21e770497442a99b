"""A topic of the owner's own, from a few sentences: nearest examples in the encoder's embedding.

A text is as like the topic as its three nearest examples, less what it is nearer to those it
should be `unlike` (Cover & Hart 1967). No training; the limit is conformal over shipped sentences
of ordinary business, which take no part in the fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from remit.detectors.learned.calibration import threshold, told
from remit.detectors.learned.cascade import Cascade
from remit.detectors.learned.encoder import Encoded, Floats

ORDINARY = Path(__file__).parent / "ordinary.txt"
_NEAREST = 3
_STEEPNESS = 20.0  # of the score, per unit of similarity


class Topic:
    """Tells sentences that are like the examples from all others."""

    def __init__(self, like: Floats, unlike: Floats, ordinary: Floats) -> None:
        """Embeddings of unit length, `[sentences, width]`; `ordinary` sets the limit."""
        self._like, self._unlike = like, unlike
        self._ordinary = sorted((self._similarity(one[None]) for one in ordinary), reverse=True)

    def score(self, encoded: Encoded, rate: float) -> float:
        """Over 0.5 where at most `rate` of ordinary sentences are so like the examples.

        Raises TooRareError. Apart from that point the score is no probability, only an order.
        """
        similarity = self._similarity(encoded.pooled)
        limit = threshold(self._ordinary, len(self._ordinary), rate)
        score = 1 / (1 + math.exp(_STEEPNESS * (limit - similarity)))
        return told(score, over=similarity > limit)

    def _similarity(self, pooled: Floats) -> float:
        """Of the window that is most like the examples: -3 to 1, 1 for one of them itself."""
        near = _nearness(pooled, self._like)
        if len(self._unlike):
            near = near - np.maximum(0, _nearness(pooled, self._unlike) - near)
        # Rounded, for the last bits of a product depend on how many are multiplied at once.
        return round(float(near.max()), 6)


@lru_cache(maxsize=64)
def topic(cascade: Cascade, like: tuple[str, ...], unlike: tuple[str, ...]) -> Topic:
    """The topic of some examples, embedded once. Raises WeightsError."""
    return Topic(_embedded(cascade, like), _embedded(cascade, unlike), _ordinary(cascade))


@lru_cache(maxsize=2)
def _ordinary(cascade: Cascade) -> Floats:
    """The embeddings of the shipped ordinary sentences."""
    return _embedded(cascade, ORDINARY.read_text("utf-8").splitlines())


def _nearness(pooled: Floats, examples: Floats) -> Floats:
    """The mean cosine to the nearest examples, `[windows]`."""
    cosines: Floats = np.sort(pooled @ examples.T, axis=1)[:, -_NEAREST:]
    nearness: Floats = cosines.mean(axis=1)
    return nearness


def _embedded(cascade: Cascade, texts: Sequence[str]) -> Floats:
    encoder = cascade.encoder()
    rows = [encoder.read(text).pooled.mean(axis=0) for text in texts]
    return np.stack(rows) if rows else np.zeros((0, cascade.manifest.width), np.float32)
