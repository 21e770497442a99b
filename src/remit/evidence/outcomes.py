"""How an append ended, on its way back to whoever waits: in an event loop or in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Sequence
from typing import Any, Final

from remit.evidence.chain import Entry
from remit.evidence.record import EvidenceError

AnyFuture = asyncio.Future[Any] | concurrent.futures.Future[Any]
Outcome = Entry | EvidenceError | None

_LOG: Final = logging.getLogger("remit.evidence")


def settle(futures: Sequence[AnyFuture], outcomes: Sequence[Outcome]) -> None:
    """Resolves the futures, with one call into each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[AnyFuture, Outcome]]] = {}
    for future, outcome in zip(futures, outcomes, strict=True):
        if isinstance(future, asyncio.Future):
            loops.setdefault(future.get_loop(), []).append((future, outcome))
        else:
            _resolve([(future, outcome)])
    for loop, pairs in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, pairs)
        except RuntimeError:
            # The loop is closed: nobody waits any more, and the entries are safe.
            _LOG.debug("event loop closed before %d entries were confirmed", len(pairs))


def _resolve(pairs: Sequence[tuple[AnyFuture, Outcome]]) -> None:
    for future, outcome in pairs:
        if future.done():
            continue  # the caller gave up waiting
        if isinstance(outcome, EvidenceError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
