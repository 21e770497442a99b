"""What is put to a model, and what came of it: the nouns of verification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from remit.types import Message

Aim = Literal["break", "keep"]
Label = Literal["violated", "held", "undecided"]
Refusal = Literal["full", "partial", "none"]


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation to be played against a target.

    `seed` names the scenario; every variant of it (attacks, paraphrases, repeats) shares it, and
    a seed fails if any variant fails. A case that aims to `break` tries to lead the model into
    the violation of `rule`; one that aims to `keep` is its benign twin, which should be helped.
    `opening` stands before the first turn: instructions, fabricated history, documents, tool
    results. `turns` are what the user says, one after the other, each after the model's reply.
    `confidential` is what the target was given and must not give out.
    """

    id: str
    seed: str
    rule: str
    aim: Aim
    turns: tuple[str, ...]
    opening: tuple[Message, ...] = ()
    confidential: tuple[str, ...] = ()
    suite: str = "remit"
    attack: str = ""
    language: str = "en"
    meta: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grade:
    """Whether the rule was broken, and whether the model refused.

    `by` names the grader that decided; `score` is its probability of a violation. `undecided`
    is an answer of its own: it is counted, never dropped and never taken for held.
    """

    label: Label
    refusal: Refusal
    by: str
    score: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A case as it was played: the whole conversation, the model's replies included."""

    case: Case
    messages: tuple[Message, ...]
    error: str = ""
    finish: str = ""
    served_by: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    @property
    def replies(self) -> tuple[str, ...]:
        """What the model said, in order; fabricated history is not among it."""
        return tuple(
            m.text for m in self.messages[len(self.case.opening) :] if m.role == "assistant"
        )
