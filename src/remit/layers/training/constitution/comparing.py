"""Phase two: of two samples, which keeps the drawn rule better? Asked in both orders.

A judge that prefers whatever stands first is no judge: what changes with the order is dropped, and
counted. What is left are preference rows, as people's would be, with how sure the critic was.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from remit.layers.training.constitution.critics import Case, Critic
from remit.layers.training.constitution.revising import as_completion
from remit.layers.training.engine import Prompt
from remit.policy import Steering
from remit.types import Json

Outcome = Literal["preferred", "same", "unread", "inconsistent", "tie"]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two replies to a prompt in the light of one rule.

    `first` is how likely `a` is the better, shown first; `second` the same, shown second; None
    where the critic's answer could not be read.
    """

    prompt: Prompt
    a: str
    b: str
    words: Steering
    first: float | None
    second: float | None

    @property
    def outcome(self) -> Outcome:
        """What may be learnt from it: only `preferred` is a preference."""
        if self.a.strip() == self.b.strip():
            return "same"
        if self.first is None or self.second is None:
            return "unread"
        if self.first == self.second == 0.5:
            return "tie"
        if (self.first - 0.5) * (self.second - 0.5) <= 0:
            return "inconsistent"
        return "preferred"

    @property
    def share(self) -> float:
        """How likely `a` is the better, the mean of both orders."""
        return ((self.first or 0.0) + (self.second or 0.0)) / 2

    def to_json(self) -> Json:
        """As a line of `comparisons.jsonl`."""
        return {
            "prompt": self.prompt,
            "a": self.a,
            "b": self.b,
            "rule": self.words.rule,
            "a_better_shown_first": self.first,
            "a_better_shown_second": self.second,
            "outcome": self.outcome,
        }


def compare(
    sampled: Sequence[tuple[Prompt, str, str]],
    rules: Sequence[Steering],
    critic: Critic,
    *,
    seed: int = 0,
) -> list[Compared]:
    """Has the critic compare the two replies of every prompt, in both orders.

    Raises ValueError without a rule.
    """
    if not rules:
        raise ValueError("no rule is penalised in training; write then: {training: penalise}")
    drawn = [
        random.Random(f"{seed}:{at}").choice(list(rules))  # noqa: S311  a draw, not a secret
        for at in range(len(sampled))
    ]
    cases = [Case(p, a, words) for (p, a, _), words in zip(sampled, drawn, strict=True)]
    turned = [Case(p, b, words) for (p, _, b), words in zip(sampled, drawn, strict=True)]
    first = critic.prefers(cases, [b for _, _, b in sampled])
    second = critic.prefers(turned, [a for _, a, _ in sampled])
    return [
        Compared(prompt, a, b, words, one, None if other is None else 1 - other)
        for (prompt, a, b), words, one, other in zip(sampled, drawn, first, second, strict=True)
    ]


def preference_rows(
    compared: Sequence[Compared], critic: Critic, policy_digest: str, model: str
) -> list[Json]:
    """A row for every consistent preference, in TRL's columns."""
    rows: list[Json] = []
    for one in compared:
        if one.outcome != "preferred":
            continue
        ahead = one.share > 0.5
        chosen, rejected = (one.a, one.b) if ahead else (one.b, one.a)
        rows.append(
            {
                "prompt": one.prompt,
                "chosen": as_completion(one.prompt, chosen),
                "rejected": as_completion(one.prompt, rejected),
                "meta": {
                    "source": "ai",
                    "rule": one.words.rule,
                    "policy": policy_digest,
                    "model": model,
                    "critic": critic.kind,
                    "critic_name": critic.name,
                    "share": one.share if ahead else 1 - one.share,
                },
                **({"margin": one.words.margin} if "margin" in one.words.written else {}),
            }
        )
    return rows
