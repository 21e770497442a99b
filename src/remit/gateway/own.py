"""What Remit says itself: a rule's words, a person's, or that there is no answer and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from remit.evidence import EvidenceError
from remit.gateway import wire
from remit.gateway.exchange import Exchange
from remit.http.message import Response
from remit.models.base import UpstreamError
from remit.models.sse import frame
from remit.types import Action, Json

JSON = ("content-type", "application/json")
STREAM_HEADERS = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)
# What an official client must not repeat by itself: the refusal would be the same.
NO_RETRY = ("x-should-retry", "false")
_STATUS = {"timeout": 504, "connect": 502, "stopped": 503}


async def answered(exchange: Exchange, text: str, status: int = 200) -> Response:
    """Remit's own answer: the model was not asked, or what it wrote is not delivered."""
    log, policy = exchange.log, exchange.log.policy
    text = exchange.news + text
    log.delivered, log.complete = [text], False
    await exchange.record("refusal")
    refused = log.action is Action.BLOCK
    if refused and policy.delivery.refusal == "error":
        return blocked(exchange, text)
    finish = "content_filter" if refused else "stop"
    number = log.id.removeprefix("rct_")
    body = wire.completion(text, log.model, number, exchange.created, finish)
    if not exchange.request.get("stream"):
        headers = [JSON, *exchange.response_headers(whole=True)]
        return Response(status, headers, orjson.dumps(body))
    return as_stream(exchange, body, status)


def blocked(exchange: Exchange, text: str) -> Response:
    """A block, for clients that are to see an error."""
    error = wire.error(text, "invalid_request_error", "content_filter")
    headers = [JSON, NO_RETRY, *exchange.response_headers(whole=True)]
    return Response(400, headers, orjson.dumps(error))


def as_stream(exchange: Exchange, body: Json, status: int = 200) -> Response:
    """A whole answer for a client that asked for a stream; it is on record already."""
    usage = exchange.request.get("stream_options")
    with_usage = isinstance(usage, dict) and bool(usage.get("include_usage"))
    chunks = wire.chunks(body, with_usage=with_usage)
    data = b"".join(frame(orjson.dumps(chunk)) for chunk in chunks) + frame(b"[DONE]")
    headers = [*STREAM_HEADERS, *exchange.response_headers(whole=True)]
    return Response(status, headers, stream=_once(data))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def unreachable(exchange: Exchange, error: UpstreamError) -> Response:
    """The model gave no answer: said plainly, recorded, and left to the client to try again."""
    log = exchange.log
    log.error, log.delivered, log.complete = f"{error.kind}: {error}", [], False
    await exchange.record("error")
    said = f"The model could not be reached ({error.kind})."
    if error.kind == "stopped":
        said = "The assistant was stopped while it answered."
    body = wire.error(said, "server_error", error.kind)
    headers = [JSON, *exchange.response_headers(whole=True)]
    return Response(_STATUS.get(error.kind, 502), headers, orjson.dumps(body))


def failed(error: EvidenceError) -> Response:
    """No record, no answer: nothing leaves that could not be proved later."""
    body: dict[str, Any] = wire.error(
        "The answer could not be recorded and is withheld; try again shortly.",
        "server_error",
        "evidence_unavailable",
    )
    return Response(503, [JSON], orjson.dumps(body))
