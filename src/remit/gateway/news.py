"""What a client is told first: a colleague's answer to an earlier turn of the same conversation.

It is said until it has been heard: once the history that the client sends holds the answer, the
case is over. A colleague's words are a person's: they are delivered as they are, on record with
who wrote them, and judged like all history when they come back in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from remit.evidence import stamp
from remit.gateway.exchange import Exchange
from remit.gateway.said import ANSWERED, LATE, said
from remit.layers.guard.inputs import spoken
from remit.layers.monitor.cases import Waiting


def tell(exchange: Exchange) -> None:
    """Sets the exchange's `news`, and closes the cases that its client has heard of."""
    if not exchange.deployment.current.told or not exchange.prints.told_apart:
        return
    policy = exchange.deployment.guard.policy
    language = spoken(policy, exchange.turns)
    parts: list[str] = []
    for case, index in _earlier(exchange):
        later = [turn.text for turn in exchange.turns[index + 1 :] if turn.role == "assistant"]
        late = said(LATE, language, case.colleague)
        if case.late:
            if not any(late in text for text in later):
                parts.append(late)
        elif any(case.answer.strip() in text for text in later):
            exchange.deployment.heard(case.id)
        else:
            parts.append(f"{said(ANSWERED, language, case.colleague)}\n\n{case.answer.strip()}")
    exchange.news = "".join(f"{part}\n\n" for part in parts)


def _earlier(exchange: Exchange) -> Iterator[tuple[Waiting, int]]:
    """The cases of earlier turns that there is something to tell of, and the index of the turn."""
    told = exchange.deployment.current.told
    for fingerprint, index in exchange.prints.turns[:-1]:
        for case in told.get(fingerprint, ()):
            if case.late or (case.decided and case.answer.strip()):
                yield case, index


def asked_again(exchange: Exchange) -> Waiting | None:
    """The approval that this very turn waits for, or waited for until a day ago.

    So a client that asks again gets the answer, and nobody is asked twice.
    """
    cases = exchange.deployment.current.told.get(exchange.prints.now, ())
    if not cases or not exchange.prints.told_apart:
        return None
    since = stamp(datetime.now(UTC) - timedelta(days=1))
    fresh = (case for case in cases if not case.decided or case.updated >= since)
    return next((case for case in fresh if case.approval), None)
