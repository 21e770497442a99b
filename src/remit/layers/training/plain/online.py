"""RLOO and GRPO: completions are sampled, rewarded and compared within their group.

The prompts of a step, and the numbers its completions are drawn with, are functions of the seed and
the step; a training that was killed therefore samples what it would have sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from remit.layers.training.engine import Prompt, Report, Reward, Rollout, TrainingError
from remit.layers.training.generate import Drawn, Sampler
from remit.layers.training.plain import losses, order
from remit.layers.training.plain.encoding import Encoder, Ids, Tree
from remit.layers.training.plain.forward import Reader
from remit.layers.training.plain.objectives import Loss, Part
from remit.layers.training.recipes import Recipe
from remit.layers.training.rewarding import rewarded
from remit.layers.training.rows import Rows
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Batch:
    """Sampled completions with what the loss needs: tensors hold one element a completion.

    `old` are token log-probabilities [completion][tokens] of the policy that sampled, `reference`
    of the model it started from; `metrics` what was measured while sampling.
    """

    trees: tuple[Tree, ...]
    advantages: Tensor
    old: tuple[Tensor, ...]
    reference: tuple[Tensor, ...]
    metrics: dict[str, float]


@dataclass
class Online:
    """Reinforcement learning from rewards. Raises TrainingError without a reward."""

    recipe: Recipe
    reader: Reader
    encoder: Encoder
    rows: Rows
    rewards: tuple[Reward, ...]
    report: Report
    _batch: tuple[int, Batch] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not self.rewards:
            raise TrainingError(
                f"{self.recipe.method} needs a reward; name one under rollouts: rewards:"
            )
        self._prompts = self._fitting()
        self._anchor = self.reader
        if self.recipe.kl_weight:
            still = deepcopy(self.reader.model).eval().requires_grad_(requires_grad=False)
            self._anchor = Reader(still, *self._found)

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole training: several where completions are used again."""
        if self.recipe.steps is not None:
            return self.recipe.steps
        each = -(-len(self._prompts) // self._groups)
        return max(1, round(each * self.recipe.epochs)) * self.recipe.rollouts.iterations

    def parts(self, step: int) -> list[Part]:
        """The completions of a step, sampled where they are needed for the first time."""
        drawing = (step - 1) // self.recipe.rollouts.iterations
        if self._batch is None or self._batch[0] != drawing:
            rows = self._drawn_rows(drawing)
            self._batch = drawing, self._sampled(rows, drawing, step)
        count = len(self._batch[1].trees)
        size = -(-count // self.recipe.accumulate)
        return self._cut(size)

    def loss(self, part: Part) -> Loss:
        """RLOO: mean a completion, of whole completions' ratios. GRPO: mean a token."""
        assert self._batch is not None  # noqa: S101  parts() was asked first
        batch = self._batch[1]
        rows = list(part.rows)
        scored = self.reader.score(
            together([batch.trees[row] for row in rows]),
            temperature=self.recipe.rollouts.temperature,
            entropy=True,
        )
        logps = scored.token_logps
        old = torch.cat([batch.old[row] for row in rows])
        advantages = batch.advantages[rows]
        epsilon = self.recipe.rollouts.clip
        if self.recipe.method == "rloo":
            each = losses.clipped(scored.added(logps - old), advantages, epsilon)
        else:
            each = losses.clipped(logps - old, advantages[scored.owner], epsilon)
            if self.recipe.kl_weight:
                reference = torch.cat([batch.reference[row] for row in rows])
                each = each + self.recipe.kl_weight * losses.token_kl(logps, reference, old)
        value = each.mean()
        assert scored.entropy is not None  # noqa: S101  it was asked for
        metrics = {"loss": value.detach(), "entropy": scored.entropy.mean()}
        fixed = {name: torch.tensor(number) for name, number in batch.metrics.items()}
        tokens = sum(batch.trees[row].tokens for row in rows)
        return Loss(value, metrics | fixed, tokens)

    def whole(self) -> list[Part]:
        """Every prompt's completions once, drawn with the same numbers each time."""
        self._batch = -1, self._sampled(range(len(self._prompts)), -1, 0)
        size = max(self.recipe.rollouts.group, self.recipe.batch // self.recipe.accumulate)
        return self._cut(size)

    def _cut(self, size: int) -> list[Part]:
        """The batch in parts; GRPO's loss is a mean over tokens, so their number is the weight."""
        assert self._batch is not None  # noqa: S101  completions were drawn first
        trees = self._batch[1].trees
        by_token = self.recipe.method == "grpo"
        weights = [len(tree.completions[0]) if by_token else 1 for tree in trees]
        cut = [tuple(range(at, min(at + size, len(trees)))) for at in range(0, len(trees), size)]
        return [Part(rows, sum(weights[r] for r in rows) / sum(weights)) for rows in cut]

    @property
    def _groups(self) -> int:
        return self.recipe.batch // self.recipe.rollouts.group

    @property
    def _found(self) -> tuple[bool, bool, Any, Any]:
        read = self.reader
        return read.lean_head, read.shares, read.device, read.dtype

    def _fitting(self) -> list[tuple[Json, Ids]]:
        room = self.recipe.max_length - self.recipe.rollouts.max_tokens
        encoded = [(row, self.encoder.prompt(row["prompt"])) for row in self.rows]
        kept = [(row, ids) for row, ids in encoded if len(ids) <= room]
        if not kept:
            raise TrainingError(
                f"no prompt leaves {self.recipe.rollouts.max_tokens} of max_length "
                f"{self.recipe.max_length} tokens for an answer; raise max_length"
            )
        if lost := len(encoded) - len(kept):
            self.encoder.counts["prompts that leave no room for an answer, left out"] += lost
        return kept

    def _drawn_rows(self, drawing: int) -> list[int]:
        lengths = [0] * len(self._prompts)
        each = -(-len(lengths) // self._groups)
        epoch, place = divmod(drawing, each)
        return order.batches(lengths, self._groups, self.recipe.seed, epoch)[place]

    def _sampled(self, rows: Sequence[int], drawing: int, step: int) -> Batch:
        asked = self.recipe.rollouts
        sampler = Sampler(self.reader.model, self.encoder.end, asked.temperature, asked.max_tokens)
        # -1 is the held-out draw; seeds are taken apart far enough never to meet.
        seed = (self.recipe.seed * 1_000_003 + drawing + 1) % (1 << 63)
        groups = sampler.sample([self._prompts[row][1] for row in rows], asked.group, seed)
        flat = [(row, one) for row, group in zip(rows, groups, strict=True) for one in group]
        table, told = self._rewarded(flat)
        self.report.rollouts(step, told)
        trees = tuple(Tree(self._prompts[row][1], (one.tokens,)) for row, one in flat)
        old, reference = self._before(trees)
        return self._weighed(trees, table, old, reference)

    def _rewarded(self, flat: Sequence[tuple[int, Drawn]]) -> tuple[Tensor, list[Rollout]]:
        sources = [self._prompts[row][0] for row, _ in flat]
        prompts: list[Prompt] = [source["prompt"] for source in sources]
        texts = [self.encoder.text(one.tokens) for _, one in flat]
        given = rewarded(self.rewards, prompts, texts, sources)
        told = [
            Rollout(prompt, text, {name: given[name][at] for name in given}, source)
            for at, (prompt, text, source) in enumerate(zip(prompts, texts, sources, strict=True))
        ]
        columns = [[torch.nan if v is None else v for v in values] for values in given.values()]
        return torch.tensor(columns, dtype=torch.float32, device=self.reader.device).T, told

    def _before(self, trees: Sequence[Tree]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Token log-probabilities of the policy as it is now, and of where it started from."""
        with torch.no_grad():
            now = self._token_logps(self.reader, trees)
            if not self.recipe.kl_weight:
                return now, now
            return now, self._token_logps(self._anchor, trees)

    def _token_logps(self, reader: Reader, trees: Sequence[Tree]) -> tuple[Tensor, ...]:
        found: dict[int, Tensor] = {}
        was = reader.model.training
        reader.model.eval()
        for batch in order.by_length([tree.longest for tree in trees], 1 << 14):
            # In their own order, so that completions of one prompt stand together.
            rows = sorted(batch)
            some = [trees[row] for row in rows]
            scored = reader.score(together(some), temperature=self.recipe.rollouts.temperature)
            sizes = [len(tree.completions[0]) for tree in some]
            found |= dict(zip(rows, scored.token_logps.split(sizes), strict=True))
        reader.model.train(was)
        return tuple(found[row] for row in range(len(trees)))

    def _weighed(
        self,
        trees: tuple[Tree, ...],
        table: Tensor,
        old: tuple[Tensor, ...],
        reference: tuple[Tensor, ...],
    ) -> Batch:
        asked = self.recipe.rollouts
        first = asked.aggregate == "normalize_then_sum" and table.shape[1] > 1
        weights = [asked.weights.get(reward.name, 1.0) for reward in self.rewards]
        scale = torch.tensor(weights, device=table.device)
        total = losses.combined_rewards(table, scale, asked.group, normalize_first=first)
        kl = torch.stack([(a - b).sum() for a, b in zip(old, reference, strict=True)])
        if self.recipe.method == "rloo":
            total = total - self.recipe.kl_weight * kl
            advantages = losses.rloo_advantages(total, asked.group)
        else:
            advantages = losses.grpo_advantages(total, asked.group, normalized=first)
        lengths = torch.tensor([float(len(tree.completions[0])) for tree in trees])
        metrics = {
            f"reward/{reward.name}": float(torch.nanmean(table[:, at]))
            for at, reward in enumerate(self.rewards)
        }
        metrics["reward"] = float(torch.nanmean((table * scale).nansum(dim=1)))
        metrics["kl"] = float(kl.mean())
        metrics["length"] = float(lengths.mean())
        return Batch(trees, advantages, old, reference, metrics)


def together(trees: Sequence[Tree]) -> list[Tree]:
    """Neighbours with the same prompt as one tree: their prompt is read once."""
    made: list[Tree] = []
    for tree in trees:
        if made and made[-1].prompt == tree.prompt:
            made[-1] = Tree(tree.prompt, made[-1].completions + tree.completions)
        else:
            made.append(tree)
    return made
