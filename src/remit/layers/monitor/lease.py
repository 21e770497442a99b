"""Which process follows the record: one at a time, by a lease that it must keep renewing.

Two that both believe to lead, for a moment, do no harm: each writes down its numbers together with
how far it has followed, so whichever is kept is right. The lease only spares the work.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from remit.evidence import CaseError, Database, Evidence, stamp

SECONDS: Final = 6.0
"""How long a process leads without renewing; after kill -9 another takes over within this."""

RENEW_SECONDS: Final = 2.0
_KEY: Final = "monitor/leader"


class HeldError(CaseError):
    """Another process leads."""


@dataclass(frozen=True, slots=True)
class _Claim:
    holder: str
    now: datetime
    seconds: float

    def apply(self, database: Database) -> None:
        """Takes the lease, or renews it. Raises HeldError."""
        moment = stamp(self.now)
        until = stamp(self.now + timedelta(seconds=self.seconds))
        mine = orjson.dumps([self.holder, until]).decode()
        row = database.execute("SELECT value FROM state WHERE key = ?", (_KEY,)).fetchone()
        if row is None:
            made = database.execute(
                "INSERT INTO state (key, value, updated) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO NOTHING",
                (_KEY, mine, moment),
            )
        else:
            holder, held_until = _read(row[0])
            if holder != self.holder and held_until > moment:
                raise HeldError(f"the monitor: {holder} leads until {held_until}")
            # Only over what was read: of two that see one lease end, one takes it.
            made = database.execute(
                "UPDATE state SET value = ?, updated = ? WHERE key = ? AND value = ?",
                (mine, moment, _KEY, row[0]),
            )
        if made.rowcount != 1:
            raise HeldError("the monitor: another process was first")


def _read(value: str) -> tuple[str, str]:
    try:
        holder, until = orjson.loads(value)
    except (ValueError, TypeError):
        return "", ""
    return str(holder), str(until)


@dataclass(slots=True)
class Lease:
    """A process's claim to lead. `seconds` is how long it holds without being renewed."""

    evidence: Evidence
    seconds: float = SECONDS
    holder: str = field(default_factory=lambda: secrets.token_hex(8))

    async def hold(self) -> bool:
        """Takes or renews the lease; False where another process leads. Raises EvidenceError."""
        try:
            await self.evidence.alter(_Claim(self.holder, datetime.now(UTC), self.seconds))
        except HeldError:
            return False
        return True

    async def release(self) -> None:
        """Lets another process lead at once, if this one leads."""
        try:
            await self.evidence.alter(_Claim(self.holder, datetime.now(UTC), 0.0))
        except HeldError:
            return
