"""A published guard model behind an OpenAI-compatible endpoint, as one more detector.

`classifier: {model: llama-guard, endpoint: "http://gpu:8000/v1", name: SERVED, risk: …}`. It is
asked once for a whole text; no answer in time, an error or an answer of another form is a failure.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from remit.detectors.base import ConfigError, Setting, SlowMatcher, Use
from remit.detectors.learned.families import FAMILIES, Family, messages
from remit.detectors.text import Text
from remit.types import Failure, Interaction, Json, Outcome

_TIMEOUT = 20.0
_MAX_TEXT = 60_000
_KEYS = ("model", "endpoint", "name", "risk")


class Answered(Protocol):
    """What an endpoint gives back: a status and, at 200, the body of a chat completion."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def body(self) -> bytes | None:
        """The body."""
        ...


class Endpoint(Protocol):
    """What a classifier needs of a model: answers to chat-completions requests."""

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Answered:
        """The reply. Raises any exception where there is none."""
        ...


Connect = Callable[[str], Endpoint]


@dataclass(frozen=True, slots=True)
class Asks:
    """A family of guard models, where it is served and as what, and the risk it is asked about."""

    family: str
    endpoint: str
    name: str
    risk: str = ""


class ClassifierMatcher:
    """Asks for all rules at once; rules that would ask the same share one request."""

    def __init__(self, uses: Sequence[Use], connect: Connect | None, timeout: float) -> None:
        self._uses = tuple(uses)
        self._timeout = timeout
        addresses = dict.fromkeys(use.config.endpoint for use in uses)
        self._endpoints = {address: connect(address) for address in addresses} if connect else {}

    async def ask(self, text: Text, context: Interaction) -> tuple[Outcome, ...]:
        """Outcomes of the whole text, one per use."""
        questions = [(use.config, _options(use)) for use in self._uses]
        keys = [orjson.dumps([str(asks), options]) for asks, options in questions]
        unique = dict(zip(keys, questions, strict=True))
        answers = await asyncio.gather(
            *(self._one(asks, options, text, context) for asks, options in unique.values())
        )
        known = dict(zip(unique, answers, strict=True))
        return tuple(known[key] for key in keys)

    async def _one(self, asks: Asks, options: Json, text: Text, context: Interaction) -> Outcome:
        if len(text.raw) > _MAX_TEXT:
            return Failure(f"text over {_MAX_TEXT} characters")
        if asks.endpoint not in self._endpoints:
            return Failure(f"no connection to the classifier at {asks.endpoint}")
        family = FAMILIES[asks.family]
        request = {
            "model": asks.name,
            "messages": messages(context, text.raw),
            "temperature": 0,
            "max_tokens": family.max_tokens,
            **options,
        }
        try:
            asking = self._endpoints[asks.endpoint].chat(request, {})
            reply = await asyncio.wait_for(asking, self._timeout)
        except TimeoutError:
            return Failure(f"classifier {asks.name} gave no answer in {self._timeout:g} s")
        except Exception as error:  # noqa: BLE001  it may fail in any way; none of them is a pass
            return Failure(f"classifier {asks.name} failed: {type(error).__name__}: {error}")
        role = context.messages[-1].role if context.messages else "user"
        return _outcome(reply, asks, family, role)


def _options(use: Use) -> Json:
    return FAMILIES[use.config.family].options(use.says, use.config.risk)


def _outcome(reply: Answered, asks: Asks, family: Family, role: str) -> Outcome:
    if reply.status != 200 or reply.body is None:
        return Failure(f"classifier {asks.name} answered {reply.status}")
    try:
        content = orjson.loads(reply.body)["choices"][0]["message"]["content"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        content = None
    outcome = family.read(content, role) if isinstance(content, str) else None
    if outcome is None:
        return Failure(f"classifier {asks.name} gave no answer of the form {asks.family} gives")
    return outcome


class Classifier:
    """The `classifier` kind. `connect` makes a model of an endpoint's address."""

    name = "classifier"

    def __init__(self, connect: Connect | None = None, timeout: float = _TIMEOUT) -> None:
        self._connect = connect
        self._timeout = timeout

    def parse(self, config: object) -> Asks:
        """Raises ConfigError for a family that is not known or an address that is none."""
        if not isinstance(config, Mapping) or not {"model", "endpoint"} <= set(config) <= {*_KEYS}:
            raise ConfigError("classifier wants {model: …, endpoint: URL, name: …, risk: …}")
        family, endpoint = str(config["model"]), str(config["endpoint"])
        if family not in FAMILIES:
            near: Any = difflib.get_close_matches(family, FAMILIES, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"have {', '.join(FAMILIES)}"
            raise ConfigError(f"classifier knows no model '{family}'; {hint}")
        if not endpoint.startswith(("http://", "https://")):
            raise ConfigError(f"'{endpoint}' is no address; write one such as http://host/v1")
        name = str(config.get("name", FAMILIES[family].name))
        return Asks(family, endpoint, name, str(config.get("risk", "")))

    def compile(self, uses: Sequence[Use], setting: Setting) -> SlowMatcher:
        """One matcher for all rules."""
        return ClassifierMatcher(uses, self._connect, self._timeout)
