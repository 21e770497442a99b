"""What is done when a rule does not hold in production: `when_broken`, the easiest to undo first.

A ladder of rungs. The first is taken at the first alarm, the next where the rule alarms again with
it in force. The same words and limits are used for an intervention that a person begins by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import core_schema

WORDS_MOST: Final = 4_000
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


class Kind(StrEnum):
    """What can be done, in the order in which it is undone: what changes least first."""

    TIGHTEN = "tighten"
    SAMPLE = "sample"
    REGENERATE = "regenerate"
    REPLY = "reply"
    APPROVE = "approve"
    FALLBACK = "fallback"
    THROTTLE = "throttle"
    PAUSE = "pause"
    KILL = "kill"

    @property
    def gravity(self) -> int:
        """Its place in the order, from 0."""
        return list(Kind).index(self)


def parse_setting(kind: Kind, value: Any) -> dict[str, Any]:
    """The setting of an intervention from how people write it.

    `tighten: 0.3` is {"threshold": 0.3}, `pause: true` {} and `pause: Back at nine.` has that
    message. Raises ValueError, naming the cure.
    """
    return _PARSERS[kind](value)


def _share(value: Any, what: str) -> float:
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
        value = float(Decimal(match[1]) / 100)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"{what} is a share above 0, such as 0.3 or 30%")
    return float(value)


def _count(value: Any, what: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{what} is a whole number from 1 to {most}")
    return value


def _words(value: Any, what: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(text) <= WORDS_MOST:
        raise ValueError(f"{what} is a text of 1 to {WORDS_MOST} characters")
    return text


def _only(value: Mapping[str, Any], kind: str, *known: str) -> None:
    for key in value:
        if key not in known:
            raise ValueError(f"{kind} has no '{key}'; have {', '.join(known)}")


def _sample(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        _only(value, "sample", "share")
        value = value.get("share")
    return {"share": _share(value, "sample")}


def _tighten(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        _only(value, "tighten", "threshold")
        value = value.get("threshold")
    return {"threshold": _share(value, "tighten")}


def _regenerate(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        _only(value, "regenerate", "times")
        value = value.get("times", True)
    return {"times": 1 if value is True else _count(value, "regenerate", 3)}


def _reply(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        _only(value, "reply", "text")
        value = value.get("text")
    return {"text": _words(value, "reply")}


def _approve(value: Any) -> dict[str, Any]:
    if value in (True, "approval"):
        return {}
    if isinstance(value, Mapping) and set(value) == {"approval"}:
        value = value["approval"]
    if not isinstance(value, Mapping):
        raise ValueError("write require: approval, or require: {approval: {from: 0.2}}")
    _only(value, "approval", "from", "within_minutes")
    setting: dict[str, Any] = {}
    if "from" in value:
        setting["from"] = _share(value["from"], "from")
    if "within_minutes" in value:
        setting["within_minutes"] = _count(value["within_minutes"], "within_minutes", 60 * 24 * 30)
    return setting


def _fallback(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        _only(value, "fallback", "model")
        value = value.get("model", True)
    return {} if value is True else {"model": _words(value, "fallback")}


def _throttle(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        _only(value, "throttle", "per_minute")
        value = value.get("per_minute")
    return {"per_minute": _count(value, "throttle", 1_000_000)}


def _pause(value: Any) -> dict[str, Any]:
    if value is True:
        return {}
    if not isinstance(value, Mapping):
        return {"message": _words(value, "pause")}
    _only(value, "pause", "message", "hold")
    setting: dict[str, Any] = {}
    if "message" in value:
        setting["message"] = _words(value["message"], "message")
    if "hold" in value:
        if not isinstance(value["hold"], bool):
            raise ValueError("hold is true (answers on their way wait) or false (they finish)")
        setting["hold"] = value["hold"]
    return setting


def _kill(value: Any) -> dict[str, Any]:
    if value is not True and value != {}:
        raise ValueError("write kill: true")
    return {}


_PARSERS: Final[Mapping[Kind, Callable[[Any], dict[str, Any]]]] = {
    Kind.SAMPLE: _sample,
    Kind.TIGHTEN: _tighten,
    Kind.REGENERATE: _regenerate,
    Kind.REPLY: _reply,
    Kind.APPROVE: _approve,
    Kind.FALLBACK: _fallback,
    Kind.THROTTLE: _throttle,
    Kind.PAUSE: _pause,
    Kind.KILL: _kill,
}
# As written in a remit: what is asked of an answer is required of it.
_WRITTEN: Final = {("require" if kind is Kind.APPROVE else kind.value): kind for kind in Kind}
_LIMITS: Final = ("hours", "calm_hours")


class Rung(BaseModel):
    """One entry of `when_broken`.

    `hours` is when it ends by itself. Where its rate has stayed within the rule's tolerance for
    `calm_hours`, it is lifted before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    setting: dict[str, Any] = Field(default_factory=dict)
    hours: Annotated[int, Field(ge=1, le=24 * 365)] = 24 * 7
    calm_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 24

    @model_validator(mode="before")
    @classmethod
    def _single_key(cls, value: object) -> object:
        if isinstance(value, str) and value in ("pause", "kill", "regenerate", "fallback"):
            value = {value: True}
        if not isinstance(value, Mapping):
            raise ValueError("write a measure and its setting, such as tighten: 0.3")
        if isinstance(value.get("kind"), str) and "setting" in value:
            kind = Kind(value["kind"])  # as dumped: a policy kept in the record is read again
            return {**value, "setting": parse_setting(kind, value["setting"] or True)}
        named = [key for key in value if key not in _LIMITS]
        if len(named) != 1 or named[0] not in _WRITTEN:
            wrong = [key for key in named if key not in _WRITTEN]
            what = f"'{wrong[0]}' is no measure" if wrong else "write one measure an entry"
            have = f"have {', '.join(_WRITTEN)}, with {' and '.join(_LIMITS)}"
            raise ValueError(f"{what}; {have}")
        kind = _WRITTEN[named[0]]
        limits = {key: value[key] for key in _LIMITS if key in value}
        return {"kind": kind, "setting": parse_setting(kind, value[named[0]]), **limits}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """As written in the file: one measure, and how long."""
        hours = {"type": "integer", "minimum": 1}
        return {
            "description": "One measure and its setting, such as tighten: 0.3 or pause: true.",
            "type": "object",
            "properties": {name: {} for name in _WRITTEN} | dict.fromkeys(_LIMITS, hours),
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1 + len(_LIMITS),
        }


Ladder = tuple[Rung, ...]


def in_words(ladder: Sequence[Mapping[str, Any]] | None) -> str:
    """A dumped ladder for people: `tighten 0.3, then pause`."""
    if ladder is None:
        return "as the remit says"
    steps = []
    for rung in ladder:
        values = " ".join(str(value) for value in rung["setting"].values())
        steps.append(f"{Kind(rung['kind']).value} {values}".strip())
    return ", then ".join(steps) or "nothing"
