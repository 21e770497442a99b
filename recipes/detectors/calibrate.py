"""From logits to probabilities, and from a tolerated false-alarm rate to a threshold.

Slopes and fusion are fitted by logistic regression (Platt 1999) on the tenth of the training rows
that was held back and on a fifth of the ordinary text; thresholds come from the rest of the
ordinary text by split conformal prediction (Vovk et al. 2005; Angelopoulos & Bates 2021): the bound
holds for any model, whatever its scores mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float64]
RATES = (0.001, 0.00125, 0.002, 0.0025, 0.005, 0.01, 0.02, 0.05)
_LOST = 0.01
_ENOUGH = 5
# What the edge is lowered by, in odds: attacks of tomorrow use other words than these.
_MARGIN = 3.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """One head's numbers in the manifest."""

    slope: float
    bias: float
    low: float
    high: float
    fuse_encoder: float
    fuse_linear: float
    fuse_bias: float

    def linear(self, z_linear: Floats) -> Floats:
        """The first stage's probability."""
        return sigmoid(self.slope * z_linear + self.bias)

    def score(self, z_linear: Floats, z_encoder: Floats) -> Floats:
        """The cascade's score."""
        first = self.linear(z_linear)
        second = sigmoid(
            self.fuse_encoder * z_encoder + self.fuse_linear * z_linear + self.fuse_bias
        )
        return np.where((first < self.low) | (first > self.high), first, second)

    def asks(self, z_linear: Floats) -> npt.NDArray[np.bool_]:
        """True where the encoder is asked."""
        first = self.linear(z_linear)
        return (first >= self.low) & (first <= self.high)


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + e**-z), without overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


def fit(z_linear: Floats, z_encoder: Floats, truth: npt.NDArray[np.int64]) -> Calibration:
    """Platt for the first stage, and a fusion for both; every text asks the encoder.

    The first stage convicts nobody by itself: the upper edge of the band is 1.
    """
    first = LogisticRegression(C=1.0).fit(z_linear[:, None], truth)
    slope, bias = max(float(first.coef_[0, 0]), 1e-3), float(first.intercept_[0])
    both = LogisticRegression(C=1.0).fit(np.stack([z_encoder, z_linear], 1), truth)
    encoder, linear, offset = (float(v) for v in (*both.coef_[0], both.intercept_[0]))
    if linear < 0.0 or encoder <= 0.0:
        one = LogisticRegression(C=1.0).fit(z_encoder[:, None], truth)
        encoder, linear, offset = float(one.coef_[0, 0]), 0.0, float(one.intercept_[0])
    return Calibration(slope, bias, 0.0, 1.0, encoder, linear, offset)


def edge(caught: Floats) -> float:
    """The band's lower edge, from what the first stage says of positives that both stages catch.

    One in a hundred of them may be cleared, less a margin. Too few promise nothing: all texts ask.
    """
    if len(caught) < _ENOUGH:
        return 0.0
    at = float(np.quantile(caught, _LOST))
    return at / (at + _MARGIN * (1.0 - at))


def threshold(scores: Floats, rate: float) -> float | None:
    """The split-conformal threshold on ordinary scores; None where `rate` is below 1 / (n + 1).

    A new ordinary text, exchangeable with these, is over it with a probability of at most `rate`.
    """
    place = len(scores) - math.ceil((len(scores) + 1) * (1.0 - rate) - 1e-9)
    return float(np.sort(scores)[::-1][place]) if place >= 0 else None


def tail(scores: Floats) -> list[float]:
    """The highest scores in descending order: 6 % of them."""
    ordered = np.sort(scores)[::-1][: math.ceil(0.06 * len(scores)) + 1]
    return [round(float(score), 7) for score in ordered]


def expected_error(scores: Floats, truth: npt.NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error over equal-width bins (Guo et al. 2017)."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = place == number
        if inside.any():
            error += inside.mean() * abs(scores[inside].mean() - truth[inside].mean())
    return float(error)


def reliability(
    scores: Floats, truth: Sequence[int], bins: int = 10
) -> list[tuple[float, float, int]]:
    """Per bin: mean score, share of positives, count."""
    known = np.asarray(truth)
    place = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        (float(scores[place == b].mean()), float(known[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]
