"""One chat request: judged, prompted, answered, judged again, recorded, delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from remit.gateway import wire
from remit.gateway.admission import turned_away
from remit.gateway.approval import awaited, held, prefixed, scores
from remit.gateway.deployment import Deployment
from remit.gateway.exchange import Exchange
from remit.gateway.news import asked_again, tell
from remit.gateway.own import STREAM_HEADERS, answered, as_stream, blocked, unreachable
from remit.gateway.reply import Reply, judged_reply, refused
from remit.gateway.streaming import events
from remit.http.message import Response
from remit.layers.guard import GuardedInput, Log
from remit.layers.guard.receipt import context_of
from remit.layers.guard.turns import newest_turn
from remit.models.base import UpstreamError
from remit.types import Action, Json, Message, Stage


async def chat(
    deployment: Deployment,
    body: bytes,
    headers: Mapping[str, str],
    told: Callable[[Log], None],
    client: str = "",
) -> Response:
    """Answers `POST /v1/chat/completions`. Raises RequestError for what cannot be served,
    EvidenceError where nothing can be recorded.

    `told` is called with the log of every answer that was given; `client` names the key it was
    asked with.
    """
    exchange = Exchange.of(deployment, wire.parse_request(body), headers, told, client)
    no = await turned_away(exchange)
    if no is not None:
        return no
    _refuse_media(exchange)
    await deployment.prove()
    waits = asked_again(exchange)
    if waits is not None:
        case = await asyncio.to_thread(deployment.evidence.case, waits.id)
        return await awaited(exchange, case)
    tell(exchange)
    given = await _judged_input(exchange) if deployment.asks_input else None
    if given is not None and given.answer is not None:
        return await answered(exchange, given.answer)
    if deployment.measures.reply is not None:
        return await answered(exchange, deployment.measures.reply.value)
    if given is not None:
        exchange.request["messages"] = _passed(exchange.request["messages"], given)
    exchange.sent = given.messages if given is not None else exchange.turns
    _instruct(exchange)
    return await _asked(exchange)


async def _asked(exchange: Exchange) -> Response:
    """The model's answer, as it may be delivered."""
    deployment = exchange.deployment
    whole = deployment.measures.whole or bool(exchange.news)
    request = exchange.request
    if deployment.asks_for:
        request["model"] = exchange.log.model = deployment.asks_for
    if whole and request.get("stream"):
        unstreamed = {k: v for k, v in request.items() if k != "stream_options"}
        request = {**unstreamed, "stream": False}
        exchange.unstreamed = True
    try:
        reply = Reply.of(await deployment.model.chat(request, exchange.headers))
        if reply.events is not None and whole:
            await reply.events.aclose()
            raise UpstreamError("bad_response", "the model sent a stream where none was asked for")
        if reply.events is not None:
            return await _streamed(exchange, reply)
        if reply.status >= 400 or not (whole or deployment.asks_reply):
            return await _passed_on(exchange, reply)
        return await _whole(exchange, reply, request)
    except UpstreamError as error:
        return await unreachable(exchange, error)


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


async def _passed_on(exchange: Exchange, reply: Reply) -> Response:
    """A whole answer that nobody judges, or the model's own error."""
    log = exchange.log
    log.error = f"upstream answered {reply.status}" if reply.status >= 400 else None
    log.delivered = [reply.text()]
    await exchange.free()
    await exchange.record("error" if log.error else "answer")
    headers = [*reply.headers, *exchange.response_headers(whole=True)]
    return Response(reply.status, headers, reply.body)


async def _whole(exchange: Exchange, reply: Reply, request: Json) -> Response:
    """A whole answer, judged; asked for again where a measure says so; held where one does."""
    measures, before = exchange.deployment.measures, exchange.log
    for attempt in range(1 + max(measures.regenerate.values(), default=0)):
        log = exchange.log = _afresh(before)
        body = await judged_reply(exchange.deployment, exchange.sent, reply, log)
        if log.complete or attempt >= measures.repeats(log.decisive()):
            break
        fresh = Reply.of(await exchange.deployment.model.chat(request, exchange.headers))
        if fresh.status >= 400 or fresh.events is not None:
            break
        before.regenerated.append(log.decisive())
        reply = fresh
    rule = _waits(exchange, body)
    if rule is not None:
        return await held(exchange, body, rule)
    return await _delivered(exchange, reply, body)


def _afresh(log: Log) -> Log:
    """The log of a new attempt: what was known before the model was asked."""
    return replace(
        log, verdicts=[*log.verdicts], unchecked=[*log.unchecked], delivered=[], drafts=[]
    )


def _waits(exchange: Exchange, body: bytes) -> str | None:
    """The rule for which the answer waits for a person. What is all a rule's words never does."""
    measures, log = exchange.deployment.measures, exchange.log
    if not measures.approve:
        return None
    if log.drafts and len(log.drafts) >= len(orjson.loads(body)["choices"]):
        return None
    return measures.waits(scores(exchange))


async def _delivered(exchange: Exchange, reply: Reply, body: bytes) -> Response:
    log = exchange.log
    if exchange.news:
        log.shift(exchange.news)
        value = orjson.loads(body)
        prefixed(value, exchange.news)
        body = orjson.dumps(value)
    await exchange.free()
    await exchange.record()
    if log.action is Action.BLOCK and not log.complete and log.policy.delivery.refusal == "error":
        return blocked(exchange, refused(body))
    if exchange.unstreamed:
        return as_stream(exchange, orjson.loads(body), reply.status)
    headers = [*reply.headers, *exchange.response_headers(whole=True)]
    return Response(reply.status, headers, body)


async def _streamed(exchange: Exchange, reply: Reply) -> Response:
    headers = [*STREAM_HEADERS, *reply.headers, *exchange.response_headers(whole=False)]
    headers = list(dict(headers).items())
    context = context_of(exchange.sent, exchange.deployment.canaries)
    return Response(reply.status, headers, stream=events(exchange, reply, context))
