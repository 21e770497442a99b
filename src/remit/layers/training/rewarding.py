"""Rewards, asked and checked: as many numbers as completions, each finite or None."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from remit.layers.training.engine import Prompt, Reward, TrainingError
from remit.layers.training.recipes import Recipe
from remit.types import Json


def rewarded(
    rewards: Sequence[Reward],
    prompts: Sequence[Prompt],
    completions: Sequence[str],
    rows: Sequence[Json],
) -> dict[str, list[float | None]]:
    """What each reward gave, by its name. Raises TrainingError for a reward that miscounts."""
    given: dict[str, list[float | None]] = {}
    for reward in rewards:
        values = reward(prompts, completions, rows)
        if len(values) != len(completions):
            raise TrainingError(
                f"the reward {reward.name} gave {len(values)} numbers for {len(completions)} "
                "completions; it must give one for each, or None"
            )
        for value in values:
            if value is not None and not math.isfinite(value):
                raise TrainingError(f"the reward {reward.name} gave {value}; give a number or None")
        if reward.name in given:
            raise TrainingError(f"two rewards have the name {reward.name}; name them apart")
        given[reward.name] = [None if value is None else float(value) for value in values]
    return given


@dataclass(frozen=True, slots=True)
class Brevity:
    """1 for an empty completion, falling by 1 every `characters`: keeps answers from growing."""

    characters: float = 200.0
    name: str = "brevity"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """See the class."""
        return [1.0 - len(text) / self.characters for text in completions]


@dataclass(frozen=True, slots=True)
class Wanted:
    """1 where the row's `wanted` text stands in the completion, else 0; None for a row without."""

    name: str = "wanted"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """See the class."""
        return [
            float(str(row["wanted"]).casefold() in text.casefold()) if "wanted" in row else None
            for text, row in zip(completions, rows, strict=True)
        ]


def _brevity(setting: object) -> Reward:
    if not isinstance(setting, int | float) or isinstance(setting, bool) or setting <= 0:
        raise TrainingError(f"brevity: {setting}: give the characters that cost 1, such as 200")
    return Brevity(float(setting))


def _wanted(setting: object) -> Reward:
    return Wanted(str(setting) if setting else "wanted")


# Rewards that a recipe can name, each made from its setting.
KINDS: Mapping[str, Callable[[object], Reward]] = {"brevity": _brevity, "wanted": _wanted}


Kinds = Mapping[str, Callable[[object], Reward | Sequence[Reward]]]


def rewards_of(recipe: Recipe, more: Kinds | None = None) -> list[Reward]:
    """The rewards that a recipe names under `rollouts`; `more` are kinds made elsewhere.

    Raises TrainingError.
    """
    kinds: Kinds = {**KINDS, **(more or {})}
    made: list[Reward] = []
    for written in recipe.rollouts.rewards:
        if len(written) != 1:
            raise TrainingError("rollouts: rewards: write each as one kind and its setting")
        ((kind, setting),) = written.items()
        if kind not in kinds:
            raise TrainingError(f"rollouts: rewards: {kind}: have {', '.join(sorted(kinds))}")
        given = kinds[kind](setting)
        made += given if isinstance(given, Sequence) else (given,)
    return made
