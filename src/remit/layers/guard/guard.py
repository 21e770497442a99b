"""The guard as a library: input, output, tool calls and results, whole or streaming.

>>> guard = Guard.load("remit.yaml")
>>> guard.output([{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]).text
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remit.detectors.registry import Registry
from remit.enforce import Enforcer, compile_policy, run
from remit.layers.guard.delivery import Mark, Masked, answer_text, language_of, mask_whole
from remit.layers.guard.stream import Guarded, Stream
from remit.layers.guard.tools import call_text, masked_arguments
from remit.policy import Policy, load
from remit.types import Action, Interaction, Message, Stage, Verdict

Turn = Message | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GuardedInput:
    """What may go to the model: the messages with their masks, or the answer in their place.

    `answer` is set where a rule stops the conversation before the model is asked. `judged` holds
    the verdict on each message, by index; `masked` the spans that were masked in it, `withheld`
    what stands in the place of a message that was taken out.
    """

    messages: tuple[Message, ...]
    judged: Mapping[int, Verdict]
    action: Action
    answer: str | None = None
    decisive: str = ""
    masked: Mapping[int, tuple[Masked, ...]] = field(default_factory=dict)
    withheld: Mapping[int, str] = field(default_factory=dict)


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
        stages = [_stage(turn) for turn in turns]
        return self._input(
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
            judged[index] = await self._enforcer.ajudge(interaction, _stage(turn))
        return self._input(turns, judged)

    def _input(self, turns: tuple[Message, ...], judged: Mapping[int, Verdict]) -> GuardedInput:
        if all(verdict.action <= Action.FLAG for verdict in judged.values()):
            action = max((v.action for v in judged.values()), default=Action.ALLOW)
            return GuardedInput(turns, judged, action)
        newest = newest_turn(turns)
        masked: dict[int, tuple[Masked, ...]] = {}
        withheld: dict[int, str] = {}
        worst, decisive = Action.ALLOW, ""
        for index, verdict in judged.items():
            if verdict.action is Action.REDACT:
                masked[index] = tuple(_to_mask(verdict))
            elif verdict.action.stops and _withholds(turns[index], index, newest, verdict):
                withheld[index] = f"[withheld by rule {verdict.decisive_rules[0]}]"
            elif verdict.action.stops and verdict.action > worst:
                decisive = verdict.decisive_rules[0]
            if index >= newest or verdict.action is Action.REDACT:
                worst = max(worst, verdict.action)
        passed = tuple(
            Message(turn.role, _passed(turn.text, masked.get(i), withheld.get(i)), turn.name)
            for i, turn in enumerate(turns)
        )
        answer = self._words(turns, decisive, worst) if decisive else None
        return GuardedInput(passed, judged, worst, answer, decisive, masked, withheld)

    def _words(self, turns: Sequence[Message], rule: str, action: Action) -> str:
        return answer_text(self.policy, self.policy.rule(rule), action, self.language(turns))

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
        return Stream(self._enforcer, context, self.language(context.messages))

    def language(self, turns: Sequence[Message]) -> str:
        """The language to answer in: that of the client's last message."""
        languages = self.policy.assistant.languages if self.policy.assistant else ("en",)
        last = next((t.text for t in reversed(turns) if t.role == "user"), "")
        return language_of(last, languages) if len(languages) > 1 else languages[0]

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
            masked = masked_arguments(arguments, _to_mask(verdict))
            if masked is not None:
                return Guarded(masked, verdict)
        rule = verdict.decisive_rules[0]
        words = self._words(turns, rule, verdict.action)
        return Guarded(words, verdict, (Mark(0, len(words), rule, "answer"),), complete=False)

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


def as_turns(messages: Sequence[Turn]) -> tuple[Message, ...]:
    return tuple(m if isinstance(m, Message) else _message(m) for m in messages)


def _message(value: Mapping[str, Any]) -> Message:
    return Message(
        str(value.get("role", "user")),
        content_text(value.get("content")),
        str(value.get("name") or ""),
    )


def content_text(content: object) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = (p.get("text") for p in content if isinstance(p, Mapping))
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _stage(turn: Message) -> Stage:
    return Stage.TOOL if turn.role in ("tool", "function") else Stage.INPUT


def newest_turn(turns: Sequence[Message]) -> int:
    """The index after the last message of the assistant: from there on all is new."""
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "assistant" and index < len(turns) - 1:
            return index + 1
    return 0


def _withholds(turn: Message, index: int, newest: int, verdict: Verdict) -> bool:
    """True where the message is taken out instead of ending the conversation."""
    is_result = _stage(turn) is Stage.TOOL and verdict.action is Action.REPLACE
    return index < newest or is_result


def _passed(text: str, masked: tuple[Masked, ...] | None, withheld: str | None) -> str:
    if withheld is not None:
        return withheld
    return mask_whole(text, list(masked))[0] if masked else text


def _to_mask(verdict: Verdict) -> list[Masked]:
    return [
        Masked(span, rule)
        for rule, result in verdict.rules.items()
        if result.action is Action.REDACT
        for span in result.spans
    ]
