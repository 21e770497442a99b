"""Client programs told of their cases, at the address that stands in the key file and no other.

What is sent is signed by the Standard Webhooks scheme (standardwebhooks.com, version 1): headers
`webhook-id`, `webhook-timestamp` and `webhook-signature`. It is sent at least once: a worker that
is killed while it sends leaves it to another, a minute later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import orjson

from remit.evidence import Case, CaseError, Database, Evidence, EvidenceError, stamp
from remit.gateway.current import Current
from remit.gateway.desk import for_client
from remit.gateway.keys import Key
from remit.layers.monitor.alerts.signing import signed
from remit.models.base import UpstreamError
from remit.models.http import Client, ClientLimits

EVERY: Final = 1.0
_DAYS: Final = 7  # after which it is not sent any more; the answer is still to be fetched
_LEASE_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 3_600.0
_AT_ONCE: Final = 50
_DONE: Final = "9999-12-31T23:59:59.999Z"
_LIMITS = ClientLimits(connect_seconds=5, first_byte_seconds=10, between_bytes_seconds=10)
_WAITING: Final = (
    "SELECT cases.id, state.value FROM cases"
    " LEFT JOIN state ON state.key = 'notify/' || cases.id"
    " WHERE cases.state = 'answered' AND cases.updated >= ?"
    " AND (state.updated IS NULL OR state.updated <= ?)"
)
_LOG: Final = logging.getLogger("remit.gateway")


@dataclass(frozen=True, slots=True)
class _Turn:
    """The right to send what is to be said of a case, until a time; or that it is done."""

    case: str
    tries: int
    until: str

    def apply(self, database: Database) -> None:
        """Takes it. Raises CaseError while another worker has it, or has sent it."""
        taken = database.execute(
            "INSERT INTO state (key, value, updated) VALUES (?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET value = excluded.value, updated = excluded.updated"
            " WHERE state.updated <= ? OR ? = ?",
            (f"notify/{self.case}", str(self.tries), self.until, stamp(), self.until, _DONE),
        )
        if taken.rowcount != 1:
            raise CaseError(f"case {self.case}: another worker tells of it")


class Notifier:
    """Tells the programs that hold these keys, until cancelled."""

    def __init__(self, evidence: Evidence, keys: Iterable[Key], current: Current) -> None:
        self._evidence = evidence
        self._keys = {key.name: key for key in keys if key.notify}
        self._current = current

    async def run(self) -> None:
        """Looks for what is to be told each second; more seldom for what could not be told."""
        while self._keys:
            await asyncio.sleep(EVERY)
            with suppress(EvidenceError):
                await self.step()

    async def step(self) -> None:
        """Tells what is to be told now. While the assistant is paused, that is nothing."""
        if self._current.measures.stops:
            return
        for case, tries in await asyncio.to_thread(self._waiting):
            with suppress(CaseError):
                wait = min(_LEASE_SECONDS * 2**tries, _LONGEST_SECONDS)
                until = stamp(datetime.now(UTC) + timedelta(seconds=wait))
                await self._evidence.alter(_Turn(case, tries + 1, until))
                await self._tell(await asyncio.to_thread(self._evidence.case, case))

    def _waiting(self) -> list[tuple[str, int]]:
        names = sorted(self._keys)
        since = stamp(datetime.now(UTC) - timedelta(days=_DAYS))
        marks = ", ".join("?" * len(names))
        rows = self._evidence.rows(
            f"{_WAITING} AND cases.notify IN ({marks}) ORDER BY cases.updated LIMIT ?",
            (since, stamp(), *names, _AT_ONCE),
        )
        return [(case, int(tries or 0)) for case, tries in rows]

    async def _tell(self, case: Case) -> None:
        key = self._keys[case.notify]
        told = for_client(case, self._current.measures)
        body = orjson.dumps({"type": "case.answered", "timestamp": stamp(), "data": told})
        error = await _sent(key, f"{case.id}/answered", body)
        if error is not None:
            _LOG.warning("key %s: case %s could not be told (%s)", key.name, case.id, error)
            return
        await self._evidence.alter(_Turn(case.id, 0, _DONE))
        record = {"id": f"{case.id}/told", "time": stamp(), "kind": "alert", "action": "sent"}
        await self._evidence.append({**record, "channel": "webhook", "to": key.name})


async def _sent(key: Key, id: str, body: bytes) -> str | None:
    """Why it could not be sent; None where the program took it (a status from 200 to 299)."""
    parts = urlsplit(key.notify)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    proof = signed(key.notify_secret, id, int(time.time()), body)
    headers = [("content-type", "application/json"), *proof.items()]
    try:
        async with Client(f"{parts.scheme}://{parts.netloc}", limits=_LIMITS) as client:
            response = await client.request("POST", path, headers, body)
            await response.close()
    except (UpstreamError, ValueError) as error:
        return str(error)
    return None if 200 <= response.status < 300 else f"status {response.status}"
