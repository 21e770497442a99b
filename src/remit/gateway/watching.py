"""The monitor in a gateway's process: answers drawn and audited, rates followed, alarms acted on.

Every worker audits what it draws itself. One of them all, by a lease, follows the record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from remit.detectors.registry import registry
from remit.evidence import Evidence
from remit.gateway.current import Current
from remit.gateway.deployment import Deployment, Watcher
from remit.gateway.options import Outward
from remit.gateway.telling import Telling, telling
from remit.layers.monitor.auditing import Auditor
from remit.layers.monitor.canary_run import asking, questions_of, run_canary
from remit.layers.monitor.measuring import Measurer
from remit.layers.monitor.monitor import Canaries, Monitor
from remit.layers.monitor.sampling import Sampler
from remit.models.asking import Asking
from remit.policy import Loaded, Policy

_EVERY = 1.0
_LOG = logging.getLogger("remit.gateway")


def sampler(
    loaded: Loaded, evidence: Evidence, current: Current, judges: Mapping[str, Asking]
) -> Sampler:
    """What draws a remit's answers; never a smaller share than is in force.

    Raises PolicyError where a detector under `audit` is refused.
    """
    kinds = registry()
    auditor, measurer = Auditor.of(loaded, kinds, judges), Measurer.of(loaded, kinds)
    return Sampler(evidence, auditor, measurer, lambda: current.measures.share)


def monitoring(
    deployments: Mapping[str, Deployment], evidence: Evidence, outward: Outward
) -> tuple[Monitor, Telling]:
    """The monitor of a process, and whom it tells. Raises StartError."""
    policies = [deployment.guard.policy for deployment in deployments.values()]
    told = telling(evidence, outward, lambda: monitor.leads)
    monitor = Monitor(evidence, policies, [told.alerts], canary=_canary(deployments))
    return monitor, told


async def watch(deployments: Mapping[str, Deployment], monitor: Monitor, told: Telling) -> None:
    """Runs the monitor, and the samplers of whatever deployments come into service."""
    tasks = [asyncio.create_task(_kept(monitor.run()))]
    tasks += [asyncio.create_task(_kept(work)) for work in told.working]
    known: list[Watcher] = []
    try:
        while True:
            for deployment in deployments.values():
                for watcher in (deployment.watcher, deployment.shadow):
                    if watcher is not None and watcher not in known:
                        known.append(watcher)
                        tasks.append(asyncio.create_task(_kept(watcher.run())))
            await asyncio.sleep(_EVERY)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _canary(deployments: Mapping[str, Deployment]) -> Canaries:
    """Puts the canary's questions to the model of whichever deployment serves a remit."""

    async def run(policy: Policy) -> Mapping[str, Any] | None:
        for deployment in deployments.values():
            watcher = deployment.watcher
            if deployment.guard.policy.digest == policy.digest and isinstance(watcher, Sampler):
                ask = asking(deployment.model, deployment.model_id, deployment.instructions.text)
                enforcer = deployment.guard.enforcer
                return await run_canary(questions_of(policy), ask, enforcer, watcher.auditor)
        return None

    return run


async def _kept(work: Coroutine[Any, Any, None]) -> None:
    """Runs until cancelled; should it fail, it is said, and the assistant goes on."""
    try:
        await work
    except Exception:  # noqa: BLE001  clients are answered whatever becomes of the monitor
        _LOG.exception("the monitor stopped; answers go on, unwatched; start the gateway again")
