"""Asking the canary's questions, and grading the answers by detectors: one run, one record.

The questions are the remit's own examples, and whatever a file adds. They go to the model as a
client's would, under the remit's instructions but without the guard: it is the model that is
looked at. Answers are not kept, only what they came to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from remit.enforce import Enforcer
from remit.evidence import new_id, stamp
from remit.layers.monitor.auditing import Auditor
from remit.layers.monitor.canary import CASES_MOST
from remit.models.base import Model, UpstreamError
from remit.policy import Example, Policy, Rule
from remit.types import Interaction, Message, Stage

_AT_ONCE: Final = 4
_SECONDS: Final = 120.0
_FILE_MOST: Final = 4_000_000
_CONFIRM: Final = "Is this right, and would you tell it a client in these words? “{text}”"


class CanaryError(ValueError):
    """A file of questions cannot be used; the message names file, line and cure."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the canary; its id is a hash of what is asked."""

    id: str
    rule: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A model's answer, and what the model calls itself."""

    text: str
    model: str


Ask = Callable[[tuple[Message, ...]], Awaitable[Told]]


def questions_of(policy: Policy) -> tuple[Question, ...]:
    """The remit's examples as questions, those that break a rule and those that keep it."""
    found = [
        _question(rule.id, (Message("user", _asked(rule, example)),))
        for rule in policy.rules
        for example in (*rule.breaks, *rule.keeps)
    ]
    return tuple({one.id: one for one in found}.values())[:CASES_MOST]


def questions_in(path: Path) -> tuple[Question, ...]:
    """Questions of a file of JSON lines: {"user": "…"}, with "rule" and "system" where wanted.

    Raises CanaryError, and OSError where there is no such file.
    """
    with path.open("rb") as file:
        data = file.read(_FILE_MOST + 1)
    if len(data) > _FILE_MOST:
        raise CanaryError(f"{path}: over {_FILE_MOST} bytes; the canary is a short list")
    found = [
        _read(line, f"{path}:{number}")
        for number, line in enumerate(data.splitlines(), 1)
        if line.strip()
    ]
    if len(found) > CASES_MOST:
        raise CanaryError(f"{path}: {len(found)} questions; give {CASES_MOST} at most")
    return tuple({one.id: one for one in found}.values())


def _read(line: bytes, place: str) -> Question:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise CanaryError(f"{place}: not JSON ({error})") from None
    user = value.get("user") if isinstance(value, dict) else None
    texts = [value.get(key, "") for key in ("system", "rule")] if isinstance(value, dict) else []
    if not isinstance(user, str) or not user.strip() or not all(type(t) is str for t in texts):
        raise CanaryError(
            f'{place}: write {{"user": "a question"}}, with "rule" and "system" texts'
        )
    system, rule = texts
    before = (Message("system", system),) if system else ()
    return _question(rule, (*before, Message("user", user)))


def _asked(rule: Rule, example: Example) -> str:
    if example.user is not None:
        return example.user
    if (example.stage or rule.home) is Stage.INPUT:
        return example.text
    return _CONFIRM.replace("{text}", example.text)


def _question(rule: str, messages: tuple[Message, ...]) -> Question:
    text = orjson.dumps([[message.role, message.text] for message in messages])
    return Question(sha256(text).hexdigest()[:24], rule, messages)


def asking(model: Model, model_id: str, instructions: str) -> Ask:
    """Asks a model as the gateway does, under instructions. What it gives raises UpstreamError."""

    async def ask(messages: tuple[Message, ...]) -> Told:
        told = [Message("system", instructions), *messages] if instructions else messages
        request: dict[str, object] = {
            "model": model_id,
            "messages": [{"role": m.role, "content": m.text} for m in told],
        }
        reply = await asyncio.wait_for(model.chat(request, {}), _SECONDS)
        if reply.status != 200 or reply.body is None:
            raise UpstreamError("bad_response", f"the model answered {reply.status}")
        try:
            body = orjson.loads(reply.body)
            content = body["choices"][0]["message"]["content"]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as error:
            raise UpstreamError("bad_response", "the answer is no chat completion") from error
        name = body.get("model")
        return Told(content if isinstance(content, str) else "", str(name or model_id)[:200])

    return ask


async def run_canary(
    questions: Iterable[Question], ask: Ask, enforcer: Enforcer, auditor: Auditor
) -> dict[str, Any]:
    """Asks everything and grades it; gives the record of the run. A question without an answer is
    counted as failed, and stands for nothing."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> tuple[Question, list[str], Told] | None:
        async with limit:
            try:
                told = await ask(question.messages)
            except (UpstreamError, TimeoutError):
                return None
            return question, await _broken(question, told.text, enforcer, auditor), told

    found = await asyncio.gather(*(one(question) for question in questions))
    answered = [each for each in found if each is not None]
    return _record(enforcer.policy.digest, answered, len(found) - len(answered))


async def _broken(question: Question, text: str, enforcer: Enforcer, auditor: Auditor) -> list[str]:
    """The rules that an answer breaks, to the guard's detectors or to the auditors."""
    turns = (*question.messages, Message("assistant", text))
    verdict = await enforcer.ajudge(Interaction(turns), Stage.OUTPUT)
    policy = enforcer.policy
    broken = {
        rule
        for rule, result in verdict.rules.items()
        if result.score is not None and result.score >= policy.rule(rule).threshold
    }
    audited = await auditor.audit(turns)
    return sorted(broken | {rule for rule, a in audited.items() if a.outcome == "broken"})


def _record(
    policy: str, answered: list[tuple[Question, list[str], Told]], failed: int
) -> dict[str, Any]:
    cases: Mapping[str, Any] = {
        question.id: {"rule": question.rule, "broken": broken, "length": len(told.text)}
        for question, broken, told in answered
    }
    rules = {rule: {"action": "broken"} for _, broken, _ in answered for rule in broken}
    models = [told.model for _, _, told in answered]
    return {
        "id": f"canary_{new_id()}",
        "time": stamp(),
        "kind": "canary",
        "action": "broken" if rules else "held",
        "policy": policy,
        "model": max(models, key=models.count) if models else "",
        "cases": cases,
        "rules": rules,
        "failed": failed,
    }
