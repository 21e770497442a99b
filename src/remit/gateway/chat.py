"""One chat request: judged, prompted, answered, judged again, recorded, delivered."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from remit.evidence import EvidenceError
from remit.gateway import wire
from remit.gateway.deployment import Deployment
from remit.gateway.reply import Reply, judged_reply, refused
from remit.gateway.streaming import events
from remit.http.message import Response
from remit.layers.guard import GuardedInput, Log
from remit.layers.guard.receipt import context_of
from remit.layers.guard.turns import newest_turn
from remit.models.base import UpstreamError
from remit.models.sse import frame
from remit.types import Action, Json, Message, Stage

_JSON = ("content-type", "application/json")
_STREAM_HEADERS = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)
# What an official client must not repeat by itself: the refusal would be the same.
_NO_RETRY = ("x-should-retry", "false")
_STATUS = {"timeout": 504, "connect": 502}


@dataclass(slots=True)
class Exchange:
    """One request on its way: the remit it is under, and what is known so far."""

    deployment: Deployment
    request: Json
    headers: Mapping[str, str]
    log: Log
    told: Callable[[Log], None]
    turns: tuple[Message, ...] = ()
    sent: tuple[Message, ...] = ()

    @property
    def created(self) -> int:
        """Now, in Unix seconds, as the format wants it."""
        return int(time.time())

    def response_headers(self, *, whole: bool) -> list[tuple[str, str]]:
        """The receipt in headers: what is known by now. A stream's answer is still to come."""
        log, deployment = self.log, self.deployment
        headers = [
            ("x-remit-receipt", log.id),
            ("x-remit-policy", log.policy.digest),
        ]
        read = {verdict.stage for _, verdict in log.verdicts}
        checked = [told for stage, told in deployment.asked.items() if stage in read]
        if checked:
            headers.append(("x-remit-checked", "; ".join(checked)))
        if whole:
            headers.append(("x-remit-action", log.action.word))
        if log.case is not None:
            headers.append(("x-remit-case", log.case.id))
        if log.unchecked:
            headers.append(("x-remit-unchecked", ", ".join(log.unchecked)[:1000]))
        return headers

    async def record(self, kind: str = "answer") -> None:
        """Puts the receipt on the disk. Raises EvidenceError."""
        record = self.log.record(self.turns, kind)
        self.told(self.log)
        await self.deployment.keep(record, self.log.case)

    def record_later(self) -> None:
        """Queues the receipt of an answer that nobody waits for any more."""
        self.told(self.log)
        self.deployment.keep_later(self.log.record(self.turns), self.log.case)


async def chat(
    deployment: Deployment,
    body: bytes,
    headers: Mapping[str, str],
    told: Callable[[Log], None],
) -> Response:
    """Answers `POST /v1/chat/completions`. Raises RequestError for what cannot be served,
    EvidenceError where nothing can be recorded.

    `told` is called with the log of every answer that was given.
    """
    request = wire.parse_request(body)
    log = Log(deployment.guard.enforcer, str(request.get("model", "")), deployment.upstream)
    exchange = Exchange(deployment, request, headers, log, told, wire.turns(request["messages"]))
    _refuse_media(exchange)
    await deployment.prove()
    if deployment.asks_input:
        given = await _judged_input(exchange)
        if given.answer is not None:
            return await _answered(exchange, given.answer)
        request["messages"] = _passed(request["messages"], given)
    exchange.sent = given.messages if deployment.asks_input else exchange.turns
    _instruct(exchange)
    try:
        reply = await deployment.model.chat(request, headers)
    except UpstreamError as error:
        return await _unreachable(exchange, error)
    if reply.events is not None:
        return await _streamed(exchange, Reply.of(reply))
    return await _whole(exchange, Reply.of(reply))


def _refuse_media(exchange: Exchange) -> None:
    """A rule cannot read pictures, sound or files: refuse them, or own up in the receipt."""
    deployment, request = exchange.deployment, exchange.request
    found = wire.media(request["messages"]) if deployment.asks_input else []
    modalities = request.get("modalities")
    if deployment.asks_output and isinstance(modalities, list) and "audio" in modalities:
        found.append("modalities.audio")
    if not found:
        return
    if deployment.guard.policy.delivery.media == "refuse":
        raise wire.RequestError(
            f"{found[0]} cannot be checked against the rules of this assistant; send text, "
            "or let the owner set delivery: {media: pass}",
            "unchecked_content",
            found[0],
        )
    exchange.log.unchecked += found


async def _judged_input(exchange: Exchange) -> GuardedInput:
    guard, log = exchange.deployment.guard, exchange.log
    enforcer = guard.enforcer
    if any(enforcer.slow(stage) or enforcer.heavy(stage) for stage in (Stage.INPUT, Stage.TOOL)):
        given = await guard.ainput(exchange.turns)
    else:
        given = guard.input(exchange.turns)
    log.newest = newest_turn(exchange.turns)
    for index, verdict in given.judged.items():
        log.note(index, verdict)
    return given


def _passed(messages: list[Json], given: GuardedInput) -> list[Json]:
    if not given.masked and not given.withheld:
        return messages
    passed = []
    for index, message in enumerate(messages):
        if index in given.withheld:
            passed.append(wire.withheld(message, given.withheld[index]))
        elif index in given.masked:
            passed.append(wire.with_masks(message, given.masked[index]))
        else:
            passed.append(message)
    return passed


def _instruct(exchange: Exchange) -> None:
    """Puts the remit's instructions before all others."""
    instructions = exchange.deployment.instructions
    if instructions.text:
        message = {"role": "system", "content": instructions.text}
        exchange.request["messages"] = [message, *exchange.request["messages"]]
        exchange.sent = (Message("system", instructions.guarded), *exchange.sent)


async def _answered(exchange: Exchange, text: str) -> Response:
    """Remit's own answer: the model was not asked."""
    log, policy = exchange.log, exchange.log.policy
    log.delivered, log.complete = [text], False
    await exchange.record("refusal")
    refused = log.action is Action.BLOCK
    if refused and policy.delivery.refusal == "error":
        error = wire.error(text, "invalid_request_error", "content_filter")
        headers = [_JSON, _NO_RETRY, *exchange.response_headers(whole=True)]
        return Response(400, headers, orjson.dumps(error))
    finish = "content_filter" if refused else "stop"
    model, number = log.model, log.id.removeprefix("rct_")
    if not exchange.request.get("stream"):
        body = wire.completion(text, model, number, exchange.created, finish)
        headers = [_JSON, *exchange.response_headers(whole=True)]
        return Response(200, headers, orjson.dumps(body))
    created = exchange.created
    chunks = [
        wire.chunk({"role": "assistant", "content": text}, model, number, created),
        wire.chunk({}, model, number, created, finish),
    ]
    body_bytes = b"".join(frame(orjson.dumps(c)) for c in chunks) + frame(b"[DONE]")
    headers = [*_STREAM_HEADERS, *exchange.response_headers(whole=True)]
    return Response(200, headers, stream=_once(body_bytes))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _whole(exchange: Exchange, reply: Reply) -> Response:
    log = exchange.log
    if reply.status >= 400 or not exchange.deployment.asks_reply:
        log.error = f"upstream answered {reply.status}" if reply.status >= 400 else None
        log.delivered = [reply.text()]
        await exchange.record("error" if log.error else "answer")
        headers = [*reply.headers, *exchange.response_headers(whole=True)]
        return Response(reply.status, headers, reply.body)
    try:
        body = await judged_reply(exchange.deployment, exchange.sent, reply, log)
    except UpstreamError as error:
        return await _unreachable(exchange, error)
    await exchange.record()
    blocked = log.action is Action.BLOCK and not log.complete
    if blocked and log.policy.delivery.refusal == "error":
        error_body = wire.error(refused(body), "invalid_request_error", "content_filter")
        headers = [_JSON, _NO_RETRY, *exchange.response_headers(whole=True)]
        return Response(400, headers, orjson.dumps(error_body))
    headers = [*reply.headers, *exchange.response_headers(whole=True)]
    return Response(reply.status, headers, body)


async def _streamed(exchange: Exchange, reply: Reply) -> Response:
    headers = [*_STREAM_HEADERS, *reply.headers, *exchange.response_headers(whole=False)]
    headers = list(dict(headers).items())
    context = context_of(exchange.sent, exchange.deployment.canaries)
    return Response(reply.status, headers, stream=events(exchange, reply, context))


async def _unreachable(exchange: Exchange, error: UpstreamError) -> Response:
    """The model gave no answer: said plainly, recorded, and left to the client to try again."""
    log = exchange.log
    log.error, log.delivered, log.complete = f"{error.kind}: {error}", [], False
    await exchange.record("error")
    body = wire.error(f"The model could not be reached ({error.kind}).", "server_error", error.kind)
    headers = [_JSON, *exchange.response_headers(whole=True)]
    return Response(_STATUS.get(error.kind, 502), headers, orjson.dumps(body))


def failed(error: EvidenceError) -> Response:
    """No record, no answer: nothing leaves that could not be proved later."""
    body: dict[str, Any] = wire.error(
        "The answer could not be recorded and is withheld; try again shortly.",
        "server_error",
        "evidence_unavailable",
    )
    return Response(503, [_JSON], orjson.dumps(body))
