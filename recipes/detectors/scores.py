"""Scores every row that teaches nothing, once, with the files that ship."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipes.detectors.calibrate import RATES, Calibration, fit, threshold
from recipes.detectors.data import Row, held_back, key
from recipes.detectors.heads import HEADS, INDEX
from recipes.detectors.infer import Asker
from recipes.detectors.linear import Linear

Floats = npt.NDArray[np.float64]
# Below this many known positives a slope of their own would be noise: take the family's.
_ENOUGH = 5
# What n-grams may clear by themselves. Advice and promises have words of their own; an attack or
# harm of a new kind has new ones, so there the encoder always looks.
_CLEARED = {"topic": 0.3, "speech": 0.3}
_MISTAKEN = 0.2
_FAMILY = {
    "topic": "topic.tax_financial.given",
    "harm": "harm.any",
    "attack": "attack.injection",
    "speech": "speech.promise",
}


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows and both stages' logits [rows, heads]."""

    rows: list[Row]
    linear: Floats
    encoder: Floats

    def pick(self, head: str, *splits: str) -> npt.NDArray[np.int64]:
        """Indices of the rows of the splits that label the head."""
        found = [i for i, row in enumerate(self.rows) if row.split in splits and head in row.labels]
        return np.array(found, np.int64)

    def truth(self, head: str, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The labels of the rows at the indices."""
        return np.array([self.rows[i].labels[head] for i in at], np.int64)

    def score(self, head: str, calibration: Calibration, at: npt.NDArray[np.int64]) -> Floats:
        """The cascade's scores of the rows at the indices."""
        column = INDEX[head]
        return calibration.score(self.linear[at, column], self.encoder[at, column])


def judge(rows: list[Row], linear: Linear, asker: Asker) -> Scored:
    """Both stages' logits of the rows that taught nothing."""
    kept = [row for row in rows if row.split != "train" or held_back(row)]
    first = np.array([linear.logits(row.text) for row in kept], np.float64)
    second = asker.heads([row.text for row in kept]).astype(np.float64)
    return Scored(kept, first, second)


def fits(row: Row) -> bool:
    """True for the fifth of the ordinary rows that fits slopes; the rest sets thresholds."""
    return row.split == "ordinary" and key("fit" + row.text) % 5 == 0


def calibrations(scored: Scored) -> dict[str, Calibration]:
    """One calibration per head."""
    found: dict[str, Calibration] = {}
    thin: list[str] = []
    for head in HEADS:
        at = scored.pick(head, "train", "ordinary")
        at = np.array([i for i in at if scored.rows[i].split == "train" or fits(scored.rows[i])])
        truth = scored.truth(head, at)
        if truth.sum() < _ENOUGH:
            thin.append(head)
            continue
        column = INDEX[head]
        share = _CLEARED.get(head.split(".")[0], 0.0)
        logits = (scored.linear[at, column], scored.encoder[at, column])
        found[head] = fit(*logits, truth, share)
    for head in thin:
        found[head] = found[_FAMILY[head.split(".")[0]]]
    return found


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What ordinary business text scores on one head, in no special order."""

    scores: Floats
    thresholds: dict[str, float]


def ordinary(scored: Scored, head: str, calibration: Calibration) -> Ordinary:
    """The scores and the usual thresholds of a head, on rows that fitted nothing."""
    at = np.array([i for i in scored.pick(head, "ordinary") if not fits(scored.rows[i])])
    scores = scored.score(head, calibration, at)
    floor = _floor(scored, head, calibration)
    found = {str(rate): threshold(scores, rate) for rate in RATES}
    kept = {rate: round(max(v, floor), 7) for rate, v in found.items() if v is not None}
    return Ordinary(scores, kept)


def _floor(scored: Scored, head: str, calibration: Calibration) -> float:
    """Where all but `_MISTAKEN` of the hand-written near misses that taught nothing stay below.

    Ordinary text is far from the question; information on the law is near. A threshold that only
    ordinary text sets would stop much of the latter.
    """
    near = [
        i
        for i in scored.pick(head, "train")
        if ".hand-" in scored.rows[i].source and not scored.rows[i].labels[head]
    ]
    if not head.startswith(("topic.", "speech.")) or len(near) < _ENOUGH:
        return 0.0
    return float(np.quantile(scored.score(head, calibration, np.array(near)), 1.0 - _MISTAKEN))
