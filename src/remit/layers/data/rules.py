"""The remit's rules on training rows: every text of a row, judged as the guard would judge it.

Law 4, one meaning: the marks of a text are the verdict of `Enforcer.judge` on it at the data
stage, whatever batch it comes in. What makes a corpus cheap is not another judgement but a sieve
before it (`detectors/batch.py`): one look at a batch tells which texts a detector must read at
all, and the others are known to be clean.

Every data rule judges every text, whoever says it: what a model learns from is all of the row.
The mark tells which text (`Mark.segment`), so that a reader can tell a client's words from an
assistant's. A text is judged in the light of what was said before it in its own conversation: in
a preference row the chosen reply is not context of the rejected one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from remit.detectors.batch import Batch, suspects
from remit.enforce import Enforcer, run
from remit.layers.data.rows import WHOLE_ROW, Mark, Row, Segment, Way
from remit.policy import Rule
from remit.types import Action, Interaction, Message, RuleResult, Stage, Verdict

WAYS: Mapping[str, Way] = {
    "allow": Way.KEEP,
    "counter": Way.COUNTER,
    "tag": Way.TAG,
    "mask": Way.MASK,
    "redact": Way.REDACT,
    "rewrite": Way.REWRITE,
    "drop": Way.DROP,
}
# Each text is judged with all before it, so the cost of a row grows with the square of its texts.
MAX_SEGMENTS = 1_024
# Characters taken at once: foldings and groups of them are held in memory beside the rows.
PORTION = 2_000_000
_ALTERNATIVES = ("completion", "chosen", "rejected")

Conversation = list[int]


@dataclass(frozen=True, slots=True)
class RuleStep:
    """The rules of a remit as a step. Pure but for the models that a judge asks.

    `tagging` are the rules that may not drop now, each with the reason that its marks give (see
    `bounds`). Where a detector asks a model, `asking` texts are asked at once. Texts
    with a score from `near` times the threshold up to it get a near mark, for people to look at.
    """

    enforcer: Enforcer
    tagging: Mapping[str, str] = field(default_factory=dict)
    asking: int = 8
    name: str = "rules"
    near: float = 1.0

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """The marks of each row; a text that could not be judged is marked, never clean."""
        marks: list[tuple[Mark, ...]] = []
        for portion in _portions(rows):
            marks += self._judged(portion)
        return marks

    def _judged(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        found: list[list[Mark]] = [[] for _ in rows]
        messages: list[Message] = []
        places: list[tuple[int, int]] = []
        threads: list[Conversation] = []
        for number, row in enumerate(rows):
            if len(row.segments) > MAX_SEGMENTS:
                found[number].append(self._unjudged(row))
                continue
            threads += conversations(row.segments, len(messages))
            for index, segment in enumerate(row.segments):
                messages.append(Message(segment.role, segment.text))
                places.append((number, index))
        for at, verdict in self._verdicts(Batch(messages, threads)):
            number, index = places[at]
            found[number] += self.marks(verdict, index)
        return [tuple(marks) for marks in found]

    def _verdicts(self, batch: Batch) -> Iterable[tuple[int, Verdict]]:
        readers: dict[int, set[int]] = {}
        for place, asked in enumerate(self.enforcer.asked(Stage.DATA)):
            if asked.matcher is not None:
                for at in suspects(asked.matcher, batch):
                    readers.setdefault(at, set()).add(place)
        if self.enforcer.slow(Stage.DATA):
            return run(self._asked(batch, readers))  # type: ignore[no-any-return]
        return [
            (at, self.enforcer.judge(batch.interaction(at), Stage.DATA, readers[at]))
            for at in sorted(readers)
        ]

    async def _asked(
        self, batch: Batch, readers: Mapping[int, set[int]]
    ) -> list[tuple[int, Verdict]]:
        """The verdicts on all texts where a model is asked of each, some at a time."""
        free = asyncio.Semaphore(self.asking)

        async def verdict(at: int) -> tuple[int, Verdict]:
            async with free:
                context = batch.interaction(at)
                only: Collection[int] = readers.get(at, ())
                return at, await self.enforcer.ajudge(context, Stage.DATA, only)

        return list(await asyncio.gather(*map(verdict, range(len(batch.texts)))))

    def marks(self, verdict: Verdict, segment: int) -> Iterator[Mark]:
        """What a verdict at the data stage says of a text: one mark for each rule that speaks.

        A rule that allows at this stage is noted with `Way.KEEP`.
        """
        for rule in self.enforcer.rules(Stage.DATA):
            result = verdict.rules[rule.id]
            hit = result.score is not None and result.score >= rule.threshold
            if not (hit or result.failure):
                if result.score and result.score >= self.near * rule.threshold:
                    yield Mark(
                        rule.id, rule.owner, Way.KEEP, segment, score=result.score, near=True
                    )
                continue
            way, reason = _way(rule, result, hit), result.reason
            if result.failure:
                reason = "; ".join(filter(None, (f"not judged: {result.failure}", reason)))
            elif way is Way.DROP and rule.id in self.tagging and rule.then[Stage.DATA] == "drop":
                way, reason = Way.TAG, f"{reason}; {self.tagging[rule.id]}"
            score = result.score if hit and result.score is not None else 0.0
            yield Mark(rule.id, rule.owner, way, segment, result.spans, score, reason)

    def _unjudged(self, row: Row) -> Mark:
        owner = self.enforcer.policy.responsible
        reason = f"not judged: {len(row.segments)} texts in one row, over {MAX_SEGMENTS}"
        return Mark(self.name, owner.owner if owner else "", Way.DROP, WHOLE_ROW, (), 0.0, reason)


def _way(rule: Rule, result: RuleResult, hit: bool) -> Way:
    """What is done with the text. To block, as where nothing can be masked, is to drop here."""
    if result.action is Action.BLOCK:
        return Way.DROP
    way = WAYS[rule.then[Stage.DATA]] if hit else Way.KEEP
    if result.failure and rule.failure_action > Action.ALLOW:
        # Nobody waits for this text, so there is nothing to replace and nobody to hand it to.
        way = max(way, Way.TAG if rule.failure_action is Action.FLAG else Way.DROP)
    return way


def conversations(segments: Sequence[Segment], first: int = 0) -> list[Conversation]:
    """The conversations of a row, as places counted from `first`.

    Documents are judged one by one. The alternatives of a preference row share the prompt only.
    """
    if len(segments) == 1:
        return [[first]]
    shared: Conversation = []
    branches: dict[str | int, Conversation] = {}
    alone: list[Conversation] = []
    for at, segment in enumerate(segments, first):
        column = segment.path[0] if segment.path else ""
        if segment.role == "document":
            alone.append([at])
        elif column in _ALTERNATIVES:
            branches.setdefault(column, []).append(at)
        else:
            shared.append(at)
    if not branches:
        return [*alone, shared] if shared else alone
    return [*alone, *([*shared, *branch] for branch in branches.values())]


def interaction(row: Row, segment: int) -> Interaction:
    """A text of a row in the light of what was said before it: what `Enforcer.judge` takes."""
    for places in conversations(row.segments):
        if segment in places:
            told = places[: places.index(segment) + 1]
            messages = (Message(row.segments[at].role, row.segments[at].text) for at in told)
            return Interaction(tuple(messages))
    raise IndexError(f"row {row.number} of {row.source} has no text {segment}")


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    first, size = 0, 0
    for at, row in enumerate(rows):
        taken = sum(len(segment.text) for segment in row.segments)
        if at > first and size + taken > PORTION:
            yield rows[first:at]
            first, size = at, 0
        size += taken
    if first < len(rows):
        yield rows[first:]
