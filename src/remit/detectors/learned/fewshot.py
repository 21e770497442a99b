"""A topic of the owner's own, from a few sentences: a discriminant on the encoder's embeddings.

Between the examples and what they are not (`unlike`, and ordinary sentences of business), Fisher's
linear discriminant with the covariance shrunk towards a sphere (Fisher 1936; Ledoit & Wolf 2004):
one small solve, no training. The limit is conformal over ordinary sentences that took no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from remit.detectors.learned.calibration import threshold
from remit.detectors.learned.cascade import Cascade
from remit.detectors.learned.encoder import Encoded, Floats

ORDINARY = Path(__file__).parent / "ordinary.txt"
_FITTED = 5  # every fifth ordinary sentence helps to fit; the others calibrate
_SHRINKAGE = 0.9
_STEEPNESS = 20.0  # of the score, per unit of similarity


class Topic:
    """Tells sentences that are like the examples from all others."""

    def __init__(self, like: Floats, others: Floats, ordinary: Floats) -> None:
        """Embeddings of unit length, `[sentences, width]`; `ordinary` sets the limit."""
        centre, away = like.mean(axis=0), others.mean(axis=0)
        apart = np.concatenate([like - centre, others - away])
        spread = apart.T @ apart / len(apart)
        sphere = np.eye(len(spread), dtype=np.float32) * (np.trace(spread) / len(spread))
        mixed = (1 - _SHRINKAGE) * spread + _SHRINKAGE * sphere
        direction = np.linalg.solve(mixed + 1e-6 * np.eye(len(spread)), centre - away)
        self._direction = direction / np.linalg.norm(direction)
        self._ordinary = sorted((float(s) for s in ordinary @ self._direction), reverse=True)

    def score(self, encoded: Encoded, rate: float) -> float:
        """Over 0.5 where at most `rate` of ordinary sentences are so like the examples.

        Raises TooRareError. Apart from that point the score is no probability, only an order.
        """
        similarity = float((encoded.pooled @ self._direction).max())
        limit = threshold(self._ordinary, len(self._ordinary), rate)
        score = round(float(1 / (1 + np.exp(-_STEEPNESS * (similarity - limit)))), 4)
        return max(score, 0.5001) if similarity > limit else min(score, 0.4999)


@lru_cache(maxsize=64)
def topic(cascade: Cascade, like: tuple[str, ...], unlike: tuple[str, ...]) -> Topic:
    """The topic of some examples, fitted once. Raises WeightsError."""
    ordinary = _ordinary(cascade)
    fitting = np.arange(len(ordinary)) % _FITTED == 0
    others = ordinary[fitting]
    if unlike:
        others = np.concatenate([_embedded(cascade, unlike), others])
    return Topic(_embedded(cascade, like), others, ordinary[~fitting])


@lru_cache(maxsize=2)
def _ordinary(cascade: Cascade) -> Floats:
    """The embeddings of the shipped ordinary sentences."""
    return _embedded(cascade, ORDINARY.read_text("utf-8").splitlines())


def _embedded(cascade: Cascade, texts: Sequence[str]) -> Floats:
    encoder = cascade.encoder()
    return np.stack([encoder.read(text).pooled.mean(axis=0) for text in texts])
