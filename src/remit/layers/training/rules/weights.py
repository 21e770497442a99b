"""Weights of propositions such that the order of the classes holds, by a hinge.

Mu et al. (2024), eq. 1 and 2, with φ the truths of a reply, r its helpfulness, and (a, b) two
replies of one prompt of which a is of the better class:

    R(p, c) = r(p, c) + Σ_i w_i φ_i(p, c)
    L(w)    = 1/N Σ_(p,a,b) max(0, margin + R(p, b) - R(p, a))  +  ridge/2 |w|²

The ridge is ours: without it, weights grow without end where the order can be kept exactly. What
may never earn reward (breaking a rule) keeps a weight of at most nought, whatever the sample says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from remit.layers.training.rules.classes import Ordering
from remit.layers.training.rules.propositions import Proposition
from remit.types import Json

_ROUNDS = 400


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight a proposition, and how many orderings taught them."""

    propositions: tuple[str, ...]
    values: tuple[float, ...]
    orderings: int = 0
    margin: float = 1.0
    ridge: float = 0.01

    def worth(self, truths: Sequence[float], help: float = 0.0) -> float:
        """What a reply is worth. Raises ValueError for a wrong number of truths."""
        return help + sum(w * t for w, t in zip(self.values, truths, strict=True))

    def to_json(self) -> Json:
        """As it is kept beside a run."""
        return {
            "weights": dict(zip(self.propositions, self.values, strict=True)),
            "orderings": self.orderings,
            "margin": self.margin,
            "ridge": self.ridge,
        }


def fit_weights(
    propositions: Sequence[Proposition],
    truths: Sequence[Sequence[float]],
    orders: Sequence[Ordering],
    helps: Sequence[float] | None = None,
    margin: float = 1.0,
    ridge: float = 0.01,
) -> Weights:
    """The weights, by projected subgradient steps over all orderings, averaged; deterministic.

    `truths` holds a list a reply, `helps` the helpfulness of each. Raises ValueError where there
    is no ordering: weights of nothing would be made up.
    """
    if not orders:
        raise ValueError("no two replies of one prompt differ in class; sample more replies")
    size, given = len(propositions), helps or [0.0] * len(truths)
    pairs = [
        (
            [a - b for a, b in zip(truths[o.better], truths[o.worse], strict=True)],
            given[o.better] - given[o.worse],
        )
        for o in orders
    ]
    weights, total, counted = [0.0] * size, [0.0] * size, 0
    for round_ in range(1, _ROUNDS + 1):
        slope = [ridge * w for w in weights]
        for difference, lead in pairs:
            if lead + sum(w * d for w, d in zip(weights, difference, strict=True)) < margin:
                slope = [s - d / len(pairs) for s, d in zip(slope, difference, strict=True)]
        step = 4.0 / sqrt(round_)
        weights = [
            _allowed(w - step * s, p) for w, s, p in zip(weights, slope, propositions, strict=True)
        ]
        if round_ > _ROUNDS // 2:
            total = [t + w for t, w in zip(total, weights, strict=True)]
            counted += 1
    values = tuple(t / counted for t in total)
    return Weights(tuple(p.id for p in propositions), values, len(orders), margin, ridge)


def kept(
    weights: Weights,
    truths: Sequence[Sequence[float]],
    orders: Sequence[Ordering],
    helps: Sequence[float] | None = None,
) -> float:
    """The share of orderings that the weights keep; a tie counts half.

    Raises ValueError where there are none.
    """
    if not orders:
        raise ValueError("no orderings to check; give held-out replies")
    given = helps or [0.0] * len(truths)
    worth = [weights.worth(t, h) for t, h in zip(truths, given, strict=True)]
    leads = [worth[o.better] - worth[o.worse] for o in orders]
    return sum((lead > 0) + (lead == 0) / 2 for lead in leads) / len(leads)


def _allowed(weight: float, proposition: Proposition) -> float:
    if proposition.sign < 0:
        return min(0.0, weight)
    return max(0.0, weight) if proposition.sign > 0 else weight
