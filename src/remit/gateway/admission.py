"""Whether a request is served at all: the assistant stopped, paused, throttled, or speaking."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from remit.evidence import stamp
from remit.gateway import wire
from remit.gateway.exchange import Exchange
from remit.gateway.own import JSON, NO_RETRY, answered
from remit.http.message import Response
from remit.layers.monitor.measures import Said

# Seconds: how soon a client may ask whether a pause is over, and how long it waits at most.
_SOONEST, _LATEST = 5, 300
_STOPPED = "This assistant has been stopped by those responsible for it, and answers nobody."
_PAUSED = "This assistant is paused by those responsible for it; try again later."
_NO_FALLBACK = (
    "Another model is to serve this assistant, and there is none: those responsible must start "
    "the gateway with --fallback, or end the intervention."
)
_BUSY = "This assistant takes fewer requests for now; try again shortly."


async def turned_away(exchange: Exchange) -> Response | None:
    """The answer to a request that is not served; None where it is."""
    deployment, measures = exchange.deployment, exchange.deployment.measures
    if measures.killed:
        return _unavailable(exchange, _STOPPED, "assistant_stopped", None)
    if measures.paused is not None:
        if measures.paused.value:
            return await answered(exchange, measures.paused.value)
        return _unavailable(exchange, _PAUSED, "assistant_paused", measures.paused)
    if deployment.lacks_fallback:
        return _unavailable(exchange, _NO_FALLBACK, "no_fallback", measures.fallback)
    wait = deployment.current.throttled()
    if wait:
        error = wire.error(_BUSY, "rate_limit_error", "assistant_throttled")
        headers = [JSON, ("retry-after", str(int(wait) + 1)), *_why(exchange)]
        return Response(429, headers, orjson.dumps(error))
    return None


def _unavailable(exchange: Exchange, text: str, code: str, said: Said | None) -> Response:
    headers = [JSON, NO_RETRY, *_why(exchange)]
    if said is not None:
        headers.append(("retry-after", str(_seconds_to(said.until))))
    return Response(503, headers, orjson.dumps(wire.error(text, "server_error", code)))


def _why(exchange: Exchange) -> list[tuple[str, str]]:
    return [("x-remit-interventions", ", ".join(exchange.deployment.in_force)[:1000])]


def _seconds_to(until: str) -> int:
    """Until a time as `stamp()` writes it, within bounds: it may be over before, or go on."""
    now = datetime.now(UTC)
    if not until or until <= stamp(now):
        return _LATEST if not until else _SOONEST
    left = (datetime.fromisoformat(until) - now).total_seconds()
    return int(min(max(left, _SOONEST), _LATEST))
