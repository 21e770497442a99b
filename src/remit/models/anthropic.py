"""Anthropic's messages API, asked in the one format that all models here speak.

Format: https://docs.anthropic.com/en/api/messages. System messages are joined, turns of one role
that follow each other too, since the format wants them alternating.
"""

from __future__ import annotations

import ssl as tls
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from remit.models import completion as wire
from remit.models.base import Reply, UpstreamError
from remit.models.http import Client, ClientLimits
from remit.types import Json

VERSION = "2023-06-01"
_MAX_TOKENS = 4096  # the format demands a limit; this one where the request has none
_MOST_TOKENS = 10**9
_RETURNED = ("retry-after", "request-id", "x-should-retry", "anthropic-ratelimit-")
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_PASSED = ("temperature", "top_p", "top_k", "metadata")


class Anthropic:
    """A model behind Anthropic's messages API; implements `Model`.

    Replies are whole: where a stream is asked for, the whole reply comes as its one delta.
    Raises ValueError where the address or the key cannot be used.
    """

    def __init__(
        self,
        base_url: str = "https://api.anthropic.com",
        api_key: str | None = None,
        *,
        name: str = "",
        ssl: tls.SSLContext | None = None,
        limits: ClientLimits | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise ValueError("the API key holds a line break or a non-ASCII character")
        self._client = Client(f"{parts.scheme}://{parts.netloc}", ssl=ssl, limits=limits)
        self.name = name or parts.netloc
        self._prefix = parts.path.rstrip("/").removesuffix("/v1")
        self._secret = (api_key or "").encode()
        self._headers = [
            ("content-type", "application/json"),
            ("accept-encoding", "identity"),
            ("anthropic-version", VERSION),
        ]
        if api_key:
            self._headers.append(("x-api-key", api_key))

    def __repr__(self) -> str:
        return f"Anthropic({self.name})"

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        """Answers a chat-completions request. Raises UpstreamError."""
        body = orjson.dumps(messages_request(request))
        path = f"{self._prefix}/v1/messages"
        response = await self._client.request("POST", path, self._headers, body)
        told = {k: v for k, v in response.headers.items() if k.startswith(_RETURNED)}
        raw = await response.read()
        if response.status >= 300:
            return _refused(response.status, raw, told, self._secret)
        head, message, finish, usage = completion(raw)
        if wire.streams(request):
            asked = usage if wire.wants_usage(request) else None
            reply = wire.event_reply(_events(head, message, finish, asked))
        else:
            reply = wire.body_reply(head.whole(message, finish, usage))
        reply.headers = {**reply.headers, **told}
        return reply

    async def models(self) -> Reply:
        """The list of models. Raises UpstreamError."""
        response = await self._client.request("GET", f"{self._prefix}/v1/models", self._headers)
        raw = await response.read()
        if response.status >= 300:
            return _refused(response.status, raw, {}, self._secret)
        try:
            ids = [str(entry["id"]) for entry in orjson.loads(raw)["data"]]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UpstreamError("bad_response", "the answer is no list of models") from error
        return wire.model_list(ids, 0)

    async def close(self) -> None:
        """Drops all connections."""
        await self._client.close()


def messages_request(request: Mapping[str, object]) -> Json:
    """A chat-completions request in Anthropic's format. Pure."""
    given = request.get("messages")
    messages = [m for m in given if isinstance(m, Mapping)] if isinstance(given, list) else []
    system = [_text(m) for m in messages if m.get("role") in ("system", "developer")]
    limit = request.get("max_completion_tokens") or request.get("max_tokens") or _MAX_TOKENS
    body: Json = {
        "model": request.get("model") or "",
        "max_tokens": limit,
        "messages": _turns(messages),
    }
    if system:
        body["system"] = "\n\n".join(text for text in system if text)
    body |= {name: request[name] for name in _PASSED if name in request}
    if request.get("stop"):
        stop = request["stop"]
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    tools = request.get("tools")
    if isinstance(tools, list) and tools:
        body["tools"] = [_tool(tool) for tool in tools if isinstance(tool, Mapping)]
    return body


def completion(raw: bytes) -> tuple[wire.Completion, Json, str, wire.Usage]:
    """Anthropic's reply as the parts of a chat completion. Raises UpstreamError."""
    try:
        reply = orjson.loads(raw)
        blocks = reply["content"]
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = [_call(block) for block in blocks if block["type"] == "tool_use"]
        usage = reply.get("usage") or {}
        counted = wire.Usage(_count(usage, "input_tokens"), _count(usage, "output_tokens"))
        head = wire.Completion(str(reply["id"]), int(time.time()), str(reply["model"]))
        finish = _FINISH.get(reply.get("stop_reason"), "stop")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpstreamError("bad_response", "the answer is no message of Anthropic's") from error
    message: Json = {"content": text or None}
    if calls:
        message["tool_calls"] = calls
    return head, message, finish, counted


def _count(usage: Mapping[str, Any], name: str) -> int:
    """Tokens as told, within what a sum of them can bear."""
    return min(max(int(usage.get(name) or 0), 0), _MOST_TOKENS)


def _turns(messages: Sequence[Mapping[str, Any]]) -> list[Json]:
    """User and assistant in turn; a tool's result is the user's."""
    turns: list[Json] = []
    for message in messages:
        role = message.get("role")
        if role in ("system", "developer"):
            continue
        role = "assistant" if role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Mapping[str, Any]) -> list[Json]:
    text = _text(message)
    if message.get("role") == "tool":
        result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id", "")}
        return [{**result, "content": text}]
    # An empty text block is refused.
    blocks: list[Json] = [{"type": "text", "text": text}] if text.strip() else []
    calls = message.get("tool_calls")
    blocks.extend(
        _tool_use(call, call["function"])
        for call in (calls if isinstance(calls, list) else ())
        if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping)
    )
    return blocks


def _tool_use(call: Mapping[str, Any], function: Mapping[str, Any]) -> Json:
    written = function.get("arguments") or "{}"
    try:
        arguments = orjson.loads(written)
    except orjson.JSONDecodeError:
        arguments = written
    # The format has a mapping here and nothing else.
    given = arguments if isinstance(arguments, dict) else {"arguments": written}
    use = {"type": "tool_use", "id": call.get("id", ""), "name": function.get("name", "")}
    return {**use, "input": given}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = (p.get("text") for p in content or () if isinstance(p, Mapping))
    return "\n".join(part for part in parts if isinstance(part, str))


def _tool(tool: Mapping[str, Any]) -> Json:
    function = tool.get("function") or {}
    schema = function.get("parameters") or {"type": "object"}
    described = {"description": function["description"]} if "description" in function else {}
    return {"name": function.get("name", ""), **described, "input_schema": schema}


def _call(block: Mapping[str, Any]) -> Json:
    arguments = orjson.dumps(block["input"]).decode()
    function = {"name": block["name"], "arguments": arguments}
    return {"id": block["id"], "type": "function", "function": function}


def _refused(status: int, raw: bytes, headers: Mapping[str, str], secret: bytes) -> Reply:
    """Anthropic's error in OpenAI's shape, without the key."""
    if 300 <= status < 400:
        message = f"upstream redirects (status {status}): use its final address as base URL"
        raise UpstreamError("bad_response", message)
    try:
        error = orjson.loads(raw)["error"]
        kind, said = str(error["type"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        kind, said = "api_error", raw[:500].decode("utf-8", "replace")
    if secret:
        said = said.replace(secret.decode(), "[key]")
    reply = wire.error_reply(status, said, kind=kind)
    reply.headers = {**reply.headers, **headers}
    return reply


async def _events(
    head: wire.Completion, message: Json, finish: str, usage: wire.Usage | None
) -> AsyncIterator[bytes]:
    with_usage = usage is not None
    delta = {"role": "assistant", **message}
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": i, **c} for i, c in enumerate(delta["tool_calls"])]
    yield head.chunk(delta, with_usage=with_usage)
    yield head.chunk({}, finish, with_usage=with_usage)
    if usage is not None:
        yield head.usage_chunk(usage)
    yield wire.DONE
