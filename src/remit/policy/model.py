"""The remit as frozen values: what a policy and a rule are, and which words each key takes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from remit.policy.intervening import Ladder
from remit.policy.monitoring import Monitoring
from remit.policy.steering import Trains
from remit.types import Action, Stage

# The words of each stage, mildest first. A data or training word has its place in the same
# order of severity, so that combining findings is one rule everywhere.
RUNTIME_WORDS: Mapping[str, Action] = {action.word: action for action in Action}
STAGE_WORDS: Mapping[Stage, Mapping[str, Action]] = {
    Stage.DATA: {
        "allow": Action.ALLOW,
        "tag": Action.FLAG,
        "counter": Action.FLAG,
        "mask": Action.REDACT,
        "redact": Action.REDACT,
        "rewrite": Action.REPLACE,
        "drop": Action.BLOCK,
    },
    Stage.TRAINING: {"allow": Action.ALLOW, "penalise": Action.FLAG},
    Stage.INPUT: RUNTIME_WORDS,
    Stage.OUTPUT: RUNTIME_WORDS,
    Stage.TOOL: RUNTIME_WORDS,
}
PLACEHOLDERS = ("colleague", "organisation", "assistant", "promise")
_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _share(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())
        if not match:
            raise ValueError("write a share such as 1% or 0.01")
        return float(Decimal(match[1]) / 100)  # 0.7% is 0.007, to the last bit
    return value


Text_ = Annotated[str, Field(min_length=1, max_length=4000)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


class Assistant(_Frozen):
    """Who the assistant is, for layer 3."""

    name: Text_
    role: Text_
    tone: Text_ = "friendly, brief"
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = ("en",)
    scope: Text_ | None = None


class Colleague(_Frozen):
    """Who takes over when the assistant must not answer."""

    name: Text_
    via: Literal["queue"] = "queue"
    promise: Text_ = "by the end of the next working day"
    within_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 24


class Responsible(_Frozen):
    """The people behind the remit."""

    owner: Text_
    reviewer: Text_ | None = None
    colleague: Colleague = Colleague(name="a colleague")


class Detect(_Frozen):
    """One detector: its kind and the kind's own configuration."""

    kind: str
    config: Any = None

    @model_validator(mode="before")
    @classmethod
    def _single_key(cls, value: object) -> object:
        if isinstance(value, Mapping) and len(value) == 1:
            ((kind, config),) = value.items()
            return {"kind": kind, "config": config}
        if isinstance(value, str):
            return {"kind": value, "config": None}
        if isinstance(value, Mapping) and set(value) == {"kind", "config"}:
            return value
        raise ValueError("write a detector as one kind and its setting, such as phrases: [a, b]")


class Example(_Frozen):
    """A text that breaks or keeps the rule.

    `user` is what it answers, `context` what the assistant was given in confidence (its
    instructions, a client's file), `stage` where it is judged.
    """

    text: Text_
    user: Text_ | None = None
    context: Text_ | None = None
    stage: Stage | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, Mapping) and "assistant" in value:
            rest = {k: v for k, v in value.items() if k != "assistant"}
            return {"text": value["assistant"], "stage": "output", **rest}
        if isinstance(value, Mapping) and set(value) == {"user"}:
            return {"text": value["user"], "stage": "input"}
        return value


class Rule(_Frozen):
    """One boundary, its owner, how it is recognised, and what is done at each stage.

    `wrongly` is the most of what it drops from training data that may be dropped wrongly: while
    labels do not show that it is less, the rule tags instead. Without it, it drops as asked.
    `when_broken` is what is done when its rate exceeds its tolerance; the remit's own where absent.
    """

    id: Annotated[str, Field(pattern=_ID, max_length=64)]
    says: Text_
    because: Text_
    owner: Text_
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    detect: tuple[Detect, ...] = ()
    audit: tuple[Detect, ...] = ()
    then: dict[Stage, str]
    answer: Text_ | dict[str, Text_] | None = None
    threshold: Share = 0.5
    tolerance: Share = 0.01
    wrongly: Share | None = None
    on_failure: str = "block"
    breaks: tuple[Example, ...] = ()
    keeps: tuple[Example, ...] = ()
    train: Trains = None
    when_broken: Ladder | None = None

    @field_validator("then")
    @classmethod
    def _stage_words(cls, then: dict[Stage, str]) -> dict[Stage, str]:
        for stage, word in then.items():
            if word not in STAGE_WORDS[stage]:
                have = ", ".join(STAGE_WORDS[stage])
                raise ValueError(f"'{word}' cannot be carried out at {stage}; have {have}")
        return then

    @field_validator("on_failure")
    @classmethod
    def _failure_word(cls, word: str) -> str:
        if word not in RUNTIME_WORDS:
            raise ValueError(f"'{word}' is no action; have {', '.join(RUNTIME_WORDS)}")
        return word

    @field_validator("answer")
    @classmethod
    def _known_placeholders(cls, answer: str | dict[str, str] | None) -> Any:
        texts = answer.values() if isinstance(answer, dict) else [answer or ""]
        for text in texts:
            for name in re.findall(r"\{([^{}]*)\}", text):
                if name not in PLACEHOLDERS:
                    have = ", ".join(f"{{{p}}}" for p in PLACEHOLDERS)
                    raise ValueError(f"unknown placeholder {{{name}}}; have {have}")
        return answer

    def action(self, stage: Stage) -> Action | None:
        """What is done at a stage; None where the rule is not asked there."""
        word = self.then.get(stage)
        return None if word is None else STAGE_WORDS[stage][word]

    @property
    def failure_action(self) -> Action:
        """What is done when a detector of this rule fails."""
        return RUNTIME_WORDS[self.on_failure]

    @property
    def home(self) -> Stage:
        """The stage at which an example without one is judged: where the rule acts first."""
        for stage in (Stage.OUTPUT, Stage.INPUT, Stage.TOOL, Stage.DATA, Stage.TRAINING):
            if (self.action(stage) or Action.ALLOW) > Action.ALLOW:
                return stage
        return next(iter(self.then), Stage.OUTPUT)


class Delivery(_Frozen):
    """How answers reach the client.

    `refusal`: a refusal before the first byte is a `message` (HTTP 200) or an `error` (HTTP 400).
    `release`: text leaves `as-checked`, word by word; or `by-sentence`, so that no sentence is
    begun that a rule then stops; or only `when-complete`, so that a stopped reply is not begun.
    `prompt_tokens`: the most that the remit's instructions may add to each request.
    `media`: images, sound and files, which no rule can read yet, are a reason to `refuse` a
    request, or they `pass` and the receipt says that they were not checked.
    """

    refusal: Literal["message", "error"] = "message"
    release: Literal["as-checked", "by-sentence", "when-complete"] = "as-checked"
    media: Literal["refuse", "pass"] = "refuse"
    prompt_tokens: Annotated[int, Field(ge=100, le=100_000)] = 1500


class Policy(_Frozen):
    """The remit."""

    remit: Literal[1]
    organisation: Text_
    assistant: Assistant | None = None
    responsible: Responsible | None = None
    regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    delivery: Delivery = Delivery()
    record: Literal["masked", "full", "fingerprint"] = "masked"
    rules: tuple[Rule, ...] = ()
    when_broken: Ladder | None = None
    monitor: Monitoring | None = None

    @field_validator("rules")
    @classmethod
    def _unique_ids(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        seen: set[str] = set()
        for rule in rules:
            if rule.id in seen:
                raise ValueError(f"the rule id '{rule.id}' stands twice; rename one")
            seen.add(rule.id)
        return rules

    @model_validator(mode="after")
    def _somebody_answers(self) -> Policy:
        if self.rules and self.responsible is None:
            raise ValueError("rules need someone responsible; add responsible: {owner: …}")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the meaning: not of white space, comments, key order or rule order."""
        return _digest(self)

    @property
    def colleague(self) -> Colleague:
        """Who takes over; a generic colleague where nobody is named."""
        return self.responsible.colleague if self.responsible else Colleague(name="a colleague")

    def rule(self, id: str) -> Rule:
        """The rule with this id. Raises KeyError."""
        for rule in self.rules:
            if rule.id == id:
                return rule
        raise KeyError(id)


def _digest(policy: Policy) -> str:
    value = policy.model_dump(mode="json")
    value["rules"] = sorted(value["rules"], key=lambda rule: str(rule["id"]))
    for rule in value["rules"]:
        for key in ("wrongly", "train", "when_broken"):
            if rule[key] is None:
                del rule[key]  # means what it did before the key was there
    for key in ("when_broken", "monitor"):
        if value[key] is None:
            del value[key]
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
