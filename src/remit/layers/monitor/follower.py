"""The record, followed: every entry goes to the tracker of its remit, once.

What the trackers know and how far the record was followed are one value, kept in one write. After
kill -9 the next process goes on from the last one: no conversation is lost, and none counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic import ValidationError

from remit.evidence import Evidence, stamp
from remit.layers.monitor.answers import read_answer, word
from remit.layers.monitor.clock import earlier
from remit.layers.monitor.conversations import IDLE_MINUTES
from remit.layers.monitor.keeping import restored, written
from remit.layers.monitor.tracker import Tracker
from remit.policy import Policy, PolicyError, loads

STATE: Final = "monitor"
REMIT: Final = "monitor/remit/"
DAY: Final = "monitor/day/"
BATCH: Final = 500
BUSY_BATCH: Final = 50
"""Entries at once; fewer where clients wait for the same process."""

_TRACKERS_MOST: Final = 8
_SETTLED_EVERY: Final = 20
_KINDS: Final = frozenset({"canary", "start", "intervention", "review", "judgement"})

Kept = list[tuple[str, Any]]
"""What is to be kept, in this order: keys of the store's state, with JSON values."""


class Follower:
    """The trackers of all remits in one record. `policies` are known from the outset."""

    def __init__(self, evidence: Evidence, policies: Sequence[Policy] = ()) -> None:
        self._evidence = evidence
        self._policies = {policy.digest: policy for policy in policies}
        self.trackers: dict[str, Tracker] = {}
        self.cursor: dict[str, int] = {}
        self.newest = ""
        self.unknown = 0
        self.caught_up = False
        self.dirty = False
        self._steps = 0
        self._new: list[str] = []
        self._nowhere: set[str] = set()

    def load(self) -> None:
        """Goes on from what was kept, by whichever process. Raises EvidenceError."""
        kept = self._evidence.state(STATE)
        self.trackers, self.cursor, self.newest, self.unknown = {}, {}, "", 0
        self.caught_up, self._new = False, []
        if not isinstance(kept, Mapping):
            return
        try:
            for digest, value in kept["trackers"].items():
                policy = self._policies.get(digest) or self._kept_policy(digest)
                self.trackers[digest] = restored(policy, value)
            self.cursor, self.newest = dict(kept["cursor"]), str(kept["newest"])
            self.unknown = int(kept["unknown"])
        except (KeyError, TypeError, ValueError, AttributeError):
            self.trackers, self.cursor, self.newest, self.unknown = {}, {}, "", 0

    def _kept_policy(self, digest: str) -> Policy:
        policy = Policy.model_validate(self._evidence.state(f"{REMIT}{digest}"))
        if policy.digest != digest:
            raise ValueError(f"remit {digest[:16]}: kept under another digest")
        return policy

    def step(self, batch: int = BATCH) -> int:
        """Follows on by a batch; how many entries there were. Raises EvidenceError."""
        followed = self._evidence.follow(self.cursor, limit=batch)
        for stored in followed.entries:
            if stored.time > self.newest:
                self.newest = stored.time
            if stored.record is not None:
                self._take(stored.kind, stored.record)
        self.cursor = dict(followed.cursor)
        self.dirty |= bool(followed.entries)
        self.caught_up = len(followed.entries) < batch // 2
        now = max(stamp(), self.newest) if self.caught_up else self.newest
        if now:
            before = earlier(now, IDLE_MINUTES)
            self._steps += 1
            for tracker in self.trackers.values():
                ended = len(tracker.conversations)
                tracker.idle(before)
                self.dirty |= len(tracker.conversations) < ended
                if self.caught_up or self._steps % _SETTLED_EVERY == 0:
                    tracker.settle(now)
        return len(followed.entries)

    def _take(self, kind: str, record: dict[str, Any]) -> None:
        answer = read_answer(record) if kind in ("answer", "refusal") else None
        if answer is not None:
            tracker = self.trackers.get(answer.policy) or self._found(answer.policy, answer.time)
            if tracker is None:
                self.unknown += 1
            else:
                tracker.answer(answer)
        elif kind in _KINDS:
            self._tell(kind, record)

    def _tell(self, kind: str, record: dict[str, Any]) -> None:
        time = word(record.get("time"))
        if kind == "start":
            tracker = self._started(record, time)
            if tracker is not None:
                tracker.start(record)
        elif kind == "intervention":
            for tracker in self.trackers.values():
                tracker.intervention(record)
        elif kind == "review":
            rule = word(record.get("rule"))
            newest = [t for t in self.trackers.values() if rule in t.rules][-1:]
            for tracker in newest:
                tracker.review(rule, word(record.get("label")), time)
        else:
            tracker = self.trackers.get(word(record.get("policy")))
            if tracker is not None and kind == "judgement":
                tracker.judgement(record)
            elif tracker is not None:
                tracker.canary_run(record)

    # --- Remits ----------------------------------------------------------------------------------

    def _started(self, record: Mapping[str, Any], time: str) -> Tracker | None:
        digest = word(record.get("policy"))
        if digest not in self.trackers and digest not in self._policies:
            with suppress(ValidationError, RecursionError):
                policy = Policy.model_validate(record.get("policy_text"))
                if policy.digest == digest:
                    self._policies[digest] = policy
        return self.trackers.get(digest) or self._found(digest, time)

    def _found(self, digest: str, time: str) -> Tracker | None:
        """A new tracker for a remit that is known, from the record or the remits' table."""
        policy = self._policies.get(digest) or self._signed(digest)
        if policy is None:
            return None
        reason = "remit: another version" if self.trackers else "the first answers"
        made = self.trackers[digest] = Tracker(policy, time, reason)
        self._new.append(digest)
        while len(self.trackers) > _TRACKERS_MOST:
            oldest = min(self.trackers, key=lambda d: (self.trackers[d].day, d == digest))
            del self.trackers[oldest]
        return made

    def _signed(self, digest: str) -> Policy | None:
        if digest in self._nowhere:
            return None
        rows = self._evidence.rows("SELECT text FROM remits WHERE digest = ?", (digest,))
        with suppress(PolicyError):
            policy = loads(rows[0][0], digest[:16]).policy if rows else None
            if policy is not None and policy.digest == digest:
                self._policies[digest] = policy
                return policy
        self._nowhere.add(digest)
        return None

    # --- What is kept ----------------------------------------------------------------------------

    def kept(self) -> Kept:
        """What to keep now: finished days and new remits first, so that the last write is all."""
        return list(self._kept())

    def _kept(self) -> Iterator[tuple[str, Any]]:
        for digest in self._new:
            if digest in self.trackers:
                policy = self.trackers[digest].policy
                yield f"{REMIT}{digest}", policy.model_dump(mode="json")
        for digest, tracker in self.trackers.items():
            for day, counts in tracker.finished:
                yield f"{DAY}{digest}/{day}", counts
            if tracker.finished or digest in self._new:
                tracker.finished.clear()
        self._new.clear()
        yield (
            STATE,
            {
                "trackers": {digest: written(t) for digest, t in self.trackers.items()},
                "cursor": self.cursor,
                "newest": self.newest,
                "unknown": self.unknown,
            },
        )
