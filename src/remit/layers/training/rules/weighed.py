"""Helpfulness and weighed propositions as one reward: R = r + Σ w φ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from remit.layers.training.engine import Prompt, Reward
from remit.layers.training.judged import as_messages
from remit.layers.training.rules.classes import class_of, orderings
from remit.layers.training.rules.propositions import Propositions
from remit.layers.training.rules.weights import Weights, fit_weights
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Weighed:
    """A rule-based reward of Mu et al.: `helpful` may be a learned reward, or None."""

    read: Propositions
    weights: Weights
    helpful: Reward | None = None
    name: str = "rules"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """One number a completion."""
        helps = _helps(self.helpful, prompts, completions, rows)
        truths = self.read(prompts, completions)
        return [self.weights.worth(t, h) for t, h in zip(truths, helps, strict=True)]


def fitted(
    read: Propositions,
    prompts: Sequence[Prompt],
    completions: Sequence[str],
    rows: Sequence[Json],
    helpful: Reward | None = None,
    margin: float = 1.0,
) -> Weighed:
    """Fits weights on sampled replies, several a prompt.

    A row's `rule` says which rule its prompt tempts to break; without one it is ordinary. Raises
    ValueError where all replies of each prompt are of one class.
    """
    truths = read(prompts, completions)
    names = [proposition.id for proposition in read.all]
    classes = [
        class_of(dict(zip(names, values, strict=True)), str(row.get("rule") or ""))
        for values, row in zip(truths, rows, strict=True)
    ]
    keys = [orjson.dumps(as_messages(prompt)) for prompt in prompts]
    helps = _helps(helpful, prompts, completions, rows)
    orders = orderings(keys, classes)
    return Weighed(read, fit_weights(read.all, truths, orders, helps, margin), helpful)


def _helps(
    helpful: Reward | None,
    prompts: Sequence[Prompt],
    completions: Sequence[str],
    rows: Sequence[Json],
) -> list[float]:
    if helpful is None:
        return [0.0] * len(completions)
    # What has no opinion neither helps nor harms.
    return [value or 0.0 for value in helpful(prompts, completions, rows)]
