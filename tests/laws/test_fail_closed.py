"""Law 2: a failed, slow, absent or miscounting detector never reads as clean."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

import remit.enforce
from remit.detectors.base import Reading
from remit.detectors.registry import registry
from remit.enforce import compile_policy
from remit.layers.guard import Guard
from remit.policy import loads
from remit.types import CLEAN, Action, Detection, Failure, Interaction, Message, Span, Stage

TEXT = "An ordinary answer of some words, that breaks no rule at all."


@dataclass
class Broken:
    """A kind that answers whatever it was told to, or raises it."""

    answer: Any
    name: str = "broken"
    settled: Any = None
    binds: bool = True
    quiet: dict[str, int] = field(default_factory=dict)

    def parse(self, config):
        return config

    def compile(self, uses, setting):
        return self

    def bind(self, context):
        if not self.binds:
            raise KeyError("no context")
        return self

    def read(self, text, *, final=True):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return Reading(self.answer, len(text.raw) if self.settled is None else self.settled)


@dataclass
class BrokenSlow:
    """The same, waiting."""

    answer: Any
    name: str = "broken"
    seconds: float = 0

    def parse(self, config):
        return config

    def compile(self, uses, setting):
        return _Asks(self.answer, self.seconds)


@dataclass
class _Asks:
    answer: Any
    seconds: float

    async def ask(self, text, context):
        await asyncio.sleep(self.seconds)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def guard(kind, *, then="flag", on_failure="block"):
    remit = f"""\
remit: 1
organisation: H
responsible: {{owner: P}}
rules:
  - id: rule
    says: s
    because: b
    owner: o
    detect: [broken]
    on_failure: {on_failure}
    then: {{output: {then}, input: {then}, tool: {then}}}
"""
    return Guard(compile_policy(loads(remit), registry([kind], plugins=False)))


ANSWERS = {
    "it raises": RuntimeError("boom"),
    "it recurses without end": RecursionError("deep"),
    "no answers": (),
    "two answers for one": (CLEAN, CLEAN),
    "nothing": None,
    "an answer that is nothing": (None,),
    "an answer of another type": (0.0,),
    "a failure": (Failure("down"),),
    "a score that is no number": (Detection(float("nan")),),
    "a score over one": (Detection(1.5),),
    "a score under zero": (Detection(-1.0),),
    "a score that is text": (Detection("low"),),
    "a span outside the text": (Detection(0.9, (Span(3, 10_000),)),),
    "a span of nothing": (Detection(0.9, (Span(3, 3),)),),
    "a span before the text": (Detection(0.9, (Span(-5, 3),)),),
}


def verdicts(guarding: Guard):
    """The action on the same text by every way there is."""
    before = [{"role": "user", "content": "Hello"}]
    reply = {"role": "assistant", "content": TEXT}
    stream = guarding.follow(Interaction((Message("assistant", ""),)))
    delivered = "".join([stream.feed(char) for char in TEXT]) + stream.finish()
    assert TEXT not in delivered or stream.verdict.action < Action.REPLACE
    yield stream.verdict.action
    yield guarding.output([*before, reply]).action
    yield guarding.tool_call(before, "send", '{"a": "b"}').action
    yield guarding.input([{"role": "user", "content": TEXT}]).action
    yield guarding.enforcer.judge(Interaction((Message("user", TEXT),)), Stage.OUTPUT).action


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("kind", [Broken, BrokenSlow])
def test_a_broken_detector_blocks(kind, answer):
    assert set(verdicts(guard(kind(answer)))) == {Action.BLOCK}


def test_a_detector_that_cannot_take_the_conversation_blocks():
    assert set(verdicts(guard(Broken((CLEAN,), binds=False)))) == {Action.BLOCK}


@pytest.mark.parametrize("kind", [Broken, BrokenSlow])
@pytest.mark.parametrize("word", ["allow", "flag", "replace", "hand_over", "block"])
def test_on_failure_is_what_the_owner_wrote(kind, word):
    actions = set(verdicts(guard(kind(RuntimeError("boom")), on_failure=word)))
    assert {action.word for action in actions} == {word}


@pytest.mark.parametrize("kind", [Broken, BrokenSlow])
def test_a_failure_that_would_be_redacted_blocks(kind):
    assert set(verdicts(guard(kind(RuntimeError("x")), on_failure="redact"))) == {Action.BLOCK}


@pytest.mark.parametrize("kind", [Broken, BrokenSlow])
def test_redacting_with_nothing_to_mask_blocks(kind):
    assert set(verdicts(guard(kind((Detection(0.9),)), then="redact"))) == {Action.BLOCK}


def test_a_detector_that_never_answers_blocks(monkeypatch):
    monkeypatch.setattr(remit.enforce, "PATIENCE", 0.02)
    slow = guard(BrokenSlow((CLEAN,), seconds=30))
    assert slow.output([{"role": "assistant", "content": TEXT}]).action is Action.BLOCK


def test_a_reader_that_settles_beyond_the_text_does_not_skip_any():
    eager = guard(Broken((CLEAN,), settled=10**9))
    assert set(verdicts(eager)) == {Action.ALLOW}


def test_a_judged_reply_is_not_begun_because_a_milder_rule_had_cut_it_further_on():
    remit = """\
remit: 1
organisation: H
responsible: {owner: P}
rules:
  - {id: slow, says: s, because: b, owner: o, detect: [broken], then: {output: hand_over}}
  - id: fast
    says: s
    because: b
    owner: o
    detect: [{phrases: [no rule]}]
    then: {output: replace}
"""
    kinds = registry([BrokenSlow((Detection(1.0),))], plugins=False)
    delivered = Guard(compile_policy(loads(remit), kinds)).output(
        [{"role": "assistant", "content": TEXT}]
    )
    assert delivered.action is Action.HAND_OVER
    assert "ordinary" not in delivered.text


def test_a_matching_text_with_too_many_candidates_is_a_failure():
    remit = """\
remit: 1
organisation: H
responsible: {owner: P}
rules:
  - {id: rule, says: s, because: b, owner: o, detect: [{pattern: 'a'}], then: {output: flag}}
"""
    guarding = Guard(compile_policy(loads(remit)))
    context = Interaction((Message("assistant", "a" * 300_000),))
    verdict = guarding.enforcer.judge(context, Stage.OUTPUT)
    assert verdict.action is Action.BLOCK
    assert "candidates" in verdict.rules["rule"].failure
