"""A model that says what it is told to, faults included. For tests and demonstrations.

It stands in for a provider wherever the behaviour of one must be exact: how a stream is cut, when
it hangs, where it breaks off. It keeps the requests it got and whether a client left early.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import orjson

from remit.models import completion as wire
from remit.models.base import Reply, UpstreamError
from remit.models.script import Fault, ScriptedReply, ScriptError, ToolCall, read_script
from remit.types import Json

__all__ = ["Fault", "Script", "ScriptError", "Scripted", "ScriptedReply", "ToolCall"]

_CREATED = 1_767_225_600  # 2026-01-01: replies are the same on every run
_GARBAGE = b"<html><title>502 Bad Gateway</title></html>"


Script = Callable[[Mapping[str, object]], ScriptedReply | str]


class Scripted:
    """Plays replies in order and repeats the last one; implements `Model`.

    `requests` holds what was asked, in order; `cancelled` is true once a client has left before
    the end of an answer.
    """

    name = "scripted"

    def __init__(self, replies: Sequence[ScriptedReply | str] | Script) -> None:
        """`replies` in order, or a function of the request. Raises ScriptError where empty."""
        if not callable(replies) and not replies:
            raise ScriptError("a script needs at least one reply; use Scripted.echo() for none")
        self._replies = replies
        self.requests: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = False

    @classmethod
    def echo(cls, *, chunk_size: int = 0, delay: float = 0.0) -> Scripted:
        """Answers with the last user message."""
        return cls(
            lambda request: ScriptedReply(
                wire.last_user_text(request), chunk_size=chunk_size, delay=delay
            )
        )

    @classmethod
    def from_file(cls, path: str | Path) -> Scripted:
        """A script from a YAML or JSON list of texts and mappings with ScriptedReply's keys.

        Raises ScriptError, naming the reply and the cure, and OSError where there is no file.
        """
        return cls(read_script(path))

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        """Plays the next reply. Raises UpstreamError for the faults that give no answer."""
        self.requests.append(dict(request))
        self.headers.append(dict(headers))
        reply = self._next(request)
        if reply.fault in (Fault.CONNECT, Fault.TIMEOUT):
            raise UpstreamError(reply.fault, f"scripted fault: {reply.fault}")
        if reply.status >= 400:
            return _with_headers(_error(reply), reply.headers)
        head = wire.Completion(
            f"chatcmpl-scripted-{len(self.requests)}",
            _CREATED,
            str(request.get("model") or "scripted"),
        )
        usage = wire.Usage(*(reply.usage or _counted(request, reply)))
        if wire.streams(request):
            asked = usage if wire.wants_usage(request) else None
            events = _Watched(_events(head, reply, asked), self._left)
            return _with_headers(wire.event_reply(events), reply.headers)
        return _with_headers(await self._body(head, reply, usage), reply.headers)

    async def models(self) -> Reply:
        """A list of one."""
        return wire.model_list(["scripted"], _CREATED)

    async def close(self) -> None:
        """Nothing is held."""

    def _next(self, request: Mapping[str, object]) -> ScriptedReply:
        if callable(self._replies):
            reply = self._replies(request)
        else:
            reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
        return ScriptedReply(reply) if isinstance(reply, str) else reply

    def _left(self) -> None:
        self.cancelled = True

    async def _body(self, head: wire.Completion, reply: ScriptedReply, usage: wire.Usage) -> Reply:
        try:
            await asyncio.sleep(reply.delay)
            if reply.fault is Fault.HANG:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._left()
            raise
        body = head.whole(_message(reply), reply.finish, usage)
        return wire.body_reply(_spoilt(body, reply.fault))


class _Watched:
    """An iterator over a stream that tells when it is closed or cancelled before its end.

    A generator can't: closed before its first event, it never learns that it existed.
    """

    def __init__(self, events: AsyncGenerator[bytes, None], left: Callable[[], None]) -> None:
        self._events, self._left, self._over = events, left, False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._events)
        except asyncio.CancelledError:
            self._leave()
            raise
        except BaseException:
            self._over = True
            raise

    async def aclose(self) -> None:
        """Leaves the stream, as a client that hangs up does."""
        self._leave()
        await self._events.aclose()

    def _leave(self) -> None:
        if not self._over:
            self._over = True
            self._left()


async def _events(
    head: wire.Completion, reply: ScriptedReply, usage: wire.Usage | None
) -> AsyncGenerator[bytes, None]:
    with_usage = usage is not None
    deltas = _deltas(reply)
    for number, delta in enumerate([*deltas, None]):
        await asyncio.sleep(reply.delay)
        event = head.chunk(
            {} if delta is None else delta,
            reply.finish if delta is None else None,
            with_usage=with_usage,
        )
        # The first delta is the role: `after` counts the pieces behind it.
        if reply.fault and number == min(reply.after + 1, len(deltas)):
            if reply.fault is Fault.HANG:
                await asyncio.Event().wait()
            if rest := _spoilt(event, reply.fault):
                yield rest
            if reply.fault is not Fault.GARBAGE:
                return
        yield event
    if usage is not None:
        yield head.usage_chunk(usage)
    yield wire.DONE


def _deltas(reply: ScriptedReply) -> list[Json]:
    """What is streamed, the role first, the finish reason not included."""
    deltas: list[Json] = [{"role": "assistant", "content": None if reply.tool_calls else ""}]
    text = reply.chunks or (
        _cut(reply.text, reply.chunk_size) if reply.chunk_size else wire.pieces(reply.text)
    )
    deltas += [{"content": piece} for piece in text]
    deltas += [{"refusal": piece} for piece in _cut(reply.refusal, reply.chunk_size)]
    for index, call in enumerate(reply.tool_calls):
        opening = {"index": index, **_call(call, index, arguments="")}
        deltas.append({"tool_calls": [opening]})
        for piece in _cut(call.arguments, reply.chunk_size):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    return deltas


def _message(reply: ScriptedReply) -> Json:
    message: Json = {"content": reply.whole or None, "refusal": reply.refusal or None}
    if reply.tool_calls:
        message["tool_calls"] = [_call(call, i) for i, call in enumerate(reply.tool_calls)]
    elif not reply.refusal:
        message["content"] = reply.whole
    return message


def _call(call: ToolCall, index: int, arguments: str | None = None) -> Json:
    function = {
        "name": call.name,
        "arguments": call.arguments if arguments is None else arguments,
    }
    return {"id": call.id or f"call_{index}", "type": "function", "function": function}


def _cut(text: str, size: int) -> list[str]:
    """`text` in pieces of `size` characters; in one where size is 0."""
    step = size or len(text) or 1
    return [text[i : i + step] for i in range(0, len(text), step)]


def _spoilt(whole: bytes, fault: Fault | None) -> bytes:
    """What comes in the place of `whole`. Raises UpstreamError where the connection breaks."""
    if fault is Fault.RESET:
        raise UpstreamError("reset", "scripted fault: connection reset")
    if fault is Fault.GARBAGE:
        return _GARBAGE
    if fault is Fault.HALF:
        return whole[: len(whole) // 2]
    return b"" if fault is Fault.CLOSE else whole


def _error(reply: ScriptedReply) -> Reply:
    if reply.error is not None:
        return wire.body_reply(orjson.dumps(dict(reply.error)), reply.status)
    kind = "invalid_request_error" if reply.status < 500 else "server_error"
    return wire.error_reply(reply.status, reply.text or "scripted error", kind=kind)


def _counted(request: Mapping[str, object], reply: ScriptedReply) -> tuple[int, int]:
    said = [reply.whole, reply.refusal, *(call.arguments for call in reply.tool_calls)]
    return wire.prompt_tokens(request), sum(len(wire.pieces(text)) for text in said)


def _with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    reply.headers = {**reply.headers, **headers}
    return reply
