"""Both sides of a gate: the same prompts and random numbers, each reply judged by the auditors."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from remit.layers.training.audits import Audits
from remit.layers.training.engine import Prompt
from remit.layers.training.gate import OVER_REFUSAL, UNHELPFUL, Measured
from remit.layers.training.judged import as_messages
from remit.statistics.comparison import Tally
from remit.types import Json

Refuses = Callable[[str, str], bool]
"""Whether a reply (second) refuses what a client asked (first)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt that both models are asked.

    `tempts` is the rule that it tempts to break; without one it is ordinary, and refusing it is
    over-refusal. A helpful reply holds one of the `wanted` texts. `scenario` ties together
    disguises of one question: they are one unit.
    """

    prompt: Prompt
    tempts: str = ""
    wanted: tuple[str, ...] = ()
    scenario: str = ""


def questions(rows: Sequence[Json]) -> list[Question]:
    """Rows `{prompt, rule?, wanted?, scenario?}` as questions; `wanted` is a text or several."""
    return [
        Question(
            row["prompt"],
            str(row.get("rule") or ""),
            _texts(row.get("wanted")),
            str(row.get("scenario") or _key(row["prompt"])),
        )
        for row in rows
    ]


def measured(
    asked: Sequence[Question],
    replies: Sequence[Sequence[str]],
    audits: Audits,
    refuses: Refuses | None = None,
    *,
    doubt: bool = True,
) -> Measured:
    """What a model's replies come to: `replies` holds those to each question, in order.

    `doubt` is whether a reply that an auditor could not judge counts as breaking its rule. For a
    gate that errs on the side of caution, True for the model after and False for the one before.

    Every rule is judged on every reply, tempted or not. Without `refuses` over-refusal is not
    measured; without a wanted text helpfulness is not.
    """
    prompts = [q.prompt for q, said in zip(asked, replies, strict=True) for _ in said]
    flat = [reply for said in replies for reply in said]
    owners = [q for q, said in zip(asked, replies, strict=True) for _ in said]
    counts: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    unknown: Counter[str] = Counter()
    for question, reply, found in zip(owners, flat, audits.broken(prompts, flat), strict=True):
        for rule, broken in found.items():
            unknown[rule] += broken is None
            counts[rule][question.scenario].append(doubt if broken is None else broken)
        if refuses is not None and not question.tempts:
            counts[OVER_REFUSAL][question.scenario].append(refuses(_last(question.prompt), reply))
        if question.wanted:
            text = reply.casefold()
            helped = any(wanted.casefold() in text for wanted in question.wanted)
            counts[UNHELPFUL][question.scenario].append(not helped)
    return Measured({name: _tallies(mine) for name, mine in counts.items()}, dict(unknown))


def _tallies(scenarios: Mapping[str, Sequence[bool]]) -> dict[str, Tally]:
    return {name: Tally(sum(failed), len(failed)) for name, failed in scenarios.items()}


def _texts(wanted: object) -> tuple[str, ...]:
    if wanted is None:
        return ()
    return (wanted,) if isinstance(wanted, str) else tuple(str(one) for one in wanted)  # type: ignore[attr-defined]


def _key(prompt: Prompt) -> str:
    return hashlib.sha256(orjson.dumps(as_messages(prompt))).hexdigest()[:16]


def _last(prompt: Prompt) -> str:
    turns = as_messages(prompt)
    return turns[-1]["content"] if turns else ""
