"""A model's answer as it comes: each text delivered as it is checked, each tool call whole.

Events in which nothing is held back or changed pass byte for byte. The record is on the disk
before the last event leaves; a client that goes away stops the model, and is recorded too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from remit.evidence import EvidenceError
from remit.gateway import wire
from remit.gateway.reply import Reply, finish_reason
from remit.layers.guard import Stream
from remit.models.base import UpstreamError
from remit.models.sse import frame
from remit.types import Action, Interaction, Json

if TYPE_CHECKING:
    from remit.gateway.chat import Exchange

_DONE = b"[DONE]"
MAX_CALLS = 128
MAX_ARGUMENTS = 1_000_000
MAX_CHOICES = 128


class Choice:
    """One choice of a streamed answer."""

    def __init__(self, exchange: Exchange, context: Interaction) -> None:
        self._exchange = exchange
        self._context = context
        self._streams: dict[str, Stream] = {}
        self._calls: dict[int, Json] = {}
        self.stopped = False
        self.finished = False

    def _stream(self, name: str) -> Stream:
        stream = self._streams.get(name)
        if stream is None:
            guard = self._exchange.deployment.guard
            stream = self._streams[name] = guard.follow(self._context)
        return stream

    @property
    def content(self) -> Stream | None:
        """The stream of the reply's own text."""
        return self._streams.get("content")

    def take(self, choice: Json) -> bool:
        """Puts what may be delivered now in the place of the choice's texts.

        False where nothing of the choice is left to deliver. Sets `stopped` on a block.
        """
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return True
        held = False
        for name in wire.REPLY_FIELDS:
            text = delta.get(name)
            if isinstance(text, str) and text:
                stream = self._stream(name)
                delta[name] = stream.feed(text)
                held |= not delta[name]
                if stream.blocked:
                    self.stopped = True
        held |= self._hold_calls(delta)
        if choice.get("logprobs") and self._streams:
            choice["logprobs"] = None
        return not held or any(value for value in delta.values()) or bool(choice.get("finish_reason"))

    def _hold_calls(self, delta: Json) -> bool:
        """Keeps tool calls back until they are whole and judged."""
        if not self._exchange.deployment.asks_tools:
            return False
        fragments = delta.pop("tool_calls", None)
        legacy = delta.pop("function_call", None)
        if isinstance(legacy, dict):
            self._join(-1, {"function": legacy})
        if isinstance(fragments, list):
            for fragment in fragments:
                if isinstance(fragment, dict):
                    index = fragment.get("index", 0)
                    self._join(index if isinstance(index, int) else 0, fragment)
        return fragments is not None or legacy is not None

    def _join(self, index: int, fragment: Json) -> None:
        call = self._calls.get(index)
        if call is None:
            if len(self._calls) >= MAX_CALLS:
                raise UpstreamError("too_large", f"more than {MAX_CALLS} tool calls in one answer")
            call = self._calls[index] = {"function": {"arguments": ""}}
        function = fragment.get("function") if isinstance(fragment.get("function"), dict) else {}
        call.update({k: v for k, v in fragment.items() if k != "function" and v is not None})
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call["function"]["arguments"] += arguments
        if len(call["function"]["arguments"]) > MAX_ARGUMENTS:
            raise UpstreamError("too_large", f"tool arguments over {MAX_ARGUMENTS} characters")
        rest = {k: v for k, v in function.items() if k != "arguments" and v is not None}
        call["function"].update(rest)

    async def finish(self) -> tuple[Json, Action]:
        """The last delta: what was held back, the rule's words, the judged tool calls."""
        self.finished = True
        delta: Json = {}
        log, worst = self._exchange.log, Action.ALLOW
        for name, stream in self._streams.items():
            rest = await stream.afinish()
            verdict = stream.verdict
            assert verdict is not None  # noqa: S101  `afinish` was awaited
            log.note(len(self._exchange.sent), verdict)
            if not stream.complete:
                worst = max(worst, verdict.action)
                name = "content"
            if rest:
                delta[name] = delta.get(name, "") + rest
        calls, action, words = await self._judged_calls(stopped=worst.stops)
        worst = max(worst, action)
        if words:
            delta["content"] = delta.get("content", "") + words
        delta.update(calls)
        if worst.stops:
            log.complete = False
        return delta, worst

    async def _judged_calls(self, *, stopped: bool) -> tuple[Json, Action, str]:
        guard, log = self._exchange.deployment.guard, self._exchange.log
        if stopped or not self._calls:
            return {}, Action.ALLOW, ""
        delivered: list[Json] = []
        legacy: Json | None = None
        for index, call in sorted(self._calls.items()):
            function = call["function"]
            guarded = await guard.atool_call(
                self._context.before, str(function.get("name", "")), function["arguments"]
            )
            log.note(len(self._exchange.sent), guarded.verdict)
            if not guarded.complete:
                return {}, guarded.action, guarded.text
            function["arguments"] = guarded.text
            if index < 0:
                legacy = function
            else:
                delivered.append({"index": index, **call})
        delta: Json = {"tool_calls": delivered} if delivered else {}
        if legacy is not None:
            delta["function_call"] = legacy
        return delta, Action.ALLOW, ""


class Answer:
    """The choices of one streamed answer, and the shape of its events."""

    def __init__(self, exchange: Exchange, context: Interaction) -> None:
        self._exchange = exchange
        self._context = context
        self._choices: dict[int, Choice] = {}
        self._shape: Json = {}
        deployment = exchange.deployment
        self._passes = not deployment.asks_output and not deployment.asks_tools

    @property
    def stopped(self) -> bool:
        """True where every choice that was seen is blocked or finished, and one is blocked."""
        choices = self._choices.values()
        over = all(c.stopped or c.finished for c in choices)
        return over and any(c.stopped for c in choices)

    def _choice(self, index: Any) -> Choice:
        key = index if isinstance(index, int) else 0
        if key not in self._choices:
            if len(self._choices) >= MAX_CHOICES:
                raise UpstreamError("too_large", f"more than {MAX_CHOICES} choices in one answer")
            self._choices[key] = Choice(self._exchange, self._context)
        return self._choices[key]

    async def take(self, data: bytes) -> list[bytes]:
        """The events to deliver for one that came. Raises UpstreamError for what is no event."""
        if self._passes:
            self._remember(data)
            return [data]
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise UpstreamError("bad_response", "the model sent an event that is not JSON") from None
        choices = event.get("choices") if isinstance(event, dict) else None
        if not isinstance(choices, list) or not choices:
            return [data]
        self._shape = self._shape or {k: v for k, v in event.items() if k not in ("choices", "usage")}
        out: list[Json] = []
        kept = []
        for choice in choices:
            if not isinstance(choice, dict):
                raise UpstreamError("bad_response", "the model sent a choice that is no object")
            state = self._choice(choice.get("index"))
            if state.finished:
                continue
            keep = state.take(choice)
            if state.stopped:
                out += await self._finish(choice, state)
            elif choice.get("finish_reason"):
                out += await self._finish(choice, state)
            elif keep:
                kept.append(choice)
        if kept:
            out.insert(0, {**event, "choices": kept})
        self._deliver(out)
        return [orjson.dumps(item) for item in out]

    async def _finish(self, choice: Json, state: Choice) -> list[Json]:
        """The rest of a choice and its end, as one or two events."""
        delta = choice.get("delta") if isinstance(choice.get("delta"), dict) else {}
        rest, action = await state.finish()
        for name, value in rest.items():
            before = delta.get(name)
            delta[name] = (before or "") + value if isinstance(value, str) else value
        index = choice.get("index", 0)
        reason = finish_reason(action) if action.stops else choice.get("finish_reason")
        events = []
        if any(delta.values()):
            text = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            events.append({**self._shape, "choices": [text]})
        last = {**choice, "index": index, "delta": {}, "finish_reason": reason}
        return [*events, {**self._shape, "choices": [last]}]

    async def end(self) -> list[bytes]:
        """What is left of choices that never finished, when the model just stops."""
        out: list[Json] = []
        for index, state in self._choices.items():
            if not state.finished:
                rest, action = await state.finish()
                reason = finish_reason(action) if action.stops else None
                if rest or reason:
                    choice = {"index": index, "delta": rest, "finish_reason": reason}
                    out.append({**self._shape, "choices": [choice]})
        self._deliver(out)
        return [orjson.dumps(item) for item in out]

    def note(self) -> None:
        """Tells the log what the first choice's text came to, when it is over."""
        first = self._choices.get(0)
        if first is not None and first.content is not None:
            self._exchange.log.marks = first.content.marks
            self._exchange.log.drafts.append(first.content.text)

    def _deliver(self, items: list[Json]) -> None:
        for item in items:
            for choice in item["choices"]:
                text = choice["delta"].get("content") if choice.get("index", 0) == 0 else None
                if isinstance(text, str):
                    self._exchange.log.delivered.append(text)

    def _remember(self, data: bytes) -> None:
        with suppress(orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
            text = orjson.loads(data)["choices"][0]["delta"].get("content")
            if isinstance(text, str):
                self._exchange.log.delivered.append(text)


async def events(exchange: Exchange, reply: Reply, context: Interaction) -> AsyncIterator[bytes]:
    """The events of a streamed answer, framed."""
    answer = Answer(exchange, context)
    source = reply.events
    recorded = False
    try:
        done = False
        try:
            async for data in source:
                if data == _DONE:
                    done = True
                    break
                for item in await answer.take(data):
                    yield frame(item)
                if answer.stopped:
                    done = True
                    break
        except UpstreamError as error:
            exchange.log.error = f"{error.kind}: {error}"
        for item in await answer.end():
            yield frame(item)
        answer.note()
        recorded = True
        try:
            await exchange.record("error" if exchange.log.error else "answer")
        except EvidenceError:
            yield frame(_broken("The answer could not be recorded.", "evidence_unavailable"))
            return
        if exchange.log.error is not None:
            kind = exchange.log.error.partition(":")[0]
            yield frame(_broken(f"The model's answer broke off ({kind}).", kind))
        elif done:
            yield frame(_DONE)
    finally:
        # Also where the client went away: stop the model, and record what was delivered.
        await source.aclose()
        if not recorded:
            answer.note()
            exchange.log.error = "the client went away"
            exchange.log.complete = False
            exchange.record_later()


def _broken(message: str, code: str) -> bytes:
    return orjson.dumps(wire.error(message, "server_error", code))

