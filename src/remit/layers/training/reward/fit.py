"""Training of one member: pairs of replies through a body and heads. Imports torch: import late."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from remit.layers.training.engine import Point, Report, TrainingError
from remit.layers.training.reward.network import Body, Heads, bradley_terry
from remit.layers.training.reward.pairs import Pair
from remit.layers.training.reward.recipe import RewardRecipe

_HEAD_RATE = 20.0
_MOST_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """One trained body with its heads, and the loss of each epoch."""

    body: Body
    heads: Heads
    losses: tuple[float, ...] = ()

    def rewards(self, prepared: Sequence[Any], batch: int = 64) -> Tensor:
        """`[replies, heads]`, without gradient."""
        self.body.teach(on=False)
        self.heads.eval()
        with torch.no_grad():
            parts = [
                self.heads(self.body.vectors(prepared[at : at + batch])).cpu()
                for at in range(0, len(prepared), batch)
            ]
        return torch.cat(parts) if parts else torch.zeros(0, self.heads.out.out_features)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Pairs as a body takes them in: both replies, which head was asked, by how much to lead."""

    chosen: list[Any]
    rejected: list[Any]
    head: Tensor
    margin: Tensor

    def __len__(self) -> int:
        return len(self.chosen)


def prepared(body: Body, pairs: Sequence[Pair], heads: Sequence[str]) -> Prepared:
    """Does once what is the same in every epoch."""
    prompts = [pair.prompt for pair in pairs]
    places = {head: place for place, head in enumerate(heads)}
    return Prepared(
        body.prepared(prompts, [pair.chosen for pair in pairs]),
        body.prepared(prompts, [pair.rejected for pair in pairs]),
        torch.tensor([places[pair.head] for pair in pairs], dtype=torch.long),
        torch.tensor([pair.margin for pair in pairs], dtype=torch.float32),
    )


def fit(
    make: Callable[[], Body],
    pairs: Sequence[Pair],
    heads: Sequence[str],
    recipe: RewardRecipe,
    seed: int,
    report: Report,
    ready: Callable[[Body], Prepared] | None = None,
) -> Member:
    """One member. `ready` gives what was prepared already, where bodies share it.

    Raises TrainingError where the loss is no number any more.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311  an order of rows, not a secret
    body = make()
    data = ready(body) if ready else prepared(body, pairs, heads)
    chosen = _sample(pairs, rng) if recipe.resample else list(range(len(pairs)))
    network = Heads(body.width, len(heads), recipe.hidden).to(body.device)
    optimiser = _optimiser(body, network, recipe)
    steps = recipe.epochs * -(-len(chosen) // recipe.batch)
    report.begin(steps, 0)
    losses, step = [], 0
    for _ in range(recipe.epochs):
        rng.shuffle(chosen)
        seen = []
        for at in range(0, len(chosen), recipe.batch):
            step += 1
            _rate(optimiser, step, steps)
            loss = _step(body, network, optimiser, data, chosen[at : at + recipe.batch], recipe)
            if not loss < float("inf"):
                raise TrainingError(f"the loss is {loss} at step {step}; lower lr in the recipe")
            seen.append(loss)
            report.step(Point(step, {"loss": loss}))
        losses.append(sum(seen) / len(seen))
    return Member(body, network, tuple(losses))


def _step(
    body: Body,
    heads: Heads,
    optimiser: torch.optim.Optimizer,
    data: Prepared,
    rows: list[int],
    recipe: RewardRecipe,
) -> float:
    body.teach(on=True)
    heads.train()
    both = [data.chosen[row] for row in rows] + [data.rejected[row] for row in rows]
    rewards = heads(body.vectors(both))
    asked = torch.nn.functional.one_hot(data.head[rows], rewards.shape[1]).to(rewards)
    margin = data.margin[rows].to(rewards)
    loss = bradley_terry(rewards[: len(rows)], rewards[len(rows) :], asked, margin, recipe.centre)
    whole = loss + recipe.ridge / 2 * heads.squared()
    optimiser.zero_grad()
    whole.backward()
    trained = [p for group in optimiser.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(trained, _MOST_NORM)
    optimiser.step()
    return float(loss.detach())


def _optimiser(body: Body, heads: Heads, recipe: RewardRecipe) -> torch.optim.Optimizer:
    """AdamW. Fresh heads on a trained body learn faster than it does, or they never catch up."""
    inner = list(body.parameters())
    rate = recipe.lr * _HEAD_RATE if inner else recipe.lr
    groups = [{"params": list(heads.parameters()), "lr": rate, "weight_decay": 0.0}]
    if inner:
        groups.append({"params": inner, "lr": recipe.lr, "weight_decay": recipe.weight_decay})
    for group in groups:
        group["initial_lr"] = group["lr"]
    return torch.optim.AdamW(groups)


def _rate(optimiser: torch.optim.Optimizer, step: int, steps: int) -> None:
    """A tenth of the steps to warm up, then straight down to nought."""
    warm = max(1, steps // 10)
    share = min(1.0, step / warm, (steps - step + 1) / max(1, steps - warm))
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * share


def _sample(pairs: Sequence[Pair], rng: random.Random) -> list[int]:
    """A bootstrap sample of the groups, since the pairs of one prompt are no independent rows."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, pair in enumerate(pairs):
        groups[pair.group].append(row)
    names = sorted(groups)
    return [row for name in rng.choices(names, k=len(names)) for row in groups[name]]
