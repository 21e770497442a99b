"""One reward a rule: 1 for a reply that surely keeps it, 0 for one that surely breaks it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from remit.enforce import Enforcer
from remit.layers.training.engine import Prompt, Reward
from remit.layers.training.judged import Judged
from remit.layers.training.recipes import Recipe
from remit.policy import steering
from remit.types import Json, Stage


@dataclass(frozen=True, slots=True)
class RuleReward:
    """A rule's own detectors as a reward, asked at the training stage.

    A reply gets one less the highest score of the detectors. A row may say in `rules` which rules
    it is about; for others the rule does not apply and the answer is None. A detector that failed
    gives 0, as a violation would: a model must not learn to escape a rule by breaking its
    detector.
    """

    rule: str
    judged: Judged
    weight: float = 1.0

    @property
    def name(self) -> str:
        """`rule` and its id."""
        return f"rule:{self.rule}"

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """One number a completion, in [0, 1]; None where the rule does not apply."""
        asked = [at for at, row in enumerate(rows) if applies(self.rule, row)]
        scores = self.judged.scores(
            [prompts[at] for at in asked], [completions[at] for at in asked]
        )
        given: list[float | None] = [None] * len(completions)
        for at, found in zip(asked, scores, strict=True):
            given[at] = 1.0 - found[self.rule]
        return given


def rule_rewards(enforcer: Enforcer, only: Collection[str] = ()) -> list[RuleReward]:
    """A reward for every rule that training penalises, weighed as the rule's `train: weight` says.

    All read one judgement of a reply. `only` names rules; those unknown raise KeyError.
    """

    judged = Judged(enforcer, Stage.TRAINING)
    rules = [rule for rule in enforcer.rules(Stage.TRAINING) if rule.action(Stage.TRAINING)]
    unknown = sorted(set(only) - {rule.id for rule in rules})
    if unknown:
        have = ", ".join(rule.id for rule in rules) or "none"
        raise KeyError(f"rule {unknown[0]} is not penalised in training; have {have}")
    return [
        RuleReward(rule.id, judged, steering(rule).weight)
        for rule in rules
        if not only or rule.id in only
    ]


def weighed(recipe: Recipe, rewards: Sequence[Reward]) -> Recipe:
    """A recipe with the remit's own weights, where it names none itself."""
    own = {reward.name: reward.weight for reward in rewards if isinstance(reward, RuleReward)}
    weights = {**own, **recipe.rollouts.weights}
    rollouts = recipe.rollouts.model_copy(update={"weights": weights})
    return recipe.model_copy(update={"rollouts": rollouts}) if own else recipe


def applies(rule: str, row: Json) -> bool:
    """Whether a row is about a rule: it names no rules, or this one among them."""
    named = row.get("rules")
    return not isinstance(named, list) or rule in named
