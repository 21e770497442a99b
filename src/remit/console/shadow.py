"""A draft in the shadow: it reads real answers beside the remit in force, and nothing comes of it.

Each worker's gateway hands over every answer as it is made. While no draft is in the shadow that
costs nothing; while one is, the answer waits in a bounded queue for a thread that takes a small
share of a core, and what finds no room is counted, not kept. Texts are held in memory alone: what
is kept is counts, and the receipts of answers that would have been otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from remit.console.drafting import drafts
from remit.console.replay.answer import Recorded
from remit.console.replay.comparison import Comparison, compare
from remit.console.replay.job import told
from remit.console.replay.run import REMITS_MOST, Tally, decided_again
from remit.evidence import Evidence, EvidenceError, stamp
from remit.layers.guard.receipt import Log
from remit.policy import Loaded, Policy, PolicyError, loads
from remit.types import Json, Message

QUEUE_MOST: Final = 512
CHARACTERS_MOST: Final = 4_000_000
NAMED_MOST: Final = 50
_BATCH: Final = 64
_LOOK_SECONDS: Final = 1.0
_NOTE_SECONDS: Final = 2.0
_WORK_SHARE: Final = 0.05
"""Of a core at most: clients come first."""

_LOG: Final = logging.getLogger("remit.console")


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer that waits to be read."""

    log: Log
    turns: Sequence[Message]
    size: int


@dataclass(slots=True)
class _Watch:
    """The draft in the shadow, and what has come of it in this process."""

    draft: Loaded
    since: str
    tally: Tally = field(default_factory=Tally)
    compared: dict[str, Comparison] = field(default_factory=dict)
    dropped: int = 0

    def comparison(self, live: Policy) -> Comparison | None:
        """The draft against a remit in force; None where there were too many of these."""
        if live.digest not in self.compared:
            if len(self.compared) >= REMITS_MOST:
                return None
            self.compared[live.digest] = compare(live, self.draft)
        return self.compared[live.digest]


class Shadow:
    """What one worker's answers would have become. `seen` and `run` belong to its event loop."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._watch: _Watch | None = None
        self._queue: deque[_Made] = deque()
        self._characters = 0
        self._pulse = -1
        self._looked = self._noted = 0.0
        self._changed = False

    def seen(self, log: Log, turns: Sequence[Message]) -> None:
        """An answer is about to be recorded. Costs microseconds, and next to nothing unwatched."""
        watch = self._watch
        if watch is None or log.error is not None:
            return
        size = sum(len(turn.text) for turn in turns) + sum(map(len, log.delivered))
        if len(self._queue) >= QUEUE_MOST or self._characters + size > CHARACTERS_MOST:
            watch.dropped += 1
            self._changed = True
            return
        self._queue.append(_Made(log, turns, size))
        self._characters += size

    async def run(self) -> None:
        """Reads what was handed over, until cancelled. Trouble with the record is waited out."""
        while True:
            spent = 0.0
            try:
                await self._look()
                began = time.perf_counter()
                if batch := self._taken():
                    await asyncio.to_thread(self._read, batch)
                    spent = time.perf_counter() - began
                await self._note()
            except EvidenceError as error:
                _LOG.warning("shadow: %s", error)
                spent = 0.0
            await asyncio.sleep(max(0.05, min(1.0, spent * (1 / _WORK_SHARE - 1))))

    async def _look(self) -> None:
        """Takes up the draft that is in the shadow now, when anything has changed."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        pulse = await asyncio.to_thread(self._evidence.pulse)
        if pulse == self._pulse:
            return
        self._pulse = pulse
        found = await asyncio.to_thread(drafts.listed, self._evidence, "shadow", most=1)
        digest = self._watch.draft.policy.digest if self._watch else ""
        if (found[0].digest if found else "") == digest:
            return
        self._queue.clear()
        self._characters = 0
        self._watch = self._begun(found[0].text) if found else None

    def _begun(self, text: str) -> _Watch | None:
        try:
            return _Watch(loads(text), stamp())
        except PolicyError as error:
            _LOG.warning("shadow: the draft cannot be read: %s", error)
            return None

    def _taken(self) -> list[_Made]:
        batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
        self._characters -= sum(made.size for made in batch)
        return batch

    def _read(self, batch: Sequence[_Made]) -> None:
        """In a thread: what the draft makes of these answers."""
        watch = self._watch
        if watch is None:
            return
        groups: dict[str, list[_Made]] = {}
        for made in batch:
            groups.setdefault(made.log.policy.digest, []).append(made)
        for group in groups.values():
            try:
                comparison = watch.comparison(group[0].log.policy)
            except PolicyError as error:
                _LOG.warning("shadow: the draft does not compile: %s", error)
                self._watch = None
                return
            if comparison is None:
                watch.dropped += len(group)
                continue
            watch.tally.models.update(dict.fromkeys(comparison.models))
            for outcome in decided_again(comparison, [_recorded(made) for made in group]):
                watch.tally.take(outcome)
        self._changed = True

    async def _note(self) -> None:
        """Keeps the counts where the console of every worker finds them."""
        now, watch = time.monotonic(), self._watch
        if watch is None or not self._changed or now - self._noted < _NOTE_SECONDS:
            return
        self._noted, self._changed = now, False
        del watch.tally.named[:-NAMED_MOST]
        value = told(watch.tally.so_far()) | {"dropped": watch.dropped, "since": watch.since}
        digest = watch.draft.policy.digest
        key = f"shadow/{digest}/{self._evidence.writer}/{watch.since}"
        await self._evidence.keep_state(key, value)


def _recorded(made: _Made) -> Recorded:
    """An answer as its record will tell it, with its texts whole."""
    log = made.log
    # On a copy: what the real record opens (a case) is not for us to open.
    kind = "answer" if log.delivered and not _refused(log) else "refusal"
    recorded = Recorded(replace(log).record(made.turns, kind))
    asked = next((turn.text for turn in reversed(made.turns) if turn.role == "user"), "")
    recorded.put(asked, _written(log))
    return recorded


def _refused(log: Log) -> bool:
    """True where the model was not asked: nothing was judged but what came in."""
    return (
        not log.complete
        and not log.drafts
        and all(verdict.stage != "output" for _, verdict in log.verdicts)
    )


def _written(log: Log) -> str | None:
    """What the model wrote; None where only what was made of it is left."""
    if log.drafts:
        return "".join(log.drafts)
    return "".join(log.delivered) if log.complete and not log.marks else None


# --- For the page ------------------------------------------------------------------------------


def shadowed(evidence: Evidence, digest: str) -> Json | None:
    """What all workers have seen of a draft in the shadow, together; None where nothing yet."""
    rows = evidence.rows("SELECT key FROM state WHERE key LIKE ?", (f"shadow/{digest}/%",))
    values = [evidence.state(key) for (key,) in rows]
    found = [value for value in values if isinstance(value, dict)]
    return _together(found) if found else None


def _together(values: Sequence[dict[str, Any]]) -> Json:
    moves: dict[tuple[str, str], int] = {}
    for value in values:
        for before, after, number in value["moves"]:
            moves[before, after] = moves.get((before, after), 0) + number
    named = sorted(
        (one for value in values for one in value["named"]), key=lambda one: str(one["time"])
    )
    return {
        **{
            name: sum(value[name] for value in values)
            for name in ("answers", "replayed", "changed", "dropped")
        },
        "moves": [[*move, number] for move, number in sorted(moves.items(), key=lambda m: -m[1])],
        "rules": _summed([value["rules"] for value in values]),
        "unread": _summed([value["unread"] for value in values]),
        "models": sorted({model for value in values for model in value["models"]}),
        "named": named[::-1][:NAMED_MOST],
        "since": min(str(value["since"]) for value in values),
    }


def _summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, number in one.items():
            total[name] = total.get(name, 0) + number
    return total
