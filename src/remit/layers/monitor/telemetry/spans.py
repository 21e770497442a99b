"""A record of an answer as a span: pure, so that what is sent can be read here and tested."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from remit.layers.monitor.telemetry import names

KINDS: Final = frozenset({"answer", "refusal", "error"})
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_TEXT_MOST: Final = 20_000
_FINDINGS_MOST: Final = 64
_PROVIDERS: Final = (
    ("openai.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("mistral.ai", "mistral_ai"),
    ("azure.com", "azure.ai.openai"),
    ("googleapis.com", "gcp.gemini"),
    ("groq.com", "groq"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "x_ai"),
)

Value = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Parent:
    """The client's own span, from its `traceparent` header (W3C Trace Context)."""

    trace: int
    span: int
    sampled: bool


@dataclass(frozen=True, slots=True)
class Event:
    """What one rule found."""

    name: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """One answer. Times are nanoseconds since 1970; `error` is empty where all went well."""

    name: str
    began: int
    ended: int
    attributes: Mapping[str, Value]
    events: tuple[Event, ...]
    parent: Parent | None
    error: str


def parent_of(header: object) -> Parent | None:
    """What a `traceparent` says; None for one that is not valid, which is then ignored."""
    found = _TRACEPARENT.match(header) if isinstance(header, str) else None
    if found is None or header[:2] == "ff":  # type: ignore[index]  # matched, so it is a text
        return None
    trace, span = int(found[1], 16), int(found[2], 16)
    return Parent(trace, span, bool(int(found[3], 16) & 1)) if trace and span else None


def span_of(record: Mapping[str, Any], *, content: bool = False) -> Span | None:
    """The span of an answer's record; None for other kinds. `content` adds what was said."""
    if record.get("kind") not in KINDS:
        return None
    ended = _nanoseconds(record["time"])
    seconds = _number(record.get("seconds"))
    model = str(record.get("model") or "")
    attributes: dict[str, Value] = {
        names.OPERATION: "chat",
        names.PROVIDER: provider(str(record.get("upstream") or "")),
        names.REQUEST_MODEL: model,
        names.RECEIPT: str(record.get("id")),
        names.POLICY: str(record.get("policy")),
        names.ACTION: str(record.get("action")),
        names.RULES: [str(rule) for rule in record.get("rules") or ()],
    }
    attributes.update(_optional(record))
    if content:
        attributes.update(_content(record))
    error = str(record.get("error") or "").partition(":")[0]
    if error:
        attributes[names.ERROR_TYPE] = error
    return Span(
        f"chat {model}".strip(),
        ended - int(seconds * 1e9),
        ended,
        attributes,
        _events(record.get("findings")),
        parent_of(record.get("trace")),
        error,
    )


def usage_of(record: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens in and out as the model counted them; None where it did not."""
    usage = record.get("usage")
    told = usage if isinstance(usage, Mapping) else {}
    counts = (told.get("input"), told.get("output"))
    first, second = (c if isinstance(c, int) and 0 <= c < 1 << 53 else None for c in counts)
    return first, second


def provider(upstream: str) -> str:
    """The conventions' word for who serves the model; `_OTHER` for whoever they do not know."""
    host = urlsplit(upstream).hostname or "" if "://" in upstream else ""
    for domain, name in _PROVIDERS:
        if host == domain or host.endswith(f".{domain}"):
            return name
    return upstream if upstream in ("house", "scripted") else "_OTHER"


def _optional(record: Mapping[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, name in (("conversation", names.CONVERSATION), ("case", names.CASE)):
        if record.get(key):
            found[name] = str(record[key])
    if record.get("interventions"):
        found[names.INTERVENTIONS] = [str(id_) for id_ in record["interventions"]]
    kinds = (names.INPUT_TOKENS, names.OUTPUT_TOKENS)
    counts = zip(kinds, usage_of(record), strict=True)
    return found | {name: count for name, count in counts if count is not None}


def _content(record: Mapping[str, Any]) -> dict[str, Value]:
    """What the record holds of the conversation: as masked as the remit wants it there."""
    said = (
        ("asked", "user", names.INPUT_MESSAGES),
        ("answered", "assistant", names.OUTPUT_MESSAGES),
    )
    return {
        name: orjson.dumps(
            [{"role": role, "parts": [{"type": "text", "content": text[:_TEXT_MOST]}]}]
        ).decode()
        for key, role, name in said
        if isinstance(text := record.get(key), str)
    }


def _events(findings: object) -> tuple[Event, ...]:
    events = []
    for finding in findings[:_FINDINGS_MOST] if isinstance(findings, list) else ():
        attributes: dict[str, Value] = {
            names.RULE: str(finding.get("rule")),
            names.STAGE: str(finding.get("stage")),
            names.ACTION: str(finding.get("action")),
        }
        if isinstance(score := finding.get("score"), int | float):
            attributes[names.SCORE] = float(score)
        events.append(Event(names.FINDING, attributes))
    return tuple(events)


def _nanoseconds(time: str) -> int:
    moment = datetime.fromisoformat(time)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else 0.0
