"""Layer 5: follows the record in one process, and sees to it that something is done in time.

Every process may run a `Monitor`; one leads, the others wait for its lease to end. What it finds
goes into the record (`alarm`, `epoch`), to the remit's own ladder of measures, and to whoever is to
be told. All of that is idempotent: after kill -9 the same alarm is found again under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from remit.evidence import Evidence, EvidenceError, stamp
from remit.layers.monitor.acting import Notice, act, relax, tell
from remit.layers.monitor.canary import due as canary_due
from remit.layers.monitor.follower import BATCH, BUSY_BATCH, Follower
from remit.layers.monitor.lease import RENEW_SECONDS, SECONDS, Lease
from remit.layers.monitor.pace import Pace
from remit.policy import Policy

IDLE_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 5.0
"""How often numbers are written down while nothing happens: what a kill costs in repeated work."""

RELAX_SECONDS: Final = 60.0
_TROUBLE_SECONDS: Final = 2.0
_LOG: Final = logging.getLogger("remit.monitor")

Canaries = Callable[[Policy], Awaitable[Mapping[str, Any] | None]]
"""Makes a run of a remit's canary, as a record; None for a remit that is not served here."""


class Monitor:
    """Follows a record until stopped. `notices` are told of each alarm; see `acting.Notice`.

    With `acts` false it only watches: nothing is begun or lifted. `canary` makes a run for a remit,
    or None where it cannot; it is asked as often as the remit says, where it has a `monitor:`.
    """

    def __init__(
        self,
        evidence: Evidence,
        policies: Sequence[Policy] = (),
        notices: Sequence[Notice] = (),
        *,
        canary: Canaries | None = None,
        acts: bool = True,
        lease_seconds: float = SECONDS,
    ) -> None:
        self._evidence = evidence
        self._notices = tuple(notices)
        self._acts = acts
        self._lease = Lease(evidence, lease_seconds)
        self._renew = min(RENEW_SECONDS, lease_seconds / 3)
        self._pace = Pace()
        self._canary = canary
        self._singing: asyncio.Task[None] | None = None
        self._relaxed = 0.0
        self._kept = 0.0
        self.follower = Follower(evidence, policies)
        self.leads = False

    async def run(self) -> None:
        """Follows until cancelled. Trouble with the record is logged, and tried again."""
        try:
            while True:
                try:
                    await self._turn()
                except EvidenceError as error:
                    self.leads = False
                    _LOG.warning("monitor: %s; it goes on when that works again", error)
                    await asyncio.sleep(_TROUBLE_SECONDS)
        finally:
            if self._singing is not None:
                self._singing.cancel()
            if self.leads:
                await self._leave()

    async def _turn(self) -> None:
        """Takes the lease, and follows for as long as it holds."""
        if not await self._lease.hold():
            await asyncio.sleep(self._renew)
            return
        await asyncio.to_thread(self.follower.load)
        self.leads, renewed = True, time.monotonic()
        while True:
            busy = await self.step()
            if time.monotonic() - renewed > self._renew:
                self.leads, renewed = await self._lease.hold(), time.monotonic()
                if not self.leads:
                    return
            await asyncio.sleep(self._pace.pause() if busy else IDLE_SECONDS)

    async def step(self) -> int:
        """One batch of entries; how many there were. Raises EvidenceError."""
        count = await asyncio.to_thread(self._follow)
        found = await self._report()
        now = time.monotonic()
        due = self.follower.dirty and now - self._kept >= KEEP_SECONDS
        if found or due:
            await self.keep()
        if self._acts and self.follower.caught_up and now - self._relaxed >= RELAX_SECONDS:
            self._relaxed = now
            for tracker in self.follower.trackers.values():
                await relax(self._evidence, tracker)
        if self._acts and self.follower.caught_up:
            self._sing()
        return count

    def _follow(self) -> int:
        began = time.thread_time()
        count = self.follower.step(BUSY_BATCH if self._pace.busy else BATCH)
        self._pace.spent(time.thread_time() - began)
        return count

    async def catch_up(self) -> None:
        """Follows to the end of the record and writes down what came of it."""
        await asyncio.to_thread(self.follower.load)
        while await self.step() or not self.follower.caught_up:
            pass
        await self.keep()

    async def keep(self) -> None:
        """Writes down the numbers and how far the record was followed. Raises EvidenceError."""
        for key, value in self.follower.kept():
            await self._evidence.keep_state(key, value)
        self._kept, self.follower.dirty = time.monotonic(), False

    def _sing(self) -> None:
        """Starts the canaries whose time has come, beside the following."""
        if self._canary is None or (self._singing is not None and not self._singing.done()):
            return
        trackers = self.follower.trackers.values()
        due = [t.policy for t in trackers if canary_due(t.policy, t.canary.time, stamp())]
        if due:
            self._singing = asyncio.create_task(self._sung(self._canary, due))

    async def _sung(self, canary: Canaries, due: Sequence[Policy]) -> None:
        for policy in due:
            try:
                record = await canary(policy)
                if record is not None:
                    await self._evidence.append(record)
            except Exception:  # noqa: BLE001  whatever a model does, the record is followed
                _LOG.exception("monitor: the canary of remit %s could not run", policy.digest[:16])

    async def _report(self) -> bool:
        """Records what was found, acts on it, tells of it; True where there was anything."""
        found = False
        for tracker in list(self.follower.trackers.values()):
            while tracker.news:
                found = True
                await self._once({**tracker.news[0], "time": stamp()})
                tracker.news.pop(0)
            while tracker.alarms:
                found, alarm = True, tracker.alarms[0]
                await self._once(alarm.record(stamp()))
                if self._acts:
                    await act(self._evidence, tracker.policy, alarm)
                await tell(self._notices, alarm, tracker.policy)
                tracker.alarms.pop(0)
        return found

    async def _once(self, record: dict[str, Any]) -> None:
        if self._evidence.get(record["id"]) is None:
            await self._evidence.append(record)

    async def _leave(self) -> None:
        try:
            await self.keep()
            await self._lease.release()
        except EvidenceError as error:
            _LOG.warning("monitor: %s", error)
