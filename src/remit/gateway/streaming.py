"""A model's answer as it comes: each text delivered as it is checked, each tool call whole.

Events in which nothing is held back or changed pass byte for byte. The record is on the disk
before the last event leaves; a client that goes away stops the model, and is recorded too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from remit.evidence import EvidenceError
from remit.gateway import wire
from remit.gateway.choice import Choice
from remit.gateway.event import parsed, plain_text, shape
from remit.gateway.reply import Reply, finish_reason
from remit.models.base import UpstreamError
from remit.models.sse import frame
from remit.types import Interaction, Json

if TYPE_CHECKING:
    from remit.gateway.exchange import Exchange

_DONE = b"[DONE]"
MAX_CHOICES = 128


class Answer:
    """The choices of one streamed answer, and the shape of its events."""

    def __init__(self, exchange: Exchange, context: Interaction) -> None:
        self._exchange = exchange
        self._context = context
        self._choices: dict[int, Choice] = {}
        self._shape: Json = {}
        self.passes = not exchange.deployment.asks_reply
        asked = exchange.request.get("n")
        self._asked = asked if isinstance(asked, int) else 1
        self._blocks = False  # a rule has blocked a choice
        self.failed = False  # the model itself sent an error
        self.done = False  # the model said that nothing follows
        self.error: UpstreamError | None = None

    @property
    def stopped(self) -> bool:
        """True where every choice that was asked for is blocked or finished, and one is blocked."""
        if not self._blocks:
            return False
        choices = self._choices.values()
        return len(choices) >= self._asked and all(c.stopped or c.finished for c in choices)

    @property
    def fault(self) -> str | None:
        """What was wrong with a stream that came to an end."""
        if self.failed:
            return "upstream: the model sent an error"
        if self.done or self.stopped or self.passes:
            return None
        if self._choices and all(choice.finished for choice in self._choices.values()):
            return None
        return "truncated: the stream ended before the answer did"

    def _choice(self, index: Any) -> Choice:
        key = index if isinstance(index, int) else 0
        if key not in self._choices:
            if len(self._choices) >= MAX_CHOICES:
                raise UpstreamError("too_large", f"more than {MAX_CHOICES} choices in one answer")
            self._choices[key] = Choice(self._exchange, self._context)
        return self._choices[key]

    async def take(self, batch: list[bytes]) -> list[bytes]:
        """The events to deliver for some that came together.

        Pieces of plain text that came together are judged and delivered as one piece. Sets
        `done` at the end, and `error` where one is no event: what came before it is delivered.
        """
        out: list[bytes] = []
        try:
            for event, text in self._runs(batch):
                if text:
                    out += await self._take_plain(event, text)
                else:
                    out += await self._take_one(event)
                if self.stopped:
                    break
        except UpstreamError as error:
            self.error = error
        return out

    def pass_on(self, batch: list[bytes]) -> list[bytes]:
        """The same events, where no rule reads the answer."""
        if _DONE in batch:
            self.done = True
            batch = batch[: batch.index(_DONE)]
        for data in batch:
            self._remember(data)
        return batch

    def _runs(self, batch: list[bytes]) -> Iterator[tuple[Json, str]]:
        """The events of a batch, those of plain text in a row as one: the first, and their text."""
        first: Json = {}
        texts: list[str] = []
        try:
            for data in batch:
                if data == _DONE:
                    self.done = True
                    break
                event = parsed(data)
                text = plain_text(event)
                if text:
                    first = first if texts else event
                    texts.append(text)
                    continue
                if texts:
                    yield first, "".join(texts)
                    texts.clear()
                yield event, ""
        except UpstreamError:
            if texts:
                yield first, "".join(texts)
            raise
        if texts:
            yield first, "".join(texts)

    async def _take_plain(self, event: Json, text: str) -> list[bytes]:
        """As `_take_one`, for content of the first choice and nothing else: nearly all events."""
        state = self._choice(0)
        if state.finished:
            return []
        self._shape = self._shape or shape(event)
        (choice,) = event["choices"]
        choice["delta"]["content"] = text = await state.feed("content", text)
        if state.stopped:
            texts, end = await self._finish(choice, state)
            return self._given(self._ended(event, texts, [end]))
        if not text:
            return []
        self._exchange.log.delivered.append(text)
        return [orjson.dumps(event)]

    async def _take_one(self, event: Json) -> list[bytes]:
        self.failed |= bool(event.get("error"))
        choices = event.get("choices")
        if event.get("usage"):
            self._exchange.log.usage = wire.usage(event)
        if not isinstance(choices, list) or not choices:
            return [orjson.dumps(event)]
        self._shape = self._shape or shape(event)
        return self._given(await self._judged(event, choices))

    async def _judged(self, event: Json, choices: list[Any]) -> list[Json]:
        """An event with what may be delivered of its choices: texts first, then ends."""
        texts: list[Json] = []
        ends: list[Json] = []
        for choice in choices:
            if not isinstance(choice, dict):
                raise UpstreamError("bad_response", "the model sent a choice that is no object")
            state = self._choice(choice.get("index"))
            if state.finished:
                continue
            keep = await state.take(choice)
            if state.stopped or choice.get("finish_reason"):
                text, end = await self._finish(choice, state)
                ends.append(end)
                texts += text
            elif keep:
                texts.append(choice)
        if ends:
            return self._ended(event, texts, ends)
        if texts:
            return [{**event, "choices": texts}]
        over = all(state.finished for state in self._choices.values())
        return [{**event, "choices": []}] if over and event.get("usage") else []

    def _ended(self, event: Json, texts: list[Json], ends: list[Json]) -> list[Json]:
        before = [{**self._shape, "choices": texts}] if texts else []
        return [*before, {**event, "choices": ends}]

    async def _finish(self, choice: Json, state: Choice) -> tuple[list[Json], Json]:
        """The rest of a choice, if any, and its end."""
        self._blocks |= state.stopped
        given = choice.get("delta")
        delta: Json = given if isinstance(given, dict) else {}
        rest, action = await state.finish()
        for name, value in rest.items():
            before = delta.get(name)
            delta[name] = (before or "") + value if isinstance(value, str) else value
        index = choice.get("index", 0)
        reason = finish_reason(action) if action.stops else choice.get("finish_reason")
        text = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        end = {**choice, "index": index, "delta": {}, "finish_reason": reason}
        return ([text] if any(delta.values()) else []), end

    async def end(self, *, broken: bool) -> list[bytes]:
        """What is left of choices that never finished, when the model just stops.

        Where it broke off, what was held back stays back: more text might have made a match.
        """
        out: list[Json] = []
        for index, state in self._choices.items():
            if state.finished:
                continue
            rest, action = await state.finish()
            if broken and not action.stops:
                continue
            reason = finish_reason(action) if action.stops else None
            if rest or reason:
                choice = {"index": index, "delta": rest, "finish_reason": reason}
                out.append({**self._shape, "choices": [choice]})
        return self._given(out)

    def abandon(self) -> None:
        """Comes to an end where the client went away: what was read is judged all the same."""
        for state in self._choices.values():
            if not state.finished:
                state.abandon()
        self.note()

    def note(self) -> None:
        """Tells the log what came of the texts, when they are over."""
        log = self._exchange.log
        log.drafts += [choice.draft for choice in self._choices.values() if choice.draft]
        if 0 in self._choices:
            log.marks = self._choices[0].marks

    def _given(self, items: list[Json]) -> list[bytes]:
        self._deliver(items)
        return [orjson.dumps(item) for item in items]

    def _deliver(self, items: list[Json]) -> None:
        for item in items:
            for choice in item["choices"]:
                text = (choice.get("delta") or {}).get("content")
                if choice.get("index", 0) == 0 and isinstance(text, str):
                    self._exchange.log.delivered.append(text)

    def _remember(self, data: bytes) -> None:
        """Keeps the text of an event that nobody judges, as far as it has one, for the record."""
        with suppress(orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
            event = orjson.loads(data)
            self.failed |= bool(event.get("error"))
            self._deliver([event])


async def events(exchange: Exchange, reply: Reply, context: Interaction) -> AsyncIterator[bytes]:
    """The events of a streamed answer, framed."""
    answer, log = Answer(exchange, context), exchange.log
    recorded = False
    try:
        try:
            ready = getattr(reply.events, "ready", list)
            async for data in reply.events:
                batch = [data, *ready()]
                out = answer.pass_on(batch) if answer.passes else await answer.take(batch)
                if not exchange.is_free:
                    await exchange.free()
                if out:
                    yield b"".join(map(frame, out))
                if answer.error is not None:
                    raise answer.error
                if answer.done or answer.stopped:
                    break
            log.error = answer.fault
        except UpstreamError as error:
            log.error = f"{error.kind}: {error}"
        for item in await answer.end(broken=log.error is not None):
            yield frame(item)
        answer.note()
        recorded = True
        yield await _last(exchange, answer)
    finally:
        # Also where the client went away: stop the model, and record what was delivered.
        await reply.events.aclose()
        if not recorded:
            answer.abandon()
            log.error = log.error or "the client went away"
            log.complete = False
            exchange.record_later()


async def _last(exchange: Exchange, answer: Answer) -> bytes:
    """Records the answer; then what tells the client how it ended."""
    error = exchange.log.error
    try:
        await exchange.record("error" if error else "answer")
    except EvidenceError:
        return frame(_broken("The answer could not be recorded.", "evidence_unavailable"))
    if error is not None and not answer.failed:
        kind = error.partition(":")[0]
        return frame(_broken(f"The model's answer broke off ({kind}).", kind))
    return frame(_DONE) if answer.done or answer.stopped else b""


def _broken(message: str, code: str) -> bytes:
    return orjson.dumps(wire.error(message, "server_error", code))
