"""A model's whole answer, judged: every text of every choice, and every tool call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from remit.gateway import wire
from remit.gateway.deployment import Deployment
from remit.layers.guard import Guarded, Log
from remit.models import base
from remit.models.base import UpstreamError
from remit.types import Action, Interaction, Json, Message


@dataclass(slots=True)
class Reply:
    """A model's reply with its headers ready to be sent on."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    events: Any = None

    @classmethod
    def of(cls, reply: base.Reply) -> Reply:
        """From a model's reply. A whole one without a content type is JSON."""
        headers = list(reply.headers.items())
        if reply.events is None and "content-type" not in reply.headers:
            headers.append(("content-type", "application/json"))
        return cls(reply.status, headers, reply.body or b"", reply.events)

    def text(self) -> str:
        """The first choice's content, as far as there is one; for the record."""
        try:
            content = orjson.loads(self.body)["choices"][0]["message"]["content"]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            return ""
        return content if isinstance(content, str) else ""


async def judged_reply(
    deployment: Deployment, sent: Sequence[Message], reply: Reply, log: Log
) -> bytes:
    """The answer as it may be delivered. Raises UpstreamError where it is no completion."""
    try:
        body = orjson.loads(reply.body)
        choices = body["choices"]
        messages = [choice["message"] for choice in choices]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UpstreamError("bad_response", "the model's answer is no chat completion") from error
    if not all(isinstance(message, dict) for message in messages):
        raise UpstreamError("bad_response", "the model's answer holds a choice without a message")
    log.usage = wire.usage(body)
    before = log.action
    changed = False
    for number, (choice, message) in enumerate(zip(choices, messages, strict=True)):
        whole = _Choice(deployment, sent, log, choice, message, is_first=number == 0)
        changed |= await whole.judge()
    if not changed and log.action <= max(before, Action.FLAG):
        return reply.body
    for choice in choices:
        # Token probabilities repeat the text word for word.
        if choice.get("logprobs"):
            choice["logprobs"] = None
    return orjson.dumps(body)


@dataclass(slots=True)
class _Choice:
    """One choice of a whole answer. What the record tells of a text is the first choice's."""

    deployment: Deployment
    sent: Sequence[Message]
    log: Log
    choice: Json
    message: Json
    is_first: bool

    async def judge(self) -> bool:
        """Puts what may be delivered in the place of what the model wrote. True on a change."""
        own_up(self.deployment, self.log, self.choice, wire.CHOICE_FIELDS)
        own_up(self.deployment, self.log, self.message, wire.MESSAGE_FIELDS)
        changed = False
        for name in wire.REPLY_FIELDS:
            text = readable(self.deployment, self.log, self.message, name)
            if not text:
                continue
            guarded = await self._judged(text)
            if name == "content":
                self._tell(guarded)
            if not guarded.complete:
                self._stop(guarded, text)
                return True
            changed |= guarded.text != text
            self.message[name] = guarded.text
        return await self._judge_calls() or changed

    async def _judged(self, text: str) -> Guarded:
        turns = (*self.sent, Message("assistant", text))
        context = Interaction(turns, "", (), self.deployment.canaries)
        guarded = await self.deployment.guard.ajudge(context)
        self.log.note(len(self.sent), guarded.verdict)
        return guarded

    def _tell(self, guarded: Guarded) -> None:
        if self.is_first:
            self.log.delivered, self.log.marks = [guarded.text], guarded.marks

    async def _judge_calls(self) -> bool:
        if not self.deployment.asks_tools:
            return False
        changed = False
        for holder, key in list(wire.calls(self.message)):
            name = str(holder.get("name", ""))
            guarded = await self.deployment.guard.atool_call(self.sent, name, holder[key])
            self.log.note(len(self.sent), guarded.verdict)
            if not guarded.complete:
                self._stop(guarded, f"{name}({holder[key]})")
                return True
            changed |= guarded.text != holder[key]
            holder[key] = guarded.text
        return changed

    def _stop(self, guarded: Guarded, draft: str) -> None:
        """The rule's words are all that is left of a choice that was stopped."""
        self.log.drafts.append(draft)
        for name in (*wire.REPLY_FIELDS, "tool_calls", "function_call"):
            if self.message.get(name):
                self.message[name] = None
        self.message["content"] = guarded.text
        self.choice["finish_reason"] = finish_reason(guarded.action)
        self.log.complete = False
        self._tell(guarded)


def refused(body: bytes) -> str:
    """The rule's words in an answer of which a choice is blocked."""
    choices = orjson.loads(body)["choices"]
    blocked = (c["message"] for c in choices if c["finish_reason"] == "content_filter")
    return str(next(blocked)["content"])


def own_up(deployment: Deployment, log: Log, holder: Json, known: frozenset[str]) -> None:
    """Fields that no rule reads pass through, and the receipt says so."""
    if deployment.asks_output:
        for name in wire.unread(holder, known):
            if f"reply.{name}" not in log.unchecked:
                log.unchecked.append(f"reply.{name}")


def readable(deployment: Deployment, log: Log, holder: Json, name: str) -> str:
    """A text of the reply; empty where there is none.

    Raises UpstreamError where it is no text (a list of parts, say) and the remit's `media` does
    not let it pass.
    """
    value = holder.get(name)
    if isinstance(value, str):
        return value
    if value and deployment.asks_output:
        if deployment.guard.policy.delivery.media == "refuse":
            raise UpstreamError("bad_response", f"the model's {name} is no text to be checked")
        own_up(deployment, log, {name: value}, frozenset())
    return ""


def finish_reason(action: Action) -> str:
    """A block is a content filter; a rule's own words are an answer like any other."""
    return "content_filter" if action is Action.BLOCK else "stop"
