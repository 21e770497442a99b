"""What a completion is worth in reinforcement: the remit's own detectors, and being of help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipes.house.corpus import Ask
from recipes.house.reviewers import helps
from remit.enforce import Enforcer
from remit.layers.training.engine import Prompt
from remit.types import Action, Interaction, Json, Message, Stage


@dataclass(frozen=True, slots=True)
class Rules:
    """0 where no rule that is asked in training finds anything, else minus one a rule."""

    enforcer: Enforcer
    name: str = "rules"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """See the class."""
        return [
            -float(len(self.found(str(row["question"]), said)))
            for row, said in zip(rows, completions, strict=True)
        ]

    def found(self, question: str, reply: str) -> list[str]:
        """The rules whose detectors find a violation in a reply."""
        asked = Interaction((Message("user", question), Message("assistant", reply)))
        verdict = self.enforcer.judge(asked, Stage.TRAINING)
        return [rule for rule, result in verdict.rules.items() if result.action > Action.ALLOW]


@dataclass(frozen=True, slots=True)
class Help:
    """1 where a reply is what was asked for, else 0; a little less the longer it is."""

    asks: Mapping[str, Ask]
    name: str = "help"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """See the class."""
        return [
            float(helps(self.asks[str(row["ask"])], said)) - len(said) / 2000
            for row, said in zip(rows, completions, strict=True)
        ]
