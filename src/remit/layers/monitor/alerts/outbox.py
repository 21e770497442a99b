"""Messages wait in the record's state until they are taken: a kill loses none of them.

At least once: where a process dies between sending and noting it, the message goes again under the
same id. One alarm is one message to each receiver, however often it is found.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from remit.evidence import Case, Database, Evidence, EvidenceError, new_id, stamp
from remit.layers.monitor.alarms import Alarm
from remit.layers.monitor.alerts.message import Message, of_alarm, of_case, restored
from remit.layers.monitor.alerts.ways import MailServer, UnsentError, send
from remit.policy import Policy
from remit.policy.monitoring import Alert

FIRST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 3600.0
GIVE_UP: Final = timedelta(days=3)
FORGOTTEN: Final = timedelta(days=90)
"""How long it is remembered that a message went out, so that it does not go again."""

LOOK_SECONDS: Final = 1.0
MOST: Final = 100
"""Messages that are looked at in one go."""

_PREFIX: Final = "alert/"
_LOG: Final = logging.getLogger("remit.monitor")


@dataclass(frozen=True, slots=True)
class _Queued:
    key: str
    value: Mapping[str, Any]
    now: str

    def apply(self, database: Database) -> None:
        """Puts a message into the outbox, unless it is or was there."""
        database.execute(
            "INSERT INTO state (key, value, updated) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (self.key, orjson.dumps(self.value).decode(), self.now),
        )
        before = stamp(datetime.now(UTC) - FORGOTTEN)
        database.execute(
            "DELETE FROM state WHERE key LIKE ? AND value = ? AND updated < ?",
            (f"{_PREFIX}%", "{}", before),
        )


@dataclass(frozen=True, slots=True)
class _Noted:
    key: str
    value: Mapping[str, Any]
    now: str

    def apply(self, database: Database) -> None:
        """Writes down how far a message has come."""
        database.execute(
            "UPDATE state SET value = ?, updated = ? WHERE key = ?",
            (orjson.dumps(self.value).decode(), self.now, self.key),
        )


class Alerts:
    """Tells the receivers that a remit names. A `Notice` of the monitor.

    `secrets` are values of environment variables by name. `run` sends while `leads` says so: of
    several processes over one record, one.
    """

    def __init__(
        self,
        evidence: Evidence,
        *,
        secrets: Mapping[str, str] | None = None,
        mail: MailServer | None = None,
        console: str = "",
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._evidence = evidence
        self._secrets = dict(secrets or {})
        self._mail = mail
        self._console = console
        self._leads = leads

    async def __call__(self, alarm: Alarm, policy: Policy) -> None:
        """Queues what is to be told of an alarm. Raises EvidenceError."""
        await self.tell(of_alarm(alarm, policy, self._console), policy)

    async def of_case(self, case: Case, policy: Policy, *, overdue: bool) -> None:
        """Queues that a case waits, or waited too long. Raises EvidenceError."""
        await self.tell(of_case(case, policy, self._console, overdue=overdue), policy)

    async def tell(self, message: Message, policy: Policy) -> None:
        """Queues a message to every receiver of a remit. Raises EvidenceError."""
        now = stamp()
        for alert in policy.monitor.alerts if policy.monitor else ():
            way = alert.model_dump(exclude_none=True)
            place = sha256(orjson.dumps(way, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
            waiting = {"way": way, "message": message.as_dict(), "tries": 0, "due": now}
            waiting["since"] = now
            await self._evidence.alter(_Queued(f"{_PREFIX}{message.id}/{place}", waiting, now))

    async def run(self) -> None:
        """Sends until cancelled. Trouble with the record is logged, and tried again."""
        while True:
            if self._leads():
                try:
                    await self.flush()
                except EvidenceError as error:
                    _LOG.warning("alerts: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def flush(self, now: datetime | None = None) -> int:
        """Sends what is due; how many were taken. Raises EvidenceError."""
        moment = now or datetime.now(UTC)
        waiting = await asyncio.to_thread(self._waiting)
        due = [(key, value) for key, value in waiting if value["due"] <= stamp(moment)]
        return sum(await asyncio.gather(*(self._try(key, v, moment) for key, v in due)))

    def _waiting(self) -> list[tuple[str, dict[str, Any]]]:
        # What is done keeps its key and loses its message.
        rows = self._evidence.rows(
            "SELECT key, value FROM state WHERE key LIKE ? AND value <> ? ORDER BY updated LIMIT ?",
            (f"{_PREFIX}%", "{}", MOST),
        )
        return [(key, value) for key, text in rows if (value := orjson.loads(text))]

    async def _try(self, key: str, value: dict[str, Any], now: datetime) -> bool:
        message = restored(value["message"])
        alert = Alert.model_validate(value["way"])
        tries = value["tries"] + 1
        try:
            await send(alert, message, self._secrets, self._mail)
        except UnsentError as error:
            if not error.final and now - datetime.fromisoformat(value["since"]) < GIVE_UP:
                wait = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (tries - 1))
                due = stamp(now + timedelta(seconds=wait))
                later = {**value, "tries": tries, "due": due, "why": str(error)}
                await self._evidence.alter(_Noted(key, later, stamp()))
                return False
            _LOG.error("alert %s: not sent: %s", message.id, error)
            await self._done(key, message, alert, tries, str(error))
            return False
        await self._done(key, message, alert, tries, "")
        return True

    async def _done(
        self, key: str, message: Message, alert: Alert, tries: int, failed: str
    ) -> None:
        rule = message.data.get("rule")
        record = {
            "id": f"alert_{new_id()}",
            "time": stamp(),
            "kind": "alert",
            "action": "failed" if failed else "sent",
            "alarm": message.id,
            "by": next(way for way in ("webhook", "email", "slack", "url_env") if _is(alert, way)),
            "tries": tries,
            **({"rule": rule} if rule else {}),
            **({"why": failed} if failed else {}),
        }
        await self._evidence.change(record, _Noted(key, {}, stamp()))


def _is(alert: Alert, way: str) -> bool:
    return getattr(alert, way) is not None
