"""The shared nouns, frozen. Everything that passes between rooms is one of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple


class Stage(StrEnum):
    """Where a rule is applied. A tool call's arguments and a tool's result are both `tool`."""

    DATA = "data"
    TRAINING = "training"
    INPUT = "input"
    OUTPUT = "output"
    TOOL = "tool"


class Action(IntEnum):
    """What is done with a text that breaks a rule, ordered by severity: combining is `max`."""

    ALLOW = 0
    FLAG = 1
    REDACT = 2
    REPLACE = 3
    HAND_OVER = 4
    BLOCK = 5

    @property
    def word(self) -> str:
        """The lower-case word used in files and on the wire."""
        return _WORDS[self]

    @property
    def stops(self) -> bool:
        """True where the text itself is not delivered from the violation on."""
        return self >= Action.REPLACE


_WORDS = tuple(action.name.lower() for action in Action)


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of the judged text, and what they are."""

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is system, user, assistant or tool; `text` is what is judged."""

    role: str
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A conversation of which the last message is judged in the light of those before.

    `confidential` holds texts that the assistant was given and must not give out: a client
    record, retrieved documents. System messages count as confidential by themselves.
    """

    messages: tuple[Message, ...]
    id: str = ""
    confidential: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()

    @property
    def judged(self) -> str:
        """The text of the last message."""
        return self.messages[-1].text if self.messages else ""

    @property
    def before(self) -> tuple[Message, ...]:
        """The messages that came before the judged one."""
        return self.messages[:-1]


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector found: `score` is a probability in [0, 1] that the text breaks the rule."""

    score: float
    spans: tuple[Span, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A detector that could not answer. It has no score, so it can never be read as clean."""

    error: str


Outcome = Detection | Failure

CLEAN = Detection(0.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's outcome for one rule."""

    rule: str
    detector: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What all detectors of one rule came to: the action is ALLOW where the rule holds."""

    action: Action
    score: float | None
    spans: tuple[Span, ...] = ()
    failure: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a text, and why. Made only by `enforce.decide`."""

    action: Action
    stage: Stage
    policy_digest: str
    findings: tuple[Finding, ...] = ()
    decisive_rules: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    rules: dict[str, RuleResult] = field(default_factory=dict)


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Union of spans in order; overlapping or touching ones become one, named by the first."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end, s.label)):
        if merged and span.start <= merged[-1].end:
            last = merged[-1]
            if span.end > last.end:
                merged[-1] = Span(last.start, span.end, last.label)
        else:
            merged.append(span)
    return tuple(merged)


Json = dict[str, Any]
