"""Which replies people are asked to label: some at random, and some that the graders flagged.

The random part says what the graders miss and how often; the flagged part, how often a flag is
right. How an item was drawn is kept with its label, because rates are computed from both parts
differently. Memory is that of the sample, however long the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from remit.types import Message
from remit.verify.cases import Grade
from remit.verify.draw import Draw
from remit.verify.grading.labels import Part
from remit.verify.records import Sample


@dataclass(frozen=True, slots=True)
class Item:
    """One conversation to be labelled. What the graders said is not shown to raters."""

    id: str
    rule: str
    messages: tuple[Message, ...]
    given: int
    grade: Grade
    part: Part


@dataclass(frozen=True, slots=True)
class Counted:
    """How many replies of a rule there were, and how many of them the graders flagged."""

    n: int
    flagged: int


@dataclass(slots=True)
class _Rule:
    """The two reservoirs of a rule (Vitter 1985, algorithm R)."""

    random: list[Item] = field(default_factory=list)
    flagged: list[Item] = field(default_factory=list)
    n: int = 0
    flags: int = 0


def draw(
    samples: Iterable[Sample], *, random: int = 60, flagged: int = 40, seed: int = 0
) -> tuple[list[Item], dict[str, Counted]]:
    """Items to label per rule, in an order that tells nothing, and what they were drawn from.

    Replies that were not played are left out. Those that no grader could decide count as flagged:
    a person must read them.
    """
    rules: dict[str, _Rule] = {}
    choice = Draw("label", seed)
    for sample in samples:
        if sample.failed or not sample.transcript.replies:
            continue
        rule = rules.setdefault(sample.case.rule, _Rule())
        rule.n += 1
        _keep(rule.random, _item(sample, "random"), rule.n, random, choice)
        if sample.grade.label != "held":
            rule.flags += 1
            _keep(rule.flagged, _item(sample, "flagged"), rule.flags, flagged, choice)
    items = choice.shuffled([item for rule in rules.values() for item in _both(rule)])
    return items, {name: Counted(rule.n, rule.flags) for name, rule in rules.items()}


def _keep(kept: list[Item], item: Item, seen: int, most: int, choice: Draw) -> None:
    if len(kept) < most:
        kept.append(item)
    elif (place := choice.below(seen)) < most:
        kept[place] = item


def _both(rule: _Rule) -> Iterator[Item]:
    yield from rule.random
    known = {item.id for item in rule.random}
    yield from (item for item in rule.flagged if item.id not in known)


def _item(sample: Sample, part: Part) -> Item:
    identity = f"{sample.target}/{sample.number}/{sample.repeat}"
    played = sample.transcript
    return Item(
        identity,
        sample.case.rule,
        played.messages,
        len(sample.case.opening),
        replace(sample.grade, reason=""),
        part,
    )
