"""The guard as a library: input, output, tool calls and results, whole or streaming.

>>> guard = Guard.load("remit.yaml")
>>> guard.output([{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]).text
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from remit.detectors.registry import Registry
from remit.enforce import Enforcer, compile_policy, run
from remit.layers.guard.delivery import Mark
from remit.layers.guard.inputs import GuardedInput, guarded_input, to_mask, words
from remit.layers.guard.stream import Guarded, Stream
from remit.layers.guard.tools import call_text, masked_arguments
from remit.layers.guard.turns import Turn, as_turns, stage_of
from remit.policy import Policy, load
from remit.types import Action, Interaction, Message, Stage, Verdict


class Guard:
    """A remit, enforced. Safe to share between threads and tasks."""

    def __init__(self, enforcer: Enforcer) -> None:
        self._enforcer = enforcer

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        kinds: Registry | None = None,
        models: Mapping[str, Any] | None = None,
        cache: Path | None = None,
    ) -> Guard:
        """Reads and compiles a remit. Raises PolicyError, naming file, line and cure.

        `models` are the judges by name; `cache` a folder that keeps compiled patterns between
        starts, which makes the next one faster.
        """
        return cls(compile_policy(load(path), kinds, models, cache))

    def prepare(self) -> None:
        """Compiles now what the first text would otherwise wait for."""
        stages = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)
        matchers = [asked.matcher for stage in stages for asked in self._enforcer.asked(stage)]
        ready = [prepare for m in matchers if (prepare := getattr(m, "prepare", None))]
        # The compiler works outside Python's lock.
        with ThreadPoolExecutor(max(1, len(ready))) as pool:
            for done in [pool.submit(prepare) for prepare in ready]:
                done.result()

    @property
    def policy(self) -> Policy:
        """The remit."""
        return self._enforcer.policy

    @property
    def enforcer(self) -> Enforcer:
        """The compiled flow."""
        return self._enforcer

    # --- input ------------------------------------------------------------------------------

    def input(self, messages: Sequence[Turn]) -> GuardedInput:
        """Judges everything the client sent; the last turns decide, earlier ones are withheld.

        A message of an earlier turn that a rule stops does not end the conversation again: it
        is taken out of what the model sees.
        """
        if self._enforcer.slow(Stage.INPUT) or self._enforcer.slow(Stage.TOOL):
            return run(self.ainput(messages))  # type: ignore[no-any-return]
        turns = as_turns(messages)
        stages = [stage_of(turn) for turn in turns]
        return guarded_input(
            self.policy,
            turns,
            {
                index: self._enforcer.judge(Interaction(turns[: index + 1]), stage)
                for index, stage in enumerate(stages)
            },
        )

    async def ainput(self, messages: Sequence[Turn]) -> GuardedInput:
        """As `input`, without blocking the event loop."""
        turns = as_turns(messages)
        judged = {}
        for index, turn in enumerate(turns):
            interaction = Interaction(turns[: index + 1])
            judged[index] = await self._enforcer.ajudge(interaction, stage_of(turn))
        return guarded_input(self.policy, turns, judged)

    # --- output -----------------------------------------------------------------------------

    def output(
        self,
        messages: Sequence[Turn],
        *,
        confidential: Sequence[str] = (),
        canaries: Sequence[str] = (),
    ) -> Guarded:
        """Judges the last message, the assistant's, in the light of those before.

        `confidential` are texts that were given to the assistant in confidence, `canaries`
        markers planted in its instructions; rules with `echo` keep both from coming out.
        """
        context = Interaction(as_turns(messages), "", tuple(confidential), tuple(canaries))
        if self._enforcer.slow(Stage.OUTPUT):
            return run(self.ajudge(context))  # type: ignore[no-any-return]
        return self._judge(context)

    def _judge(self, context: Interaction) -> Guarded:
        verdict = self._enforcer.judge(context, Stage.OUTPUT)
        if verdict.action <= Action.FLAG:
            return Guarded(context.judged, verdict)
        stream = self._stream(context)
        text = stream.feed(context.judged) + stream.finish()
        return _guarded(stream, text)

    async def aoutput(
        self,
        messages: Sequence[Turn],
        *,
        confidential: Sequence[str] = (),
        canaries: Sequence[str] = (),
    ) -> Guarded:
        """As `output`, without blocking the event loop."""
        context = Interaction(as_turns(messages), "", tuple(confidential), tuple(canaries))
        return await self.ajudge(context)

    async def ajudge(self, context: Interaction) -> Guarded:
        """As `output`, for a conversation whose last message is the assistant's."""
        if not self._enforcer.slow(Stage.OUTPUT):
            if self._enforcer.heavy(Stage.OUTPUT):
                return await asyncio.to_thread(self._judge, context)
            return self._judge(context)
        stream = self._stream(context)
        text = await stream.afeed(context.judged) + await stream.afinish()
        return _guarded(stream, text)

    # --- streams ----------------------------------------------------------------------------

    def follow(self, context: Interaction) -> Stream:
        """A stream of your own to feed; the context's last message is the one to come."""
        return self._stream(context)

    def stream(
        self,
        messages: Sequence[Turn],
        chunks: Iterable[str],
        *,
        confidential: Sequence[str] = (),
        canaries: Sequence[str] = (),
    ) -> Iterator[str]:
        """Delivers a reply as it is checked. `messages` are those before the reply.

        Stops taking chunks once a rule blocks.
        """
        stream = self._stream(_context(messages, confidential, canaries))
        for chunk in chunks:
            if out := stream.feed(chunk):
                yield out
            if stream.blocked:
                break
        if out := stream.finish():
            yield out

    async def astream(
        self,
        messages: Sequence[Turn],
        chunks: AsyncIterable[str],
        *,
        confidential: Sequence[str] = (),
        canaries: Sequence[str] = (),
    ) -> AsyncIterator[str]:
        """As `stream`, for asynchronous chunks."""
        stream = self._stream(_context(messages, confidential, canaries))
        async for chunk in chunks:
            if out := await stream.afeed(chunk):
                yield out
            if stream.blocked:
                break
        if out := await stream.afinish():
            yield out

    def _stream(self, context: Interaction) -> Stream:
        return Stream(self._enforcer, context)

    # --- tools ------------------------------------------------------------------------------

    def tool_call(self, messages: Sequence[Turn], name: str, arguments: str) -> Guarded:
        """Judges a tool call's arguments (JSON text); masked ones are still JSON.

        Where a rule stops the call, `text` is the rule's words and `complete` is False.
        """
        turns = (*as_turns(messages), Message("assistant", call_text(arguments), name))
        verdict = self._enforcer.judge(Interaction(turns), Stage.TOOL)
        return self._call(turns, arguments, verdict)

    async def atool_call(self, messages: Sequence[Turn], name: str, arguments: str) -> Guarded:
        """As `tool_call`, without blocking the event loop."""
        turns = (*as_turns(messages), Message("assistant", call_text(arguments), name))
        verdict = await self._enforcer.ajudge(Interaction(turns), Stage.TOOL)
        return self._call(turns, arguments, verdict)

    def _call(self, turns: tuple[Message, ...], arguments: str, verdict: Verdict) -> Guarded:
        if verdict.action <= Action.FLAG:
            return Guarded(arguments, verdict)
        if verdict.action is Action.REDACT:
            masked = masked_arguments(arguments, to_mask(verdict))
            if masked is not None:
                return Guarded(masked, verdict)
        rule = verdict.decisive_rules[0]
        told = words(self.policy, turns, rule, verdict.action)
        return Guarded(told, verdict, (Mark(0, len(told), rule, "answer"),), complete=False)

    def tool_result(self, messages: Sequence[Turn], text: str) -> Guarded:
        """Judges a tool's result before the model reads it."""
        return run_result(self, self.input([*messages, Message("tool", text)]))

    async def atool_result(self, messages: Sequence[Turn], text: str) -> Guarded:
        """As `tool_result`, without blocking the event loop."""
        return run_result(self, await self.ainput([*messages, Message("tool", text)]))


def run_result(guard: Guard, given: GuardedInput) -> Guarded:
    """The last message of a guarded input, as one guarded text."""
    verdict = given.judged[len(given.messages) - 1]
    if verdict.action.stops and given.answer is not None:
        return Guarded(given.answer, verdict, complete=False)
    return Guarded(given.messages[-1].text, verdict, complete=not verdict.action.stops)


def _guarded(stream: Stream, text: str) -> Guarded:
    assert stream.verdict is not None  # noqa: S101  `finish` was called
    return Guarded(text, stream.verdict, stream.marks, stream.complete)


def _context(
    messages: Sequence[Turn], confidential: Sequence[str], canaries: Sequence[str]
) -> Interaction:
    turns = (*as_turns(messages), Message("assistant", ""))
    return Interaction(turns, "", tuple(confidential), tuple(canaries))
