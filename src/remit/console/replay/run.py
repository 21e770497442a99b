"""Replaying a stretch of the record, a few hundred answers at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from remit.console.replay.answer import Changed, Recorded, Unread
from remit.console.replay.comparison import PLACES, Comparison, Hit, compare
from remit.detectors.batch import Batch, suspects
from remit.detectors.registry import Registry
from remit.enforce import Enforcer
from remit.policy import Loaded, Policy
from remit.types import Action, Message, Stage

ERASED: Final = "erased"
MALFORMED: Final = "malformed"
OTHER_REMIT: Final = "other remit"
# What a record raises that another program wrote.
_FAULTS: Final = (ValueError, TypeError, IndexError, AttributeError)
CHUNK: Final = 500
"""Answers judged at once: their texts are folded and scanned together."""
NAMED_MOST: Final = 200
"""Changed answers that are named; beyond, they are only counted."""
REMITS_MOST: Final = 8
"""Former remits compared, each of which may compile; answers under others are not replayed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay has come to so far. `answers` is `replayed` and all of `unread` together.

    `moves` counts the changed answers by their action before and after, `rules` by each rule that
    led to the old action or would lead to the new; `unread` those of which nobody can tell, by
    reason. `models` are rules that only a model could judge, and which did not read here.
    """

    answers: int = 0
    changed: int = 0
    moves: Mapping[tuple[Action, Action], int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    named: tuple[Changed, ...] = ()

    @property
    def replayed(self) -> int:
        """How many answers could be decided again."""
        return self.answers - sum(self.unread.values())


@dataclass(frozen=True, slots=True)
class Replay:
    """A draft, and where its past is found: former remits by digest, withheld texts by case."""

    draft: Loaded
    former: Callable[[str], Policy | None]
    withheld: Callable[[str], str | None] = lambda _: None
    kinds: Registry | None = None

    def run(self, records: Iterable[Mapping[str, Any] | None]) -> Iterator[Replayed]:
        """Replays answers; None is an erased one, other kinds of record are passed over.

        Yields what it has come to after each chunk: to stop, do not go on. Raises PolicyError
        where the draft does not compile.
        """
        tally = Tally()
        known: dict[str, tuple[Comparison, Policy | None] | None] = {}
        answers = (r for r in records if r is None or r.get("kind") in ("answer", "refusal"))
        while chunk := list(islice(answers, CHUNK)):
            groups: dict[str, list[Recorded]] = {}
            for record in chunk:
                if record is None:
                    tally.take(Unread(ERASED))
                else:
                    groups.setdefault(str(record.get("policy", "")), []).append(Recorded(record))
            for digest, group in groups.items():
                if digest not in known:
                    known[digest] = self._compared(digest) if len(known) < REMITS_MOST else None
                self._replay(known[digest], group, tally)
            yield tally.so_far()

    def _compared(self, digest: str) -> tuple[Comparison, Policy | None]:
        former = self.former(digest)
        return compare(former, self.draft, self.kinds), former

    def _replay(
        self,
        known: tuple[Comparison, Policy | None] | None,
        answers: Sequence[Recorded],
        tally: Tally,
    ) -> None:
        if known is None:
            for _ in answers:
                tally.take(Unread(OTHER_REMIT))
            return
        comparison, former = known
        sound = []
        for answer in answers:
            try:
                answer.find_texts(former, self.withheld)
            except _FAULTS:
                tally.take(Unread(MALFORMED))
            else:
                sound.append(answer)
        tally.models.update(dict.fromkeys(comparison.models))
        for outcome in decided_again(comparison, sound):
            tally.take(outcome)


def decided_again(
    comparison: Comparison, answers: Sequence[Recorded]
) -> Iterator[Changed | Unread | None]:
    """What the draft makes of each answer, whose texts have been found; None: the same."""
    if comparison.anew is not None:
        for place in PLACES:
            _read(comparison.anew, place, answers)
    for answer in answers:
        try:
            yield answer.outcome(comparison)
        except _FAULTS:
            yield Unread(MALFORMED)


def _read(enforcer: Enforcer, place: Stage, answers: Sequence[Recorded]) -> None:
    """Adds what is found at a place; most texts are sieved out before (`detectors/batch`)."""
    messages: list[Message] = []
    threads: list[list[int]] = []
    judged: dict[int, Recorded] = {}
    for answer in answers:
        if place not in answer.texts:
            continue
        first = len(messages)
        if place is Stage.OUTPUT:
            messages.append(Message("user", answer.asked))
        messages.append(Message(_ROLES[place], answer.texts[place]))
        judged[len(messages) - 1] = answer
        threads.append(list(range(first, len(messages))))
    batch = Batch(messages, threads)
    readers: dict[int, set[int]] = {}
    for number, asked in enumerate(enforcer.asked(place)):
        for at in suspects(asked.matcher, batch):
            if at in judged:
                readers.setdefault(at, set()).add(number)
    for at, only in readers.items():
        verdict = enforcer.judge(batch.interaction(at), place, only)
        judged[at].hits += [
            Hit(place, name, result.action, result.spans)
            for name, result in verdict.rules.items()
            if result.action
        ]


_ROLES: Final = {Stage.INPUT: "user", Stage.OUTPUT: "assistant"}


@dataclass(slots=True)
class Tally:
    """Counts outcomes as they come."""

    answers: int = 0
    changed: int = 0
    moves: Counter[tuple[Action, Action]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    models: dict[str, None] = field(default_factory=dict)
    named: list[Changed] = field(default_factory=list)

    def take(self, outcome: Changed | Unread | None) -> None:
        """Counts one."""
        self.answers += 1
        if isinstance(outcome, Unread):
            self.unread[outcome.reason] += 1
        elif outcome is not None:
            self.changed += 1
            self.moves[outcome.before, outcome.after] += 1
            self.rules.update({*outcome.rules, *outcome.former})
            if len(self.named) < NAMED_MOST:
                self.named.append(outcome)

    def so_far(self) -> Replayed:
        """What they have come to."""
        return Replayed(
            self.answers,
            self.changed,
            dict(self.moves),
            dict(self.rules),
            dict(self.unread),
            tuple(self.models),
            tuple(self.named),
        )
