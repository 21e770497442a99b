"""Answers that we write ourselves, in the wire format of OpenAI's chat completions.

A real provider's bytes are passed on and never rebuilt; only the house model and `Scripted` make
their own. Format: https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from remit.models.base import Reply
from remit.types import Json

DONE = b"[DONE]"
_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
_PIECE = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens went in and out. What we write ourselves counts words as tokens."""

    prompt: int
    completion: int

    def wire(self) -> Json:
        """The `usage` object."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        }


@dataclass(frozen=True, slots=True)
class Completion:
    """What stays the same through one reply. `created` is in seconds since 1970."""

    id: str
    created: int
    model: str
    fingerprint: str | None = None

    def whole(self, message: Json, finish: str, usage: Usage) -> bytes:
        """The body of an answer that is not streamed; `message` is completed with its role."""
        full = {"role": "assistant", "content": None, "refusal": None, **message}
        choice = {"index": 0, "message": full, "logprobs": None, "finish_reason": finish}
        return orjson.dumps(self._frame("chat.completion", choices=[choice], usage=usage.wire()))

    def chunk(self, delta: Json, finish: str | None = None, *, with_usage: bool = False) -> bytes:
        """One event's data. `with_usage` adds the `usage: null` that `include_usage` asks for."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        extra: Json = {"usage": None} if with_usage else {}
        return orjson.dumps(self._frame("chat.completion.chunk", choices=[choice], **extra))

    def usage_chunk(self, usage: Usage) -> bytes:
        """The last event before `[DONE]` where the client asked for usage."""
        return orjson.dumps(self._frame("chat.completion.chunk", choices=[], usage=usage.wire()))

    def _frame(self, kind: str, **rest: object) -> Json:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            **rest,
        }


def body_reply(body: bytes, status: int = 200) -> Reply:
    """A whole reply of JSON bytes."""
    return Reply(status, _JSON, body=body)


def event_reply(events: AsyncIterator[bytes]) -> Reply:
    """A streamed reply of event data."""
    return Reply(200, _EVENTS, events=events)


def error_reply(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> Reply:
    """An error in OpenAI's shape; `kind` is its `type`, `param` the request's key to blame."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return body_reply(orjson.dumps({"error": error}), status)


def model_list(ids: Iterable[str], created: int) -> Reply:
    """The reply to `GET /v1/models`."""
    data = [{"id": i, "object": "model", "created": created, "owned_by": "remit"} for i in ids]
    return body_reply(orjson.dumps({"object": "list", "data": data}))


def pieces(text: str) -> list[str]:
    """`text` cut into words, each with the white space after it; joined they are `text`."""
    return _PIECE.findall(text)


def streams(request: Mapping[str, object]) -> bool:
    """Whether the client asked for a stream."""
    return request.get("stream") is True


def wants_usage(request: Mapping[str, object]) -> bool:
    """Whether the client asked for usage at the end of a stream."""
    options = request.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def turns(request: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Role and text of each message; what is not a message or not text is left out."""
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping):
            yield str(message.get("role", "")), _text(message.get("content"))


def last_user_text(request: Mapping[str, object]) -> str:
    """The text of the last user message, empty where there is none."""
    said = [text for role, text in turns(request) if role == "user"]
    return said[-1] if said else ""


def prompt_tokens(request: Mapping[str, object]) -> int:
    """The words of all messages."""
    return sum(len(pieces(text)) for _, text in turns(request))


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "\n".join(part for part in parts if isinstance(part, str))
