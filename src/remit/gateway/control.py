"""The control plane of one worker: what the record says is in force becomes so within a second.

Each worker looks at one number five times a second. Where it has risen, it reads what is in force
and puts it in the place of what was: deployments are values, so a request keeps to the one that it
came in under, and none sees half of a change. What the clock alone changes (an expiry, a deadline)
each worker sees for itself; whoever comes first writes it down.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from remit.evidence import CaseError, Evidence, EvidenceError, stamp
from remit.gateway.deployment import Deployment
from remit.gateway.options import StartError
from remit.layers.monitor.alerts import Alerts
from remit.layers.monitor.cases import Noted, Waiting, due_cases, next_due, next_step, waiting
from remit.layers.monitor.interventions import Intervention, expire, read_interventions
from remit.layers.monitor.measures import measures_of
from remit.policy import PolicyError
from remit.policy.intervening import Kind

EVERY: Final = 0.2
"""Seconds between two looks."""

_TOLD_DAYS: Final = 90
# Each handoff raises the pulse; what clients are to be told is read again at most so often.
_TOLD_SECONDS: Final = 1.0
_LOG: Final = logging.getLogger("remit.gateway")

Rebuild = Callable[[Deployment, str], Deployment]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the record said at one look."""

    pulse: int
    interventions: Sequence[Intervention]
    live: tuple[str, str] | None
    due: str


class Control:
    """Keeps `deployments`, which requests are answered under, as the record says.

    `rebuild` makes a deployment of another remit's text like the one it is given; it runs in a
    thread. The deployment under "" is the one that a remit signed off in the console replaces.
    """

    def __init__(
        self,
        deployments: dict[str, Deployment],
        evidence: Evidence,
        rebuild: Rebuild,
        alerts: Alerts | None = None,
    ) -> None:
        self._deployments = deployments
        self._bases = dict(deployments)
        self._made_of = dict(deployments)
        self._evidence = evidence
        self._rebuild = rebuild
        self._alerts = alerts
        self._pulse = -1
        self._next = ""
        self._refused = ""
        self._told: Mapping[str, Sequence[Waiting]] = {}
        self._told_at = float("-inf")
        self._stale = True
        self._troubled = False

    async def run(self) -> None:
        """Looks until it is cancelled. While the record cannot be read, all stays as it was."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.tick()
                self._troubled = False
            except Exception as error:  # noqa: BLE001  whatever it is, the next look must come
                if not self._troubled:
                    shown = None if isinstance(error, EvidenceError) else error
                    _LOG.error("control: what is in force stays so: %s", error, exc_info=shown)
                self._troubled = True

    async def tick(self) -> None:
        """One look. Raises EvidenceError where the record cannot be read."""
        pulse = await asyncio.to_thread(self._evidence.pulse)
        late = self._stale and time.monotonic() - self._told_at >= _TOLD_SECONDS
        if pulse != self._pulse or late or (self._next and self._next <= stamp()):
            await self.refresh()

    async def refresh(self) -> None:
        """Reads what is in force and puts it in force. Raises EvidenceError."""
        seen = await asyncio.to_thread(self._look)
        if seen.live is not None and seen.live[0] != self._refused:
            await self._change_remit(*seen.live)
        now = stamp()
        for name, base in self._bases.items():
            measures = measures_of(seen.interventions, base.guard.policy, now)
            changed = self._made_of[name] is not base
            if changed or measures != self._deployments[name].measures:
                self._deployments[name] = base.under(measures)
                self._made_of[name] = base
            base.current.put(measures, self._told)
        self._pulse = seen.pulse
        self._next = now  # until it is written down
        await self._write_down(seen.interventions, now)
        self._next = _soonest(seen, now)

    def _look(self) -> _Seen:
        """In a thread. The pulse first: what changes while we read is read once more."""
        evidence = self._evidence
        pulse = evidence.pulse()
        self._stale = time.monotonic() - self._told_at < _TOLD_SECONDS
        if not self._stale:
            self._told, self._told_at = _to_tell(evidence), time.monotonic()
        interventions = read_interventions(evidence, active=True)
        return _Seen(pulse, interventions, live_remit(evidence), next_due(evidence))

    async def _change_remit(self, digest: str, text: str) -> None:
        """A remit that its owner signed off in the console replaces the one in service."""
        base = self._bases[""]
        if base.guard.policy.digest == digest:
            return
        try:
            made = await asyncio.to_thread(self._rebuild, base, text)
        except (PolicyError, StartError, ValueError) as error:
            self._refused = digest
            _LOG.error("control: the live remit %s cannot be served: %s", digest[:12], error)
            return
        if made.guard.policy.digest != digest:
            self._refused = digest
            _LOG.error("control: the live remit's text is not the one signed off, %s", digest[:12])
            return
        self._bases[""] = made
        await self._evidence.append(made.start_record())

    async def _write_down(self, interventions: Sequence[Intervention], now: str) -> None:
        """What the clock has changed, on record. Another worker may have been first."""
        for it in interventions:
            if it.expired(now) and it.kind is not Kind.KILL:
                end = expire(it, now)
                with suppress(CaseError):
                    await self._evidence.change(end.record(), end)
        for case in await asyncio.to_thread(due_cases, self._evidence, now):
            step = next_step(case, now)
            if step is not None:
                if self._alerts is not None and isinstance(step, Noted):
                    # First: told twice is told once, and a kill between must not lose it.
                    policy = self._deployments[""].guard.policy
                    await self._alerts.of_case(case, policy, overdue=case.due <= now)
                with suppress(CaseError):
                    await self._evidence.change(step.record(), step)


def live_remit(evidence: Evidence) -> tuple[str, str] | None:
    """The digest and the text of the remit that was signed off in the console; None without one."""
    rows = evidence.rows(
        "SELECT digest, text FROM remits WHERE state = 'live' ORDER BY updated DESC LIMIT 1"
    )
    return (rows[0][0], rows[0][1]) if rows else None


def _to_tell(evidence: Evidence) -> dict[str, list[Waiting]]:
    """The cases of which clients are to hear, by the fingerprint of their conversation."""
    told: dict[str, list[Waiting]] = {}
    since = stamp(datetime.now(UTC) - timedelta(days=_TOLD_DAYS))
    for case in waiting(evidence, since):
        told.setdefault(case.conversation, []).append(case)
    return told


def _soonest(seen: _Seen, now: str) -> str:
    """When the clock changes something next. What is due already is being written down."""
    moments = [seen.due]
    moments += [it.expires for it in seen.interventions]
    return min((moment for moment in moments if moment > now), default="")
