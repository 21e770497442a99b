"""A conversation as a chat-completions request, and a reply as what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from remit.models.base import UpstreamError
from remit.types import Json, Message

_MOST_TOKENS = 10**9
_NAME = 200


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model is to draw; what is None is left to the provider, as production leaves it."""

    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply. `served_by` is the model that the provider says it was; tokens as it counts."""

    text: str
    finish: str = "stop"
    served_by: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


def request(messages: Sequence[Message], model: str, sampling: Sampling) -> Json:
    """The body of a request. A tool's result gets the call before it that the format demands."""
    body: Json = {"messages": [part for i, m in enumerate(messages) for part in _wire(m, i)]}
    if model:
        body["model"] = model
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.max_tokens is not None:
        body["max_tokens"] = sampling.max_tokens
    names = dict.fromkeys(m.name or "lookup" for m in messages if m.role == "tool")
    if names:
        body["tools"] = [_tool(name) for name in names]
    return body


def answer(body: bytes) -> Answer:
    """What a completion says. Raises UpstreamError where it is none.

    A tool call is said too: its arguments can carry out what no text may.
    """
    try:
        reply = orjson.loads(body)
        choice = reply["choices"][0]
        message = choice["message"]
        text = message.get("content") or message.get("refusal") or ""
        calls = message.get("tool_calls") or ()
        said = [text, *(f"[{c['function']['name']}] {c['function']['arguments']}" for c in calls)]
        usage = reply.get("usage") or {}
        tokens = (_tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens")))
        whole = "\n".join(part for part in said if part)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UpstreamError("bad_response", "the answer is no chat completion") from error
    finish, served_by = choice.get("finish_reason"), reply.get("model")
    return Answer(whole, str(finish or "")[:_NAME], str(served_by or "")[:_NAME], *tokens)


def _tokens(told: object) -> int:
    """A count as a provider tells it; one that is below nought or absurd would spoil all sums."""
    return min(max(int(told), 0), _MOST_TOKENS) if isinstance(told, int | float | str) else 0


def _wire(message: Message, index: int) -> list[Json]:
    if message.role != "tool":
        return [{"role": message.role, "content": message.text}]
    name, call_id = message.name or "lookup", f"call_{index}"
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": message.text},
    ]


def _tool(name: str) -> Json:
    parameters = {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}
