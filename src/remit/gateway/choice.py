"""One choice of a streamed answer: each of its texts followed, its tool calls held until whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remit.gateway import wire
from remit.gateway.calls import Calls
from remit.gateway.reply import own_up, readable
from remit.layers.guard import Stream
from remit.layers.guard.delivery import Mark
from remit.models.base import UpstreamError
from remit.types import Action, Interaction, Json, Stage

if TYPE_CHECKING:
    from remit.gateway.exchange import Exchange


class Choice:
    """One choice. `stopped` once a rule blocks it, `finished` once its end is delivered."""

    def __init__(self, exchange: Exchange, context: Interaction) -> None:
        self._exchange = exchange
        self._context = context
        self._streams: dict[str, Stream] = {}
        self._calls = Calls()
        self._length = 0
        self._answer: tuple[Mark, ...] = ()
        self.draft = ""  # what a rule withheld, for the person who takes over
        self.stopped = False
        self.finished = False

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Where Remit wrote in the delivered content."""
        content = self._streams.get("content")
        return (*(content.marks if content is not None else ()), *self._answer)

    async def take(self, choice: Json) -> bool:
        """Puts what may be delivered now in the place of the choice's texts.

        False where nothing of the choice is left to deliver. Sets `stopped` on a block. Raises
        UpstreamError where the choice holds what no rule can read.
        """
        deployment, log = self._exchange.deployment, self._exchange.log
        own_up(deployment, log, choice, wire.CHOICE_FIELDS)
        # Token probabilities repeat the text word for word, ahead of what is held back.
        if choice.get("logprobs"):
            choice["logprobs"] = None
        delta = choice.get("delta")
        if delta is None:
            return True
        if not isinstance(delta, dict):
            raise UpstreamError("bad_response", "the model sent a delta that is no object")
        own_up(deployment, log, delta, wire.MESSAGE_FIELDS)
        held = False
        for name in wire.REPLY_FIELDS:
            text = readable(deployment, log, delta, name)
            if text:
                delta[name] = await self.feed(name, text)
                held |= not delta[name]
        if self._cut or deployment.asks_tools:
            held |= self._calls.take(delta)
        return not held or any(delta.values()) or bool(choice.get("finish_reason"))

    @property
    def _cut(self) -> bool:
        """True once a rule has ended the choice for the client, in whichever text."""
        return any(not stream.complete for stream in self._streams.values())

    async def feed(self, name: str, text: str) -> str:
        """What may be delivered of a text now, with this piece of it. Sets `stopped` on a block."""
        over = self._cut
        stream = self._streams.get(name)
        if stream is None:
            guard = self._exchange.deployment.guard
            stream = self._streams[name] = guard.follow(self._context)
        out = await stream.afeed(text)
        self.stopped |= stream.blocked
        if over and stream.complete:
            return ""  # read all the same: a graver rule may yet decide
        if name == "content":
            self._length += len(out)
        return out

    async def finish(self) -> tuple[Json, Action]:
        """The last delta: what was held back, the rule's words, the judged tool calls."""
        self.finished = True
        log = self._exchange.log
        delta: Json = {}
        stops: list[tuple[Action, bool, str]] = []
        for name, stream in self._streams.items():
            delta[name] = await stream.afinish()
            verdict = stream.verdict
            assert verdict is not None  # noqa: S101  `afinish` was awaited
            log.note(len(self._exchange.sent), verdict)
            if not stream.complete:
                stops.append((verdict.action, name == "content", name))
        if stops:
            action, _, name = max(stops)
            self.draft = self._streams[name].text
            delta = {"content": self._words(name, delta[name])}
        else:
            action = await self._add_calls(delta)
        if action.stops:
            log.complete = False
        return {name: value for name, value in delta.items() if value}, action

    def _words(self, name: str, text: str) -> str:
        """The last of a stopped text with the rule's words. They stand in the content, always."""
        if name == "content":
            return text
        mark = self._streams[name].marks[-1]
        words = text[mark.start - mark.end :]
        self._mark(0, words, mark.rule)
        return words

    def _mark(self, after: int, words: str, rule: str) -> None:
        start = self._length + after
        self._answer = (Mark(start, start + len(words), rule, "answer"),)

    def abandon(self) -> None:
        """Judges what was read of the texts, where nobody waits for the end any more."""
        guard, log = self._exchange.deployment.guard, self._exchange.log
        for stream in () if guard.enforcer.slow(Stage.OUTPUT) else self._streams.values():
            stream.finish()
            if stream.verdict is not None:
                log.note(len(self._exchange.sent), stream.verdict)
            if not stream.complete:
                self.draft = stream.text

    async def _add_calls(self, delta: Json) -> Action:
        """Adds the calls to the last delta, or a rule's words where it stops one of them."""
        guard, log = self._exchange.deployment.guard, self._exchange.log
        calls = self._calls.whole()
        for holder, key in wire.calls(calls):
            guarded = await guard.atool_call(
                self._context.before, str(holder.get("name", "")), holder[key]
            )
            log.note(len(self._exchange.sent), guarded.verdict)
            if not guarded.complete:
                text = delta.get("content", "")
                self._mark(len(text), guarded.text, guarded.verdict.decisive_rules[0])
                self.draft = f"{holder.get('name', '')}({holder[key]})"
                delta["content"] = text + guarded.text
                return guarded.action
            holder[key] = guarded.text
        delta.update(calls)
        return Action.ALLOW
