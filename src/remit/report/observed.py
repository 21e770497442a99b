"""What the record says happened, counted in one pass. Memory goes with rules and months, not rows.

The unit is the answer. Two sides stand apart: *replies* (what the model wrote, tool calls
included), in which a finding is the model breaking a rule, and *messages* (what clients wrote).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from remit.report import words
from remit.report.disclosed import Disclosure
from remit.report.reading import Row
from remit.types import Action, Json

REPLIES, MESSAGES = "replies", "messages"
_SIDES: Final = {"output": REPLIES, "tool": REPLIES, "input": MESSAGES}
_ANSWERS: Final = ("answer", "refusal", "error")
_STORE: Final = ("case", "erasure", "start", "resumed", "policy")
# What comes by the thousand, or is told of elsewhere: it is counted, and not told one by one.
_ROUTINE: Final = (
    "judgement",
    "seen",
    "canary",
    "epoch",
    "checkpoint",
    "account",
    "review",
    "alert",
)
_STOPS: Final = frozenset(a.word for a in Action if a >= Action.REDACT)
_MOST_KEYS: Final = 20_000
_MOST_TOLD: Final = 50
_MOST_VERSIONS: Final = 100
_MOST_RULES: Final = 1000


@dataclass(slots=True)
class Seen:
    """One rule in one month under one remit, on one side: answers in which it was read, and so on.

    `found` answers broke it by its detectors: `stopped` ones were masked, replaced, handed over or
    blocked, `passed` ones went on. In `failed` ones a detector gave no answer.
    """

    read: int = 0
    found: int = 0
    stopped: int = 0
    passed: int = 0
    failed: int = 0

    def plus(self, other: Seen) -> None:
        """Adds counts."""
        self.read += other.read
        self.found += other.found
        self.stopped += other.stopped
        self.passed += other.passed
        self.failed += other.failed


@dataclass(slots=True)
class Used:
    """A model, or a remit, as the record shows it in use."""

    answers: int = 0
    first: str = ""
    last: str = ""

    def add(self, time: str) -> None:
        """One more answer at that time."""
        self.answers += 1
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


Key = tuple[str, str, str, str]  # month, remit, rule, side


@dataclass(slots=True)
class Observed:
    """All counts. `overflow` counts what had no room, so that nothing is silently left out.

    `answers` are those that could be read, `reads` counts them per stage and rule. `months` has, by
    month, answers, those with a violation in the reply stopped, and those with one let through.
    Texts are as the record has them: whoever shows them makes them plain.
    """

    since: str = ""
    until: str = ""
    entries: int = 0
    answers: int = 0
    first: str = ""
    last: str = ""
    seen: dict[Key, Seen] = field(default_factory=dict)
    reads: dict[tuple[str, str], int] = field(default_factory=dict)
    months: dict[str, list[int]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    models: dict[tuple[str, str], Used] = field(default_factory=dict)
    epochs: dict[str, Used] = field(default_factory=dict)
    starts: list[tuple[str, str, Json | None]] = field(default_factory=list)
    unchecked: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    told: list[tuple[Row, Json]] = field(default_factory=list)
    erasures: list[tuple[str, str, str, int]] = field(default_factory=list)
    disclosure: Disclosure = field(default_factory=Disclosure)
    erased: int = 0
    unreadable: int = 0
    overflow: int = 0

    def add(self, row: Row) -> None:
        """Takes one entry. Starts count whenever they were; everything else within the period."""
        self.entries += 1
        if row.kind == "start" or (row.kind, row.action) == ("remit", "live"):
            self._start(row)
        if not (self.since <= row.time and (not self.until or row.time < self.until)):
            return
        self.first = min(self.first or row.time, row.time)
        self.last = max(self.last, row.time)
        _tally(self.kinds, row.kind)
        if row.value is None:
            self.erased += row.erased
            self.unreadable += not row.erased
        elif row.kind in _ANSWERS:
            self._answer(row, row.value)
        elif row.kind == "erasure":
            self._erasure(row, row.value)
        elif row.kind not in _STORE and row.kind not in _ROUTINE:
            self._tell(row, row.value)

    def by_rule(self, side: str) -> dict[str, Seen]:
        """Sums over months and remits."""
        found: dict[str, Seen] = {}
        for (_, _, rule, at), seen in self.seen.items():
            if at == side:
                found.setdefault(rule, Seen()).plus(seen)
        return found

    # --- One kind each ---------------------------------------------------------------------------

    def _start(self, row: Row) -> None:
        digest = str((row.value or {}).get("policy", ""))
        text = (row.value or {}).get("policy_text")
        if self.starts and self.starts[-1][1] == digest:
            return
        if len(self.starts) < _MOST_VERSIONS:
            self.starts.append((row.time, digest, text if isinstance(text, dict) else None))
        else:
            self.overflow += 1

    def _answer(self, row: Row, value: Json) -> None:
        policy, month = _word(value.get("policy")), row.time[:7]
        self.answers += 1
        self._used(self.epochs, policy, row.time)
        model = (_word(value.get("model")), _word(value.get("upstream")))
        self._used(self.models, model, row.time)
        _tally(self.actions, _word(value.get("action")))
        if value.get("error"):
            _tally(self.errors, words.plain(value["error"], 160))
        for what in _list(value.get("unchecked")):
            _tally(self.unchecked, words.plain(what, 120))
        found = self._findings(value)
        sides: set[tuple[str, str]] = set(found)
        for key in _read(value):
            if key in self.reads or len(self.reads) < _MOST_KEYS:
                self.reads[key] = self.reads.get(key, 0) + 1
            sides.add((_SIDES[key[0]], key[1]))
        for side, rule in sides:
            seen = self._seen((month, policy, rule, side))
            if seen is None:
                continue
            seen.read += 1
            if (side, rule) in found:
                seen.plus(found[side, rule])
        self._month(month, found)
        texts = _mapping(_mapping(value.get("channels")).get("input")).get("texts")
        self.disclosure.add(row.id, texts, value.get("answered"))

    def _findings(self, value: Json) -> dict[tuple[str, str], Seen]:
        """Per side and rule: was it found, and was the worst of it stopped or let through?"""
        found: dict[tuple[str, str], Seen] = {}
        for finding in _list(value.get("findings")):
            if not isinstance(finding, Mapping):
                continue
            side, rule = _SIDES.get(str(finding.get("stage"))), _word(finding.get("rule"))
            if side is None or not rule:
                continue
            seen = found.setdefault((side, rule), Seen())
            if finding.get("failure"):
                seen.failed = 1
                continue
            stopped = str(finding.get("action")) in _STOPS
            seen.found, seen.stopped = 1, int(seen.stopped or stopped)
        for seen in found.values():
            seen.passed = seen.found - seen.stopped
        return found

    def _month(self, month: str, found: Mapping[tuple[str, str], Seen]) -> None:
        if month not in self.months and len(self.months) >= _MOST_KEYS:
            self.overflow += 1
            return
        counts = self.months.setdefault(month, [0, 0, 0])
        replies = [seen for (side, _), seen in found.items() if side == REPLIES]
        counts[0] += 1
        counts[1] += any(seen.stopped for seen in replies)
        counts[2] += any(seen.passed for seen in replies)

    def _erasure(self, row: Row, value: Json) -> None:
        if len(self.erasures) >= _MOST_TOLD:
            self.overflow += 1
            return
        who, why = words.plain(value.get("who", ""), 80), words.plain(value.get("why", ""))
        self.erasures.append((row.time, who, why, len(_list(value.get("erased")))))

    def _tell(self, row: Row, value: Json) -> None:
        if len(self.told) >= 10 * _MOST_TOLD:
            self.overflow += 1
            return
        self.told.append(
            (row, {words.plain(key, 40): words.plain(part, 200) for key, part in _some(value)})
        )

    def _used(self, where: dict[Any, Used], key: Any, time: str) -> None:
        if key not in where and len(where) >= _MOST_TOLD:
            key = ("others", "") if isinstance(key, tuple) else "others"
        if key not in where:
            where[key] = Used()
        where[key].add(time)

    def _seen(self, key: Key) -> Seen | None:
        seen = self.seen.get(key)
        if seen is None and len(self.seen) < _MOST_KEYS:
            seen = self.seen[key] = Seen()
        self.overflow += seen is None
        return seen


def _read(value: Json) -> set[tuple[str, str]]:
    """Which rules were read at which stage."""
    channels = _mapping(value.get("channels"))
    found: set[tuple[str, str]] = set()
    for stage in _SIDES:
        channel = _mapping(channels.get(stage))
        if channel.get("checked"):
            rules = _list(channel.get("rules"))[:_MOST_RULES]
            found.update((stage, rule[:200]) for rule in rules if type(rule) is str)
    return found


def _some(value: Json) -> Iterator[tuple[str, Any]]:
    for key in list(value)[:20]:
        part = value[key]
        if isinstance(part, str | int | float | bool) and key not in ("id", "time", "kind"):
            yield str(key), part


def _tally(counter: Counter[str], what: str) -> None:
    counter[what if what in counter or len(counter) < _MOST_TOLD else "others"] += 1


def _word(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
