"""A trained reward model: what replies are worth, head by head and member by member.

Imports torch: import it late. `LearnedReward` is what RLOO, GRPO and best-of-n are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remit.layers.training.engine import Prompt, TrainingError
from remit.layers.training.reward.calibration import (
    Bin,
    accuracy,
    expected_calibration_error,
    reliability,
    surprise,
)
from remit.layers.training.reward.ensemble import Combination, combined, disagreement
from remit.layers.training.reward.fit import Member
from remit.layers.training.reward.pairs import OVERALL, Pair
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Measured:
    """How one head did on pairs that taught it nothing.

    `surprise` is in nats a pair, with the temperature applied; log 2 is a coin. `disagreement` is
    the mean share of members that rank a pair otherwise than most.
    """

    head: str
    pairs: int
    accuracy: float
    surprise: float
    calibration_error: float
    disagreement: float
    bins: tuple[Bin, ...] = ()

    def to_json(self) -> Json:
        """Without the bins."""
        return {
            "head": self.head,
            "pairs": self.pairs,
            "accuracy": self.accuracy,
            "surprise_nats": self.surprise,
            "ece": self.calibration_error,
            "disagreement": self.disagreement,
        }


@dataclass(frozen=True, slots=True)
class RewardModel:
    """Members that share their heads. A reward is divided by its head's temperature.

    So the logistic function of a difference of two rewards is the probability that the first
    reply is preferred.
    """

    heads: tuple[str, ...]
    members: tuple[Member, ...]
    temperatures: Mapping[str, float] = field(default_factory=dict)
    about: Json = field(default_factory=dict)

    def place(self, head: str) -> int:
        """A head's column. Raises TrainingError where there is none."""
        if head not in self.heads:
            raise TrainingError(f"no head '{head}'; the model has {', '.join(self.heads)}")
        return self.heads.index(head)

    def rewards(
        self, prompts: Sequence[Prompt], replies: Sequence[str], head: str = OVERALL
    ) -> list[list[float]]:
        """For each reply, what each member gives it."""
        column, scale = self.place(head), self.temperatures.get(head, 1.0)
        given = []
        shared: tuple[object, list[object]] | None = None
        for member in self.members:
            # Members on the same features share what was read from the text.
            if shared is None or shared[0] is not member.body:
                shared = (member.body, member.body.prepared(prompts, replies))
            given.append((member.rewards(shared[1])[:, column] / scale).tolist())
        return [list(each) for each in zip(*given, strict=True)]

    def leads(self, pairs: Sequence[Pair], head: str = OVERALL) -> list[list[float]]:
        """For each pair, by how much each member has the preferred reply lead."""
        prompts = [pair.prompt for pair in pairs]
        chosen = self.rewards(prompts, [pair.chosen for pair in pairs], head)
        rejected = self.rewards(prompts, [pair.rejected for pair in pairs], head)
        return [
            [a - b for a, b in zip(c, r, strict=True)]
            for c, r in zip(chosen, rejected, strict=True)
        ]

    def measure(self, pairs: Sequence[Pair], head: str = OVERALL) -> Measured:
        """How a head does on pairs. Raises ValueError without any."""
        if not pairs:
            raise ValueError(f"no pairs for {head}; give held-out pairs that speak of it")
        leads = self.leads(pairs, head)
        means = [combined(each) for each in leads]
        bins = tuple(reliability(means))
        return Measured(
            head,
            len(pairs),
            accuracy(means),
            surprise(means),
            expected_calibration_error(bins),
            sum(map(disagreement, leads)) / len(leads),
            bins,
        )


@dataclass(frozen=True, slots=True)
class LearnedReward:
    """One head of a reward model as a reward; `how` its members become one number."""

    model: RewardModel
    head: str = OVERALL
    how: Combination = "mean"
    penalty: float = 0.5

    @property
    def name(self) -> str:
        """`learned` and the head."""
        return f"learned:{self.head}"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """A number for every completion: a learned reward always has an opinion."""
        given = self.model.rewards(prompts, completions, self.head)
        return [combined(each, self.how, self.penalty) for each in given]
