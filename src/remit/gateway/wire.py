"""The OpenAI chat-completions format: where its texts are, and how to put others in their place.

Requests and answers stay plain dicts, so that fields nobody here knows pass through untouched.
Source: OpenAI API reference, chat completions, and the type definitions of openai-python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from remit.layers.guard.delivery import Masked, mask_whole
from remit.layers.guard.tools import call_text, masked_arguments
from remit.types import Json, Message, Span

# Text a model writes for people to read, beside `content`; providers differ.
REPLY_FIELDS = ("content", "refusal", "reasoning_content", "reasoning")
# Where a tool call keeps the text that the model wrote: a function's, a custom tool's.
CALL_TEXTS = {"function": "arguments", "custom": "input"}
# What is read, or holds no text of the model's: a receipt need not speak of it.
MESSAGE_FIELDS = frozenset({"role", *REPLY_FIELDS, "tool_calls", "function_call"})
CHOICE_FIELDS = frozenset(
    {
        "index",
        "message",
        "delta",
        "logprobs",
        "finish_reason",
        "native_finish_reason",
        "stop_reason",
        "matched_stop",
        "token_ids",
        "content_filter_results",
        "content_filter_offsets",
    }
)
_TEXT_PARTS = ("text", "input_text", "refusal")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z][\w.-]{0,63}", re.ASCII)
MAX_MESSAGES = 2_000
# The writer of JSON gives up at 254 levels; a request is put inside nothing else.
MAX_DEPTH = 200


class RequestError(ValueError):
    """The request cannot be served; `code` and `param` go into OpenAI's error object."""

    def __init__(
        self, message: str, code: str = "invalid_request", param: str | None = None
    ) -> None:
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
    _refuse_depth(body, request)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages must be a list with at least one message", param="messages")
    if len(messages) > MAX_MESSAGES:
        message = f"more than {MAX_MESSAGES} messages; shorten the history"
        raise RequestError(message, param="messages")
    for index, message in enumerate(messages):
        _refuse_odd(message, f"messages[{index}]")
    if not isinstance(request.get("stream", False), bool | None):
        raise RequestError("stream is true or false", param="stream")
    return request


def _refuse_odd(message: object, param: str) -> None:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise RequestError("every message is an object with a role", param=param)
    if not isinstance(message.get("content"), str | list | None):
        raise RequestError("content is text or a list of parts", param=f"{param}.content")
    if not isinstance(message.get("tool_calls"), list | None):
        raise RequestError("tool_calls is a list", param=f"{param}.tool_calls")


def _refuse_depth(body: bytes, request: Json) -> None:
    """What is nested too deeply to be written out again. Few brackets cannot be deep."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    level: list[Any] = [request]
    for _ in range(MAX_DEPTH):
        holders = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for inner in holders for item in inner if isinstance(item, dict | list)]
        if not level:
            return
    raise RequestError(f"nested deeper than {MAX_DEPTH} levels; send it flatter")


def turns(messages: Sequence[Json]) -> tuple[Message, ...]:
    """Messages as they are judged: all their texts, a line each."""
    return tuple(
        Message(message["role"], "\n".join(_texts(message)), str(message.get("name") or ""))
        for message in messages
    )


def media(messages: Sequence[Json]) -> list[str]:
    """The parts that hold no text and so cannot be judged, as `messages[1].image_url`."""
    return [
        f"messages[{index}].{plain(part.get('type')) if isinstance(part, dict) else 'other'}"
        for index, message in enumerate(messages)
        if isinstance(message.get("content"), list)
        for part in message["content"]
        if _part_key(part) is None
    ]


def _part_key(part: object) -> str | None:
    """Where a part of a message holds its text; None for a picture, sound, file, or anything."""
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str) or kind not in _TEXT_PARTS:
        return None
    key = "refusal" if kind == "refusal" else "text"
    return key if isinstance(part.get(key), str) else None


def _texts(message: Json) -> Iterator[str]:
    for holder, key in _places(message):
        value = holder[key]
        # An escaped lone surrogate in arguments is the one way to a text that nobody can write.
        yield _SURROGATE.sub("\ufffd", call_text(value)) if key in CALL_TEXTS.values() else value


def _places(message: Json) -> Iterator[tuple[Json, str]]:
    """Every place in a message that holds text: the object and its key."""
    if isinstance(message.get("content"), str):
        yield message, "content"
    elif isinstance(message.get("content"), list):
        for part in message["content"]:
            key = _part_key(part)
            if key is not None:
                yield part, key
    for key in REPLY_FIELDS[1:]:
        if isinstance(message.get(key), str):
            yield message, key
    yield from calls(message)


def calls(message: Mapping[str, Any]) -> Iterator[tuple[Json, str]]:
    """Every place that holds what a tool is called with: an object with a name, and its key."""
    listed = message.get("tool_calls")
    found = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    found.append({"function": message.get("function_call")})
    for call in found:
        for name, key in CALL_TEXTS.items():
            holder = call.get(name)
            if isinstance(holder, dict) and isinstance(holder.get(key), str):
                yield holder, key


def unread(holder: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    """The fields of an answer that may hold text, and that no rule reads."""
    if holder.keys() <= known:
        return []
    return [
        plain(name)
        for name, value in holder.items()
        if name not in known and value and isinstance(value, str | list | dict)
    ]


def plain(name: object) -> str:
    """A name as it may stand in a header: whoever made it up must not write headers with it."""
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "other"


def with_masks(message: Json, masked: Sequence[Masked]) -> Json:
    """A copy of the message with spans of its judged text masked, each in its own place."""
    copy: Json = orjson.loads(orjson.dumps(message))
    at = 0
    for holder, key in _places(copy):
        called = key in CALL_TEXTS.values()
        judged = call_text(holder[key]) if called else holder[key]
        start, end = at, at + len(judged)
        at = end + 1
        mine = [
            Masked(_moved(m.span, start, end), m.rule)
            for m in masked
            if m.span.start < end and m.span.end > start
        ]
        if mine and key == "arguments":
            holder[key] = masked_arguments(holder[key], mine) or "{}"
        elif mine:
            holder[key] = mask_whole(judged, mine)[0]
    return copy


def _moved(span: Span, start: int, end: int) -> Span:
    """The share of a span in the piece from `start` to `end`, counted from its beginning."""
    return Span(max(span.start - start, 0), min(span.end, end) - start, span.label)


def withheld(message: Json, text: str) -> Json:
    """A message taken out of what the model sees, its place in the conversation kept."""
    kept: Json = {key: message[key] for key in ("role", "name", "tool_call_id") if key in message}
    if message.get("tool_calls"):
        # Results that follow refer to the calls by their ids.
        kept["tool_calls"] = [_emptied(c) for c in message["tool_calls"] if isinstance(c, dict)]
    return {**kept, "content": text}


def _emptied(call: Json) -> Json:
    kept: Json = {key: call[key] for key in ("id", "type", "index") if key in call}
    for kind, key in CALL_TEXTS.items():
        holder = call.get(kind)
        if isinstance(holder, dict):
            kept[kind] = {"name": holder.get("name", ""), key: "{}"}
    return kept


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


_WHOLE = ("message", "finish_reason", "logprobs")


def chunks(body: Json, *, with_usage: bool = False) -> list[Json]:
    """The events of a whole answer, as a client that asked for a stream expects them.

    For each choice its message with the role, then its end; the usage last, where asked for.
    """
    shape = {key: value for key, value in body.items() if key not in ("choices", "usage")}
    shape["object"] = "chat.completion.chunk"
    events: list[Json] = []
    for place, choice in enumerate(body["choices"]):
        index = choice.get("index", place)
        # Token probabilities of a whole answer have another place in its events.
        rest = {
            k: v for k, v in choice.items() if k not in ("message", "finish_reason", "logprobs")
        }
        start = {**rest, "index": index, "logprobs": None, "finish_reason": None}
        events.append({**shape, "choices": [{**start, "delta": _delta(choice["message"])}]})
        end = {**start, "delta": {}, "finish_reason": choice.get("finish_reason")}
        events.append({**shape, "choices": [end]})
    if with_usage:
        events.append({**shape, "choices": [], "usage": body.get("usage")})
    return events


def _delta(message: Json) -> Json:
    delta = {key: value for key, value in message.items() if value is not None}
    listed = delta.get("tool_calls")
    if isinstance(listed, list):
        delta["tool_calls"] = [
            {"index": n, **call} if isinstance(call, dict) else call
            for n, call in enumerate(listed)
        ]
    return delta


def error(message: str, kind: str, code: str | None, param: str | None = None) -> Json:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def usage(body: Json) -> tuple[int, int] | None:
    """Tokens in and out, as a model counted them; None where it did not, or not in numbers."""
    told = body.get("usage")
    if not isinstance(told, dict):
        return None
    counts = told.get("prompt_tokens"), told.get("completion_tokens")
    first, second = (c if type(c) is int and 0 <= c < 1 << 53 else None for c in counts)
    return None if first is None or second is None else (first, second)
