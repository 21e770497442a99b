"""How a rule steers training: its own words for it, or words made of what the rule already says.

Keys under a rule's `train:`, every one optional. The wordings follow Bai et al., *Constitutional
AI* (2022), section 3.1 and 4.1: a critique request, a revision request, and a question that
compares two replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from remit.policy.model import Example, Rule

_Words = Annotated[str, Field(min_length=1, max_length=4000)]
_MARGIN, _WEIGHT = 1.0, 1.0
_SHOWN = 3
_SPOKEN = frozenset({"output", "tool", "training"})


class Training(BaseModel):
    """A rule's `train:` as written. What is absent follows from the rule; see `steering`.

    `principle` says what a good reply does. `critique`, `revise` and `compare` are what a critic
    is asked. `margin` is by how much reward a reply that keeps the rule should lead one that
    breaks it; `weight` is how heavily the rule counts beside the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    principle: _Words | None = None
    critique: _Words | None = None
    revise: _Words | None = None
    compare: _Words | None = None
    margin: Annotated[float, Field(gt=0, le=100)] | None = None
    weight: Annotated[float, Field(gt=0, le=100)] | None = None


def _stated(training: Training | None) -> Training | None:
    """Keys without a value say nothing, so that they do not change a remit's digest either."""
    return training if training and training.model_dump(exclude_none=True) else None


Trains = Annotated[Training | None, AfterValidator(_stated)]


@dataclass(frozen=True, slots=True)
class Steering:
    """The same, with every word in its place. `written` names the keys the owner wrote himself."""

    rule: str
    principle: str
    critique: str
    revise: str
    compare: str
    margin: float
    weight: float
    written: tuple[str, ...] = ()


def steering(rule: Rule) -> Steering:
    """What a rule tells a trainer, a critic and a comparing judge."""
    own = rule.train or Training()
    principle = own.principle or f"{_sentence(rule.says)} {_sentence(rule.because)}"
    return Steering(
        rule=rule.id,
        principle=principle,
        critique=own.critique or _critique(rule, principle),
        revise=own.revise or _revise(rule, principle),
        compare=own.compare or f"Which of the two replies keeps better to this rule? {principle}",
        margin=_MARGIN if own.margin is None else own.margin,
        weight=_WEIGHT if own.weight is None else own.weight,
        written=tuple(sorted(own.model_dump(exclude_none=True))),
    )


def _critique(rule: Rule, principle: str) -> str:
    lines = [f"Where does the reply break this rule, if it does? {principle}"]
    lines += [f"This breaks it: {text}" for text in _texts(rule.breaks)]
    lines += [f"This keeps it: {text}" for text in _texts(rule.keeps)]
    return "\n".join(lines)


def _revise(rule: Rule, principle: str) -> str:
    answer = rule.answer
    if isinstance(answer, dict):
        answer = next(iter(answer.values()), None)
    words = f" Where it cannot be answered within the rule, say: {answer}" if answer else ""
    return f"Write the reply again so that it keeps this rule. {principle}{words}"


def _texts(examples: tuple[Example, ...]) -> list[str]:
    """Replies among the examples: what a client says breaks no rule about what is answered."""
    said = [e.text for e in examples if e.stage is None or e.stage.value in _SPOKEN]
    return said[:_SHOWN]


def _sentence(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."
