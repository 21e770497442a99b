"""Rows as the tables that TRL reads: those that fit, in the order that the recipe's seed gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remit.layers.training.engine import TrainingError
from remit.layers.training.plain.encoding import Encoder
from remit.layers.training.recipes import ONLINE, Recipe
from remit.types import Json

_COLUMNS = {
    "sft": ("prompt", "completion"),
    "dpo": ("prompt", "chosen", "rejected"),
    "reward": ("prompt", "chosen", "rejected", "margin"),
    "kto": ("prompt", "completion", "label"),
    "rloo": ("prompt",),
    "grpo": ("prompt",),
}


def fitting(recipe: Recipe, rows: Sequence[Json], encoder: Encoder) -> list[Json]:
    """The rows that the trainer would keep whole. Raises TrainingError where there are none.

    Trainers cut or drop what is too long without a word; here it is counted before they see it.
    """
    if recipe.method in ONLINE:
        room = recipe.max_length - recipe.rollouts.max_tokens
        kept = [row for row in rows if len(encoder.prompt(row["prompt"])) <= room]
        if not kept:
            raise TrainingError("no prompt leaves room for an answer; raise max_length")
        if lost := len(rows) - len(kept):
            encoder.counts["prompts that leave no room for an answer, left out"] += lost
    else:
        kept = [row for row, _ in encoder.trees(rows, recipe.method)]
    if recipe.method == "kto":
        random.Random(recipe.seed).shuffle(kept)  # noqa: S311  an order, not a secret
    return kept


def table(recipe: Recipe, rows: Sequence[Json], first: int = 0) -> Any:
    """The columns that the method reads, and for rewards each row's place, from `first` on."""
    from datasets import Dataset

    columns: dict[str, list[Any]] = {}
    for name in _COLUMNS[recipe.method]:
        values = [_column(row, name) for row in rows]
        if name == "margin" and any(value is None for value in values):
            continue
        columns[name] = values
    if recipe.method in ONLINE:
        # A reward gets the row itself by its place: tables give every row every other row's keys.
        columns["row"] = list(range(first, first + len(rows)))
    return Dataset.from_dict(columns)


def seen_by_all(config: Any, made: Any, place: Path) -> Any:
    """The table, for several processes on a disk that they share.

    The first keeps what it computed (the reference's log-probabilities) beside the table for the
    others; a table in memory has no such place, and they would look in vain.
    """
    if config.world_size == 1:
        return made
    from datasets import load_from_disk

    with config.main_process_first(local=False):
        if config.process_index == 0:
            made.save_to_disk(str(place))
    return load_from_disk(str(place))


def _column(row: Json, name: str) -> Any:
    if "messages" in row and name not in row:
        return row["messages"][:-1] if name == "prompt" else row["messages"][-1:]
    value = row.get(name)
    told = name in ("completion", "chosen", "rejected")
    if told and isinstance(value, str) and not isinstance(row["prompt"], str):
        return [{"role": "assistant", "content": value}]
    return value
