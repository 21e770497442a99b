"""Scores every row that teaches nothing, once, with the files that ship."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recipes.detectors.calibrate import RATES, Calibration, edge, fit, threshold
from recipes.detectors.data import Row, held_back, key
from recipes.detectors.heads import HEADS, INDEX
from recipes.detectors.infer import Asker
from recipes.detectors.linear import Linear

Floats = npt.NDArray[np.float64]
# Below this many known positives a slope of their own would be noise: take the family's.
_ENOUGH = 5
_MISTAKEN = 0.2
# A kind of ordinary text sets a threshold of its own where so many of it lie above: with fewer the
# threshold is one odd text's score.
_STEADY = 2
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
    kept = [
        row
        for row in rows
        if row.split != "unlabelled" and (row.split != "train" or held_back(row))
    ]
    first = np.array([linear.logits(row.text) for row in kept], np.float64)
    second = asker.heads([row.text for row in kept]).astype(np.float64)
    return Scored(kept, first, second)


def fits(row: Row) -> bool:
    """True for the fifth of the ordinary rows that fits slopes; the rest sets thresholds."""
    return row.split == "ordinary" and key("fit" + row.text) % 5 == 0


def calibrations(scored: Scored) -> dict[str, Calibration]:
    """One calibration per head, with the edge below which the first stage clears."""
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
        fitted = fit(scored.linear[at, column], scored.encoder[at, column], truth)
        limit = ordinary(scored, head, fitted).thresholds["0.01"]
        caught = at[(truth == 1) & (scored.score(head, fitted, at) > limit)]
        # Not above the limit: what the first stage clears it must not convict.
        low = min(limit, edge(fitted.linear(scored.linear[caught, column])))
        found[head] = replace(fitted, low=low)
    for head in thin:
        found[head] = replace(found[_FAMILY[head.split(".")[0]]], low=0.0)
    return found


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What ordinary business text scores on one head, in no special order."""

    scores: Floats
    thresholds: dict[str, float]


def ordinary(scored: Scored, head: str, calibration: Calibration) -> Ordinary:
    """The scores and the usual thresholds of a head, on rows that fitted nothing.

    Of documents a rate holds within each kind large enough to promise it (Mondrian conformal, Vovk
    2012): they differ from each other more than requests do.
    """
    at = np.array([i for i in scored.pick(head, "ordinary") if not fits(scored.rows[i])])
    scores = scored.score(head, calibration, at)
    kinds = np.array([scored.rows[i].source * (scored.rows[i].side == "document") for i in at])
    floor = _floor(scored, head, calibration)
    kept = {}
    for rate in RATES:
        limits = [threshold(scores, rate)]
        for kind in np.unique(kinds):
            own = scores[kinds == kind]
            if len(own) * rate >= _STEADY:
                limits.append(threshold(own, rate))
        known = [limit for limit in limits if limit is not None]
        if known:
            kept[str(rate)] = round(max(*known, floor), 7)
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
