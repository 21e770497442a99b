"""An answer that waits for a person: held as a case, and sent only as that person decides.

A client says how long it will wait (`prefer: wait=30`, RFC 7240); else, or after that, it gets a
message with the case's id and asks again later: the same question, or `GET /cases/{id}`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from remit.evidence import Case, State, new_id, stamp
from remit.gateway import own, wire
from remit.gateway.exchange import Exchange
from remit.gateway.said import WAITING, said
from remit.http.message import Response
from remit.layers.guard.delivery import Mark
from remit.layers.guard.inputs import spoken
from remit.layers.monitor.cases import APPROVAL, remind_at
from remit.models.base import UpstreamError
from remit.policy.answers import answer_text
from remit.types import Action, Failure, Json

WAIT_MOST = 600.0
_MINUTES = 60
_LOOK_SECONDS = 5.0
_BODY_MOST = 200_000
_WAIT = re.compile(r"\bwait\s*=\s*\"?(\d{1,6})", re.IGNORECASE)


def scores(exchange: Exchange) -> dict[str, float]:
    """The highest score of each rule on what the model wrote; 1 where a rule failed to answer."""
    found: dict[str, float] = {}
    for message, verdict in exchange.log.verdicts:
        if message < len(exchange.sent):
            continue
        for finding in verdict.findings:
            outcome = finding.outcome
            score = 1.0 if isinstance(outcome, Failure) else outcome.score
            found[finding.rule] = max(score, found.get(finding.rule, 0.0))
    return found


async def held(exchange: Exchange, body: bytes, rule: str) -> Response:
    """Holds a judged answer, of which nothing has left, for a person. Raises EvidenceError."""
    case = _case(exchange, orjson.loads(body), rule)
    await exchange.deployment.evidence.open_case(case)
    return await awaited(exchange, case)


async def awaited(exchange: Exchange, case: Case) -> Response:
    """What came of a case in the time that the client gives it."""
    exchange.log.waits = case.id
    try:
        case = await _decided(exchange, case, preferred_wait(exchange.headers))
    except asyncio.CancelledError:
        exchange.log.error, exchange.log.complete = "the client went away", False
        exchange.record_later()
        raise
    current = exchange.deployment.current.measures
    if current.killed:
        return await own.unreachable(exchange, UpstreamError("stopped", "the assistant stopped"))
    if case.state is State.OPEN or current.stops:
        return await _later(exchange, case)
    return await _delivered(exchange, case)


def preferred_wait(headers: Mapping[str, str]) -> float:
    """Seconds that a client waits for an answer, by its `prefer` header; 0 without one."""
    found = _WAIT.search(headers.get("prefer", ""))
    return min(float(found[1]), WAIT_MOST) if found else 0.0


async def _decided(exchange: Exchange, case: Case, seconds: float) -> Case:
    """The case once somebody has decided and nothing is paused, or as it is after so long.

    However many clients wait, each looks at its case when it is decided, and seldom else.
    """
    deployment = exchange.deployment
    current, deadline = deployment.current, time.monotonic() + seconds

    def over() -> bool:
        stops = current.measures.stops
        return current.measures.killed or (case.id in current.decided and not stops)

    while True:
        case = await asyncio.to_thread(deployment.evidence.case, case.id)
        left = deadline - time.monotonic()
        decided = case.state is not State.OPEN and not current.measures.stops
        if decided or left <= 0 or current.measures.killed:
            return case
        await current.until(over, min(left, _LOOK_SECONDS))


async def _later(exchange: Exchange, case: Case) -> Response:
    """The client is told that its answer is still to come."""
    policy = exchange.deployment.guard.policy
    text = said(WAITING, spoken(policy, exchange.turns), case.colleague)
    asynchronous = "respond-async" in exchange.headers.get("prefer", "").lower()
    return await own.answered(exchange, text, 202 if asynchronous else 200)


async def _delivered(exchange: Exchange, case: Case) -> Response:
    """The answer as a person let it go, on record before it leaves."""
    log = exchange.log
    body = completion_of(case, log.model, log.id.removeprefix("rct_"), exchange.created)
    text = exchange.news + case.answer
    log.delivered, log.complete = [text], case.outcome == "approved"
    if not log.complete:
        log.marks = (Mark(len(exchange.news), len(text), case.rule, "answer"),)
    prefixed(body, exchange.news)
    await exchange.record("answer" if log.complete else "refusal")
    if exchange.request.get("stream"):
        return own.as_stream(exchange, body)
    headers = [own.JSON, *exchange.response_headers(whole=True)]
    return Response(200, headers, orjson.dumps(body))


def completion_of(case: Case, model: str, number: str, created: int) -> Json:
    """A decided case as a completion: the model's own where it was approved as it was."""
    kept = case.question.get("body")
    if case.outcome == "approved" and isinstance(kept, str):
        body: Json = orjson.loads(kept)
        return body
    return wire.completion(case.answer, model, number, created, "stop")


def prefixed(body: Json, news: str) -> None:
    """Puts what a client is told first before the text of each choice."""
    if news:
        for choice in body["choices"]:
            message = choice["message"]
            message["content"] = news + (message.get("content") or "")


def _case(exchange: Exchange, body: Json, rule: str) -> Case:
    log, now = exchange.log, datetime.now(UTC)
    policy = log.policy
    minutes = exchange.deployment.measures.within_minutes or _MINUTES
    due = now + timedelta(minutes=minutes)
    draft = "\n\n".join(filter(None, (_text(choice["message"]) for choice in body["choices"])))
    question: dict[str, Any] = log.question(exchange.turns, draft)
    question["findings"] = {name: score for name, score in scores(exchange).items() if score > 0}
    whole = orjson.dumps(body)
    if len(whole) <= _BODY_MOST:
        question["body"] = whole.decode()
    about = policy.rule(rule) if rule else None
    owner = about.owner if about else policy.responsible.owner if policy.responsible else ""
    language = spoken(policy, exchange.turns)
    return Case(
        id=f"case_{new_id()}",
        time=stamp(now),
        due=stamp(due),
        rule=rule,
        owner=owner,
        colleague=policy.colleague.name,
        question=question,
        kind=APPROVAL,
        receipt=log.id,
        conversation=exchange.prints.now,
        remind=remind_at(now, due),
        fallback=answer_text(policy, about, Action.REPLACE, language),
        notify=log.client,
        subject=log.subject,
    )


def _text(message: Json) -> str:
    """What a person is shown of a choice: its text, and what it would call."""
    content = message.get("content")
    parts = [content] if isinstance(content, str) and content else []
    parts += [f"{holder.get('name', '')}({holder[key]})" for holder, key in wire.calls(message)]
    return "\n".join(parts)
