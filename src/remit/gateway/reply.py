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
from remit.types import Action, Json, Message


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
    before = log.action
    changed = False
    for choice, message in zip(choices, messages, strict=True):
        changed |= await _judge_texts(deployment, sent, choice, message, log)
        changed |= await _judge_calls(deployment, sent, choice, message, log)
    if not changed and log.action <= max(before, Action.FLAG):
        return reply.body
    for choice in choices:
        # Token probabilities repeat the text word for word.
        if choice.get("logprobs"):
            choice["logprobs"] = None
    return orjson.dumps(body)


async def _judge_texts(
    deployment: Deployment, sent: Sequence[Message], choice: Json, message: Json, log: Log
) -> bool:
    changed = False
    for name in wire.REPLY_FIELDS:
        text = message.get(name)
        if not isinstance(text, str) or not text:
            continue
        guarded = await _judge(deployment, sent, text)
        log.note(len(sent), guarded.verdict)
        if name == "content":
            log.marks = guarded.marks
            log.drafts.append(text)
        if guarded.text == text:
            if name == "content":
                log.delivered.append(text)
            continue
        changed = True
        message[name] = guarded.text
        if name == "content":
            log.delivered.append(guarded.text)
        if not guarded.complete:
            _stop(choice, message, guarded, name, log)
            break
    return changed


async def _judge(deployment: Deployment, sent: Sequence[Message], text: str) -> Guarded:
    turns = (*sent, Message("assistant", text))
    return await deployment.guard.aoutput(turns, canaries=deployment.canaries)


def _stop(choice: Json, message: Json, guarded: Guarded, name: str, log: Log) -> None:
    """After a stop nothing else of the choice is delivered."""
    log.complete = False
    for other in wire.REPLY_FIELDS:
        if other != name and message.get(other):
            message[other] = None
    message.pop("tool_calls", None)
    message.pop("function_call", None)
    if name != "content":
        message["content"], message[name] = guarded.text, None
        log.delivered = [guarded.text]
    choice["finish_reason"] = finish_reason(guarded.action)


async def _judge_calls(
    deployment: Deployment, sent: Sequence[Message], choice: Json, message: Json, log: Log
) -> bool:
    if not deployment.asks_tools:
        return False
    changed = False
    for function in list(wire.calls(message)):
        guarded = await deployment.guard.atool_call(
            sent, str(function.get("name", "")), function["arguments"]
        )
        log.note(len(sent), guarded.verdict)
        if not guarded.complete:
            log.delivered.append(guarded.text)
            message["content"] = guarded.text
            _stop(choice, message, guarded, "content", log)
            return True
        if guarded.text != function["arguments"]:
            function["arguments"] = guarded.text
            changed = True
    return changed


def finish_reason(action: Action) -> str:
    """A block is a content filter; a rule's own words are an answer like any other."""
    return "content_filter" if action is Action.BLOCK else "stop"
