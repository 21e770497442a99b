"""What each method learns from rows at hand: SFT, DPO, KTO. One class a method, one protocol.

An objective cuts an epoch into batches and a batch into parts, and says what a part's loss is. It
takes no step itself; the loop does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from remit.layers.training.engine import TrainingError
from remit.layers.training.plain import losses, order
from remit.layers.training.plain.encoding import Tree
from remit.layers.training.plain.forward import Reader
from remit.layers.training.recipes import Recipe
from remit.types import Json

# Padded tokens that a pass without gradients reads at once.
_READ_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True)
class Part:
    """Rows whose gradient is taken at once; `share` of the whole batch's loss is theirs."""

    rows: tuple[int, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Loss:
    """A part's mean loss, what it was measured to be, and how many tokens were read for it."""

    value: Tensor
    metrics: dict[str, Tensor]
    tokens: int


class Objective(Protocol):
    """What is learnt."""

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole training."""

    def parts(self, step: int) -> list[Part]:
        """The parts of the batch of a step, counted from 1."""

    def loss(self, part: Part) -> Loss:
        """The loss of a part."""

    def whole(self) -> list[Part]:
        """All rows once, in parts, to be measured and not learnt from."""


@dataclass
class _Offline:
    recipe: Recipe
    reader: Reader
    rows: Sequence[Json]
    trees: Sequence[Tree]
    lengths: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.lengths = [tree.longest for tree in self.trees]
        self._epochs: dict[int, list[list[int]]] = {}

    @property
    def steps(self) -> int:
        if self.recipe.steps is not None:
            return self.recipe.steps
        return max(1, round(len(self._epoch(0)) * self.recipe.epochs))

    def parts(self, step: int) -> list[Part]:
        each = len(self._epoch(0))
        epoch, place = divmod(step - 1, each)
        rows = self._epoch(epoch)[place]
        return self._shared(order.pieces(rows, self.lengths, self.recipe.accumulate))

    def whole(self) -> list[Part]:
        size = max(1, self.recipe.batch // self.recipe.accumulate)
        ordered = sorted(range(len(self.trees)), key=lambda row: self.lengths[row])
        cut = [ordered[at : at + size] for at in range(0, len(ordered), size)]
        return self._shared(cut)

    def _epoch(self, number: int) -> list[list[int]]:
        if number not in self._epochs:
            self._epochs = {k: v for k, v in self._epochs.items() if k == 0}
            self._epochs[number] = self._batches(number)
        return self._epochs[number]

    def _batches(self, epoch: int) -> list[list[int]]:
        return order.batches(self.lengths, self.recipe.batch, self.recipe.seed, epoch)

    def _shared(self, parts: Sequence[Sequence[int]]) -> list[Part]:
        weights = [sum(self._weight(row) for row in part) for part in parts]
        total = sum(weights)
        return [Part(tuple(p), w / total) for p, w in zip(parts, weights, strict=True)]

    def _weight(self, row: int) -> int:
        return 1

    def _read(self, part: Part) -> list[Tree]:
        return [self.trees[row] for row in part.rows]


class Sft(_Offline):
    """Supervised fine-tuning: cross-entropy of a batch's tokens, each token of the same weight."""

    def _weight(self, row: int) -> int:
        return sum(map(len, self.trees[row].completions))

    def loss(self, part: Part) -> Loss:
        """Mean negative log-likelihood a token, in nats."""
        trees = self._read(part)
        value = losses.sft(self.reader.score(trees).token_logps).mean()
        return Loss(value, {"loss": value.detach()}, sum(tree.tokens for tree in trees))


@dataclass
class Dpo(_Offline):
    """Direct preference optimisation, the reference's log-probabilities taken once, beforehand."""

    reference: Tensor  # [rows, 2], chosen and rejected

    def loss(self, part: Part) -> Loss:
        """Mean loss a pair."""
        trees = self._read(part)
        scored = self.reader.score(trees)
        logps = scored.sums.view(-1, 2)
        ratios = logps - self.reference[list(part.rows)]
        chosen, rejected = ratios.unbind(1)
        beta = self.recipe.kl_weight
        if self.recipe.dpo.loss == "ipo":
            tokens = scored.lengths.view(-1, 2)
            each = losses.ipo(chosen, rejected, tokens[:, 0], tokens[:, 1], beta)
        else:
            each = losses.dpo(chosen, rejected, beta, self.recipe.dpo.label_smoothing)
        value = each.mean()
        with torch.no_grad():
            metrics = {
                "loss": value.detach(),
                "accuracy": (chosen > rejected).float().mean(),
                "margin": beta * (chosen - rejected).mean(),
                "reward_chosen": beta * chosen.mean(),
                "reward_rejected": beta * rejected.mean(),
                "logp_chosen": logps[:, 0].mean(),
                "logp_rejected": logps[:, 1].mean(),
            }
        return Loss(value, metrics, sum(tree.tokens for tree in trees))


@dataclass
class Kto(_Offline):
    """Kahneman-Tversky optimisation. A row's completion is also read under its neighbour's prompt.

    Batches are composed once and only their order changes from epoch to epoch, so that those
    mismatched pairs, and the reference's view of them, stay the same.
    """

    reference: Tensor  # [rows, 2], the row itself and its mismatched twin
    mismatched: Sequence[Tree]
    weights: tuple[float, float]

    def _batches(self, epoch: int) -> list[list[int]]:
        return kto_batches(self.lengths, self.recipe, epoch)

    def loss(self, part: Part) -> Loss:
        """Mean loss a row."""
        rows = list(part.rows)
        trees = self._read(part)
        ratios = self.reader.score(trees).sums - self.reference[rows, 0]
        with torch.no_grad():
            twins = self.reader.score([self.mismatched[row] for row in rows]).sums
            kl = losses.reference_point(twins - self.reference[rows, 1])
        wanted = torch.tensor([self.rows[row]["label"] for row in rows], device=ratios.device)
        beta = self.recipe.kl_weight
        value = losses.kto(ratios, wanted, kl, beta, *self.weights).mean()
        metrics = {"loss": value.detach(), "kl": kl}
        rewards = beta * ratios.detach()
        for name, these in (("reward_chosen", wanted), ("reward_rejected", ~wanted)):
            if these.any():
                metrics[name] = rewards[these].mean()
        return Loss(value, metrics, sum(tree.tokens for tree in trees))


def kto_batches(lengths: Sequence[int], recipe: Recipe, epoch: int) -> list[list[int]]:
    """KTO's batches of an epoch: of the same rows in each; a last one of a single row is joined."""
    made = order.batches(lengths, recipe.batch, recipe.seed, 0)
    alone = [batch for batch in made if len(batch) == 1]
    made = [batch for batch in made if len(batch) > 1]
    if not made:
        raise TrainingError("kto needs two rows at least: its KL comes from the other rows")
    made[0] = made[0] + [row for batch in alone for row in batch]
    turn = order.batches([0] * len(made), 1, recipe.seed, epoch)
    return [made[place] for (place,) in turn] if epoch else made


def mismatched(trees: Sequence[Tree], recipe: Recipe) -> list[Tree]:
    """Each row's prompt with the completion of the row before it in its micro-batch.

    Ethayarajh et al. 2024, section 4.1: the KL is estimated on the batch's own completions.
    """
    lengths = [tree.longest for tree in trees]
    twins = list(trees)
    for batch in kto_batches(lengths, recipe, 0):
        for piece in order.pieces(batch, lengths, recipe.accumulate):
            for row, other in zip(piece, [piece[-1], *piece[:-1]], strict=True):
                twins[row] = Tree(trees[row].prompt, trees[other].completions)
    return twins


def kto_weights(rows: Sequence[Json], recipe: Recipe) -> tuple[float, float]:
    """The weights of wanted and unwanted rows, the rarer raised where the recipe asks for it."""
    good, bad = recipe.kto.desirable, recipe.kto.undesirable
    wanted = sum(row["label"] for row in rows)
    unwanted = len(rows) - wanted
    if not recipe.kto.balanced or not wanted or not unwanted:
        return good, bad
    return good * max(1.0, unwanted / wanted), bad * max(1.0, wanted / unwanted)


def reference(reader: Reader, trees: Sequence[Tree]) -> Tensor:
    """The model's own log-probabilities of all completions [rows, completions], no gradient."""
    width = len(trees[0].completions)
    found = torch.zeros(len(trees), width, device=reader.device)
    was = reader.model.training
    reader.model.eval()
    with torch.no_grad():
        for rows in order.by_length([tree.longest * width for tree in trees], _READ_AT_ONCE):
            scored = reader.score([trees[row] for row in rows])
            found[rows] = scored.sums.view(-1, width)
    reader.model.train(was)
    return found
