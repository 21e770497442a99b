"""Which answers are audited, and their auditing: in the gateway's process, off its path.

All answers pass the guard; a random share is judged by the auditors too, so that what the guard
misses is estimated. Answers in which the guard found anything, or failed, are drawn more often. The
probability is settled before an auditor sees the answer, and stands in the answer's own record: so
a drawn answer that was never judged (the process ended, the auditor failed) is known as lost.

The queue is bounded. As it fills, the share falls, which the record says and the statistics allow
for; what is drawn when it is full is recorded as skipped. The texts are kept in memory alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from remit.enforce import Enforcer
from remit.evidence import Evidence, EvidenceError, new_id, stamp
from remit.layers.monitor.auditing import Audited, Auditor
from remit.layers.monitor.measuring import Measured, Measurer
from remit.layers.monitor.pace import Pace
from remit.policy.monitoring import USUAL
from remit.types import Action, Message, Verdict

QUEUE_MOST: Final = 256
CHARACTERS_MOST: Final = 4_000_000
RISKY_TIMES: Final = 5.0
"""How many times more often an answer is drawn in which the guard found something."""

_WAITING: Final = 4
_KEEPING_SECONDS: Final = 0.0001
"""What the record's own thread spends on a judgement."""

_PAUSE_MOST: Final = 0.5

_TURNS_MOST: Final = 40
_TEXT_MOST: Final = 60_000
_LOG: Final = logging.getLogger("remit.monitor")


class Made(Protocol):
    """An answer about to be recorded, as the gateway's log has it. `sampled` is for us to fill."""

    id: str
    enforcer: Enforcer
    verdicts: list[tuple[int, Verdict]]
    newest: int
    delivered: list[str]
    error: str | None
    sampled: float | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """An answer that waits to be audited, with the conversation up to and with it."""

    receipt: str
    policy: str
    probability: float
    turns: tuple[Message, ...]
    seconds: float

    @property
    def size(self) -> int:
        """Characters held in memory."""
        return sum(len(turn.text) for turn in self.turns)


class Sampler:
    """Draws answers as they are made (`seen`) and audits them (`run`), for one remit's process.

    `least` is the share that is in force beside the remit's own; asked at every answer.
    """

    def __init__(
        self,
        evidence: Evidence,
        auditor: Auditor,
        measurer: Measurer,
        least: Callable[[], float] = lambda: 0.0,
        rng: random.Random | None = None,
    ) -> None:
        self._evidence = evidence
        self._auditor = auditor
        self._measurer = measurer
        self._least = least
        self._random = (rng or random.Random()).random  # noqa: S311  draws, no secrets
        policy = measurer.policy
        self._share = (policy.monitor or USUAL).sample
        self._digest = policy.digest
        self._thresholds = {rule.id: rule.threshold for rule in policy.rules}
        self._queue: deque[Drawn] = deque()
        self._characters = 0
        self._arrived, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self.drawn = self.judged = self.lost = self.skipped = 0

    @property
    def auditor(self) -> Auditor:
        """Who audits what is drawn."""
        return self._auditor

    def seen(self, log: Made, turns: Sequence[Message]) -> None:
        """An answer is about to be recorded: draws it or not. Microseconds where it is not."""
        share = max(self._share, self._least())
        chance = self._random()
        if chance >= share * RISKY_TIMES or log.error is not None:
            return
        if self._risky(log):
            share = min(1.0, share * RISKY_TIMES)
        if chance >= share:
            return
        if len(self._queue) >= QUEUE_MOST or self._characters >= CHARACTERS_MOST:
            log.sampled, self.skipped = 0.0, self.skipped + 1
            return
        probability = share * self._room()
        if chance < probability:
            self._draw(log, turns, probability)

    def _room(self) -> float:
        """1 while the queue is less than half full; then falling, but never to nought."""
        fill = max(len(self._queue) / QUEUE_MOST, self._characters / CHARACTERS_MOST)
        return 1.0 if fill <= 0.5 else 2.0 * (1 - fill) + 1 / 64

    def _risky(self, log: Made) -> bool:
        """True where the record of the answer will tell of a finding or a failure."""
        clean = log.enforcer.clean
        return any(
            (result.failure is not None or (result.score or 0.0) >= self._thresholds.get(rule, 1))
            and (message >= log.newest or result.action > Action.ALLOW)
            for message, verdict in log.verdicts
            if verdict is not clean(verdict.stage)
            for rule, result in verdict.rules.items()
        )

    def _draw(self, log: Made, turns: Sequence[Message], probability: float) -> None:
        log.sampled, self.drawn = probability, self.drawn + 1
        said = [Message(t.role, t.text[:_TEXT_MOST], t.name) for t in turns[-_TURNS_MOST:]]
        said.append(Message("assistant", "".join(log.delivered)))
        seconds = max(0.0, time.time() - _made_at(log.id))
        drawn = Drawn(log.id, self._digest, probability, tuple(said), seconds)
        self._queue.append(drawn)
        self._characters += drawn.size
        self._arrived.set()
        self._idle.clear()

    # --- Off the path ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Audits what was drawn, until cancelled."""
        workers = _WAITING if self._auditor.waits else 1
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        pace = Pace()
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            drawn = self._queue.popleft()
            self._characters -= drawn.size
            clock = time.perf_counter if self._auditor.heavy else time.thread_time
            began = clock()
            record = await self._record(drawn)
            pace.spent(clock() - began + _KEEPING_SECONDS)
            await self._keep(record)
            if self.drawn == self.judged + self.lost:
                self._idle.set()
            if not self._auditor.waits:
                await asyncio.sleep(min(_PAUSE_MOST, pace.pause()))

    async def drained(self) -> None:
        """Waits until all that was drawn has been judged, or lost."""
        await self._idle.wait()

    async def _record(self, drawn: Drawn) -> dict[str, Any] | None:
        try:
            found = await self._auditor.audit(drawn.turns)
            measured = await self._measurer.measure(drawn.turns, drawn.seconds)
        except Exception:  # noqa: BLE001  whatever an auditor does, the next answer is audited
            _LOG.exception("monitor: answer %s could not be audited", drawn.receipt)
            return None
        return _judgement(drawn, found, measured)

    async def _keep(self, record: dict[str, Any] | None) -> None:
        try:
            if record is not None:
                await self._evidence.append(record)
        except EvidenceError as error:
            _LOG.warning("monitor: a judgement could not be recorded: %s", error)
            record = None
        self.judged += record is not None
        self.lost += record is None


def _judgement(drawn: Drawn, found: Mapping[str, Audited], measured: Measured) -> dict[str, Any]:
    """The record of what was found. `rules` names the broken ones alone, so that it is found by."""
    broken = [rule for rule, said in found.items() if said.outcome == "broken"]
    return {
        "id": f"jdg_{new_id()}",
        "time": stamp(),
        "kind": "judgement",
        "action": "broken" if broken else "held",
        "policy": drawn.policy,
        "receipt": drawn.receipt,
        "sampled": drawn.probability,
        "judged": {rule: said.as_dict() for rule, said in found.items()},
        "rules": {rule: {"action": "broken", "score": found[rule].score} for rule in broken},
        "measures": measured.values,
        "language": measured.language,
    }


def _made_at(receipt: str) -> float:
    """When a receipt's id was made, in Unix seconds: it is a UUID of version 7."""
    digits = receipt.removeprefix("rct_").replace("-", "")[:12]
    try:
        return int(digits, 16) / 1000
    except ValueError:
        return time.time()
