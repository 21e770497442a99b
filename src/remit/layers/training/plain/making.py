"""From a recipe and rows to what is learnt: encoded, with the reference's log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from remit.layers.training.engine import Report, Reward
from remit.layers.training.plain import objectives
from remit.layers.training.plain.encoding import Encoder, Tree
from remit.layers.training.plain.forward import Reader
from remit.layers.training.plain.objectives import Dpo, Kto, Objective, Sft
from remit.layers.training.recipes import ONLINE, Recipe
from remit.layers.training.rows import Rows
from remit.types import Json


def objective(
    recipe: Recipe,
    reader: Reader,
    encoder: Encoder,
    rows: Rows,
    rewards: Sequence[Reward],
    report: Report,
) -> Objective:
    """What is learnt from these rows. The reader's model must still be the one it starts from."""
    if recipe.method in ONLINE:
        from remit.layers.training.plain.online import Online

        return Online(recipe, reader, encoder, rows, tuple(rewards), report)
    kept = encoder.trees(rows.rows, recipe.method)
    values, trees = [row for row, _ in kept], [tree for _, tree in kept]
    if recipe.method == "dpo":
        return Dpo(recipe, reader, values, trees, objectives.reference(reader, trees))
    if recipe.method == "kto":
        return _kto(recipe, reader, values, trees)
    if recipe.sft.loss_on == "all":
        trees = [_everything(tree) for tree in trees]
    return Sft(recipe, reader, values, trees)


def _kto(recipe: Recipe, reader: Reader, values: list[Json], trees: list[Tree]) -> Kto:
    twins = objectives.mismatched(trees, recipe)
    both = [objectives.reference(reader, these) for these in (trees, twins)]
    weights = objectives.kto_weights(values, recipe)
    return Kto(recipe, reader, values, trees, torch.cat(both, 1), twins, weights)


def _everything(tree: Tree) -> Tree:
    """The same tokens, all of them to be learnt but the first, which nothing predicts."""
    (only,) = tree.completions
    return replace(tree, prompt=tree.prompt[:1], completions=(tree.prompt[1:] + only,))
