"""A rule in plain words: what a managing partner reads before signing. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from remit.policy import Detect, Example, Policy, Rule
from remit.types import Stage
from remit.web import RuleView

_SHOWN: Final = 3
_PLACES: Final[Mapping[Stage, str]] = {
    Stage.INPUT: "what a client writes",
    Stage.OUTPUT: "what the assistant answers",
    Stage.TOOL: "the use of a tool",
    Stage.DATA: "training data",
    Stage.TRAINING: "training",
}
# The chat page speaks to the client, and this one of the client.
_NAMED: Final[Mapping[str, str]] = {"Your message": "Client's message"}


@dataclass(frozen=True, slots=True)
class Said:
    """An example in words: the text, what it answers, and where it is judged."""

    text: str
    asked: str
    given: str
    place: str


@dataclass(frozen=True, slots=True)
class Plain:
    """One rule in words. `deeds` are (place, action word, what happens there)."""

    rule: Rule
    deeds: tuple[tuple[str, str, str], ...]
    recognised: tuple[str, ...]
    audited: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    tolerance: str
    breaks: tuple[Said, ...]
    keeps: tuple[Said, ...]


def plain(policy: Policy, rule: Rule) -> Plain:
    """A rule of a remit in words."""
    stages = {stage.value: word for stage, word in rule.then.items()}
    view = RuleView(rule.id, rule.says, rule.because, rule.owner, rule.severity, stages)
    answer, deeds = rule.answer, view.deeds(policy.colleague.name)
    return Plain(
        rule,
        tuple((_NAMED.get(place, place), word, deed) for place, word, deed in deeds),
        tuple(recognised(used) for used in rule.detect),
        tuple(recognised(used) for used in rule.audit),
        tuple(answer.items()) if isinstance(answer, dict) else (("", answer),) if answer else (),
        tolerated(rule.tolerance),
        tuple(said(rule, example) for example in rule.breaks),
        tuple(said(rule, example) for example in rule.keeps),
    )


def said(rule: Rule, example: Example) -> Said:
    """An example in words."""
    place = _PLACES[example.stage or rule.home]
    return Said(example.text, example.user or "", example.context or "", place)


def tolerated(share: float) -> str:
    """A share as people say it: "at most 1 in 100"."""
    if share <= 0:
        return "none at all"
    if share >= 1:
        return "any number"
    if abs(1 / share - round(1 / share)) < 1e-6:
        return f"at most 1 in {round(1 / share):,}"
    return f"at most {share:.6%}".rstrip("0%").rstrip(".") + " %"


def recognised(used: Detect) -> str:
    """A detector in words."""
    name, config = used.kind, used.config
    things = config if isinstance(config, list) else [config]
    if name == "phrases":
        shown = ", ".join(f"“{_short(thing)}”" for thing in things[:_SHOWN])
        return f"{len(things)} phrases, such as {shown}" if len(things) > _SHOWN else shown
    if name == "pattern":
        return f"the pattern {', '.join(_pattern(thing) for thing in things[:_SHOWN])}"
    if name == "identifier":
        return f"identifiers: {', '.join(_short(thing) for thing in things)}"
    if name == "echo":
        return f"what was confided earlier: {', '.join(_short(thing) for thing in things)}"
    if name == "judge":
        return f"a model's judgement ({_short(config) if config else 'default'})"
    return f"{name}: {_short(config)}" if config is not None else name


def _pattern(thing: Any) -> str:
    return str(thing.get("name", "")) if isinstance(thing, Mapping) else _short(thing)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
