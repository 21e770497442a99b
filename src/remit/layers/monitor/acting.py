"""From an alarm to what the remit does about it, and from calm to letting go of it again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final, Protocol

from remit.evidence import CaseError, Evidence
from remit.layers.monitor.alarms import Alarm
from remit.layers.monitor.interventions import read_interventions
from remit.layers.monitor.ladder import Signal, calmed, respond
from remit.layers.monitor.tracker import Tracker
from remit.policy import Policy

_LOG: Final = logging.getLogger("remit.monitor")


class Notice(Protocol):
    """Somebody who is told of an alarm. Told at least once: know it by `alarm.id`."""

    async def __call__(self, alarm: Alarm, policy: Policy) -> None:
        """Takes the alarm over; what is sent may be sent later. What it raises is logged."""
        ...


async def act(evidence: Evidence, policy: Policy, alarm: Alarm) -> str:
    """Begins what `when_broken` has for this alarm; the intervention's id, or empty for none."""
    if alarm.test not in ("exceeded", "changed"):
        return ""
    signal = Signal(alarm.id, alarm.rule, alarm.since, alarm.statistic)
    history = read_interventions(evidence)
    begun = respond(policy, signal, history, datetime.now(UTC))
    if begun is None:
        return ""
    try:
        await evidence.change(begun.record(), begun)
    except CaseError as error:  # another process was first, or a person
        _LOG.info("%s", error)
        return ""
    return begun.intervention.id


async def relax(evidence: Evidence, tracker: Tracker) -> None:
    """Lifts what the remit itself began, where a rule has been calm for long enough."""
    history = read_interventions(evidence, active=True)
    for rule in {it.rule for it in history if it.automatic} & tracker.sequences.keys():
        calm = tracker.sequences[rule].calm
        end = calmed(tracker.policy, rule, read_interventions(evidence), calm, datetime.now(UTC))
        if end is not None:
            try:
                await evidence.change(end.record(), end)
            except CaseError as error:
                _LOG.info("%s", error)


async def tell(notices: tuple[Notice, ...], alarm: Alarm, policy: Policy) -> None:
    """Tells everybody; one who cannot be told does not keep the others from it."""
    for notice in notices:
        try:
            await notice(alarm, policy)
        except Exception:  # noqa: BLE001  whatever it is, the others must be told
            _LOG.exception("alarm %s: could not be handed on", alarm.id)
