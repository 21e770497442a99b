"""Who judges a reply by a rule, revises it, and prefers one of two.

A critic is a model, which is asked the rule's own questions, or the rule's detectors, which ask
nobody. What the critic was is written into every row and into the card: a model that was taught by
detectors has learnt to please them, and only an auditor can say whether it learnt more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from remit.enforce import Enforcer
from remit.layers.training.constitution.speakers import Speaker
from remit.layers.training.engine import Prompt
from remit.layers.training.judged import Judged, as_messages
from remit.policy import Policy, Rule, Steering
from remit.policy.answers import answer_text, language_of
from remit.types import Stage

_NONE = re.compile(r"^\W*(none|no\b|nothing|it does not|it doesn't|clean)", re.IGNORECASE)
_CHOICE = re.compile(r"\b([AB])\b")


@dataclass(frozen=True, slots=True)
class Critique:
    """What a critic says of a reply in the light of one rule."""

    text: str
    clean: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A reply to a prompt, and the rule in whose light it is seen."""

    prompt: Prompt
    reply: str
    words: Steering


class Critic(Protocol):
    """Judges replies."""

    @property
    def name(self) -> str:
        """Who it is, for the record."""

    @property
    def kind(self) -> str:
        """`model` or `detectors`."""

    def critiques(self, cases: Sequence[Case]) -> list[Critique]:
        """What each reply does to its rule."""

    def prefers(self, cases: Sequence[Case], others: Sequence[str]) -> list[float | None]:
        """How likely each case's reply keeps the rule better than the other, shown second.

        None where the critic gave no answer that can be read.
        """


class Reviser(Protocol):
    """Writes replies anew."""

    @property
    def name(self) -> str:
        """How, for the record."""

    def revised(self, cases: Sequence[Case], critiques: Sequence[Critique], seed: int) -> list[str]:
        """A new reply for each case."""


@dataclass(frozen=True, slots=True)
class ModelCritic:
    """A model that is asked the rule's `critique` and `compare`; itself, or a stronger one."""

    speaker: Speaker
    kind: str = "model"

    @property
    def name(self) -> str:
        """Who is asked."""
        return self.speaker.name

    def critiques(self, cases: Sequence[Case]) -> list[Critique]:
        """One question a case; an answer that begins with none or no finds nothing."""
        asked = [
            f"{_conversation(case.prompt, case.reply)}\n\n{case.words.critique}\n"
            "Answer NONE if it does not; else say where, in one or two sentences."
            for case in cases
        ]
        said = [replies[0].strip() for replies in self.speaker.say(asked)]
        # An empty answer finds nothing wrong and nothing right: it is no all-clear.
        return [Critique(text, bool(_NONE.match(text))) for text in said]

    def prefers(self, cases: Sequence[Case], others: Sequence[str]) -> list[float | None]:
        """One question a case; the first A or B that stands alone is the answer."""
        asked = [
            f"{_conversation(case.prompt)}\n\nReply A:\n{case.reply}\n\nReply B:\n{other}\n\n"
            f"{case.words.compare}\nAnswer with one letter, A or B."
            for case, other in zip(cases, others, strict=True)
        ]
        return [_chosen(replies[0]) for replies in self.speaker.say(asked)]


@dataclass(frozen=True, slots=True)
class DetectorCritic:
    """The rules' own detectors: certain, cheap, and blind to whatever they do not detect."""

    judged: Judged
    kind: str = "detectors"
    name: str = "the remit's detectors"

    @classmethod
    def of(cls, enforcer: Enforcer) -> DetectorCritic:
        """The detectors of the training stage."""
        return cls(Judged(enforcer, Stage.TRAINING))

    def critiques(self, cases: Sequence[Case]) -> list[Critique]:
        """Whether the rule's threshold is reached; a detector that failed finds a violation."""
        found = self.judged.verdicts([c.prompt for c in cases], [c.reply for c in cases])
        scores = self.judged.scores([c.prompt for c in cases], [c.reply for c in cases])
        told = []
        for case, verdict, score in zip(cases, found, scores, strict=True):
            rule = self.judged.enforcer.policy.rule(case.words.rule)
            clean = score[rule.id] < rule.threshold
            reason = verdict.rules[rule.id].reason or f"it scores {score[rule.id]:.2f}"
            told.append(Critique("none" if clean else f"breaks {rule.id}: {reason}", clean))
        return told

    def prefers(self, cases: Sequence[Case], others: Sequence[str]) -> list[float | None]:
        """Half and half where both score alike; else by how much the other scores more."""
        prompts = [case.prompt for case in cases]
        first = self.judged.scores(prompts, [case.reply for case in cases])
        second = self.judged.scores(prompts, others)
        rules = [case.words.rule for case in cases]
        return [
            (1 + b[rule] - a[rule]) / 2 for rule, a, b in zip(rules, first, second, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class ModelReviser:
    """A model that is shown the critique and asked the rule's `revise`."""

    speaker: Speaker

    @property
    def name(self) -> str:
        """Who is asked."""
        return f"revised by {self.speaker.name}"

    def revised(self, cases: Sequence[Case], critiques: Sequence[Critique], seed: int) -> list[str]:
        """One question a case."""
        asked = [
            f"{_conversation(case.prompt, case.reply)}\n\nCritique: {critique.text}\n\n"
            f"{case.words.revise}\nAnswer with the new reply only."
            for case, critique in zip(cases, critiques, strict=True)
        ]
        return [replies[0].strip() for replies in self.speaker.say(asked, seed=seed)]


@dataclass(frozen=True, slots=True)
class Resampling:
    """The model answers the prompt again: for models too small to follow a request to revise."""

    speaker: Speaker

    @property
    def name(self) -> str:
        """Who answers."""
        return f"sampled again from {self.speaker.name}"

    def revised(self, cases: Sequence[Case], critiques: Sequence[Critique], seed: int) -> list[str]:
        """Another sample a case; the critique is not shown."""
        return [r[0].strip() for r in self.speaker.say([c.prompt for c in cases], seed=seed)]


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The rule's own answer stands in the reply's place, in the language of the question."""

    policy: Policy
    name: str = "the rule's own answer"

    def revised(self, cases: Sequence[Case], critiques: Sequence[Critique], seed: int) -> list[str]:
        """The answer of each case's rule."""
        return [self._answer(case) for case in cases]

    def _answer(self, case: Case) -> str:
        rule: Rule = self.policy.rule(case.words.rule)
        languages = self.policy.assistant.languages if self.policy.assistant else ("en",)
        asked = as_messages(case.prompt)
        language = language_of(asked[-1]["content"] if asked else "", languages)
        action = rule.action(Stage.OUTPUT) or rule.action(Stage.TRAINING)
        assert action is not None  # noqa: S101  only rules that training penalises come here
        return answer_text(self.policy, rule, action, language)


def _conversation(prompt: Prompt, reply: str | None = None) -> str:
    turns = [f"{turn['role']}: {turn['content']}" for turn in as_messages(prompt)]
    if reply is not None:
        turns.append(f"assistant: {reply}")
    return "\n".join(["A conversation between a client and an assistant:", "", *turns])


def _chosen(answer: str) -> float | None:
    found = _CHOICE.search(answer)
    return None if found is None else float(found[1] == "A")
