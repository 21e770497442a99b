"""The OpenAI chat-completions format: where its texts are, and how to put others in their place.

Requests and answers stay plain dicts, so that fields nobody here knows pass through untouched.
Source: OpenAI API reference, chat completions, and the type definitions of openai-python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from remit.layers.guard.delivery import Masked, mask_whole
from remit.layers.guard.tools import call_text, masked_arguments
from remit.types import Json, Message, Span

# Text a model writes for people to read, beside `content`; providers differ.
REPLY_FIELDS = ("content", "refusal", "reasoning_content", "reasoning")
_TEXT_PARTS = ("text", "input_text", "refusal")
MAX_MESSAGES = 2_000
MAX_DEPTH = 64


class RequestError(ValueError):
    """The request cannot be served; `code` and `param` go into OpenAI's error object."""

    def __init__(self, message: str, code: str = "invalid_request", param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def parse_request(body: bytes) -> Json:
    """A chat request. Raises RequestError, naming what is wrong and the cure."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}", "invalid_json") from None
    if not isinstance(request, dict):
        raise RequestError("the body must be a JSON object with messages")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages must be a list with at least one message", param="messages")
    if len(messages) > MAX_MESSAGES:
        raise RequestError(f"more than {MAX_MESSAGES} messages; shorten the history", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RequestError("every message is an object with a role", param=f"messages[{index}]")
        if not isinstance(message.get("content"), str | list | None):
            raise RequestError("content is text or a list of parts", param=f"messages[{index}].content")
    if not isinstance(request.get("stream", False), bool | None):
        raise RequestError("stream is true or false", param="stream")
    return request


def turns(messages: Sequence[Json]) -> tuple[Message, ...]:
    """Messages as they are judged: all their texts, a line each."""
    return tuple(
        Message(message["role"], "\n".join(_texts(message)), str(message.get("name") or ""))
        for message in messages
    )


def media(messages: Sequence[Json]) -> list[str]:
    """The parts that hold no text and so cannot be judged, as `messages[1].image_url`."""
    return [
        f"messages[{index}].{part.get('type', 'part') if isinstance(part, dict) else 'part'}"
        for index, message in enumerate(messages)
        if isinstance(message.get("content"), list)
        for part in message["content"]
        if not (isinstance(part, dict) and part.get("type") in _TEXT_PARTS)
    ]


def _texts(message: Json) -> Iterator[str]:
    for holder, key in _places(message):
        value = holder[key]
        yield call_text(value) if key == "arguments" else value


def _places(message: Json) -> Iterator[tuple[Json, str]]:
    """Every place in a message that holds text: the object and its key."""
    if isinstance(message.get("content"), str):
        yield message, "content"
    elif isinstance(message.get("content"), list):
        for part in message["content"]:
            if isinstance(part, dict) and part.get("type") in _TEXT_PARTS:
                key = "refusal" if part["type"] == "refusal" else "text"
                if isinstance(part.get(key), str):
                    yield part, key
    for key in REPLY_FIELDS[1:]:
        if isinstance(message.get(key), str):
            yield message, key
    for call in calls(message):
        yield call, "arguments"


def calls(message: Mapping[str, Any]) -> Iterator[Json]:
    """The functions called by a message: objects with a name and arguments."""
    found = [call.get("function") for call in message.get("tool_calls") or () if isinstance(call, dict)]
    found.append(message.get("function_call"))
    for function in found:
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            yield function


def with_masks(message: Json, masked: Sequence[Masked]) -> Json:
    """A copy of the message with spans of its judged text masked, each in its own place."""
    copy: Json = orjson.loads(orjson.dumps(message))
    at = 0
    for holder, key in _places(copy):
        judged = call_text(holder[key]) if key == "arguments" else holder[key]
        start, end = at, at + len(judged)
        at = end + 1
        mine = [
            Masked(Span(max(m.span.start - start, 0), min(m.span.end, end) - start, m.span.label), m.rule)
            for m in masked
            if m.span.start < end and m.span.end > start
        ]
        if mine and key == "arguments":
            holder[key] = masked_arguments(holder[key], mine) or "{}"
        elif mine:
            holder[key] = mask_whole(judged, mine)[0]
    return copy


def withheld(message: Json, text: str) -> Json:
    """A message taken out of what the model sees, its place in the conversation kept."""
    kept = {key: message[key] for key in ("role", "name", "tool_call_id") if key in message}
    if message.get("tool_calls"):
        # Results that follow refer to the calls by their ids.
        kept["tool_calls"] = [_emptied(c) for c in message["tool_calls"] if isinstance(c, dict)]
    return {**kept, "content": text}


def _emptied(call: Json) -> Json:
    function = call.get("function")
    name = function.get("name", "") if isinstance(function, dict) else ""
    return {**call, "function": {"name": name, "arguments": "{}"}}


def completion(text: str, model: str, id: str, created: int, finish_reason: str) -> Json:
    """A whole answer that Remit gives itself."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": f"chatcmpl-{id}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def chunk(delta: Json, model: str, id: str, created: int, finish_reason: str | None = None) -> Json:
    """One event of an answer that Remit gives itself."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": f"chatcmpl-{id}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [choice],
    }


def error(message: str, kind: str, code: str | None, param: str | None = None) -> Json:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
