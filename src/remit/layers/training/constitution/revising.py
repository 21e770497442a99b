"""Phase one: sample, critique in the light of one drawn rule, revise; until clean, or given up.

A reply is clean once no rule finds fault with it since it was last changed. A revision is only
asked for where the critique found something: revising what is right makes it worse.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.layers.training.constitution.critics import Case, Critic, Reviser
from remit.layers.training.engine import Prompt
from remit.policy import Steering
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Round:
    """One critique, and the reply that came of it where it found something."""

    rule: str
    reply: str
    critique: str
    clean: bool
    revision: str | None = None

    def to_json(self) -> Json:
        """As a part of a line of `revisions.jsonl`."""
        return {
            "rule": self.rule,
            "reply": self.reply,
            "critique": self.critique,
            "clean": self.clean,
            "revision": self.revision,
        }


@dataclass(slots=True)
class Revision:
    """A prompt's way from the first sample to the last revision."""

    prompt: Prompt
    original: str
    reply: str
    rounds: list[Round] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    given_up: bool = False

    @property
    def revisions(self) -> int:
        """How often it was written anew."""
        return sum(one.revision is not None for one in self.rounds)

    def undecided(self, rules: Sequence[Steering]) -> list[Steering]:
        """The rules that have yet to pass the reply as it is now; none where it is given up."""
        done = self.given_up or not self.reply.strip()
        return [] if done else [words for words in rules if words.rule not in self.passed]

    def clean(self, rules: Sequence[Steering]) -> bool:
        """Whether every rule passed the reply as it is now, and there is one."""
        return len(self.passed) == len(rules) and bool(self.reply.strip())

    def to_json(self, rules: Sequence[Steering]) -> Json:
        """As a line of `revisions.jsonl`."""
        return {
            "prompt": self.prompt,
            "original": self.original,
            "reply": self.reply,
            "clean": self.clean(rules),
            "rounds": [one.to_json() for one in self.rounds],
        }


def revise(
    sampled: Sequence[tuple[Prompt, str]],
    rules: Sequence[Steering],
    critic: Critic,
    reviser: Reviser,
    *,
    revisions: int = 4,
    seed: int = 0,
) -> list[Revision]:
    """Takes every sample through critiques until all rules pass it or `revisions` are spent.

    All prompts go through a round together, so that a model is asked in batches. Which rule is
    drawn is settled by the seed and the prompt's place. Raises ValueError without a rule.
    """
    if not rules:
        raise ValueError("no rule is penalised in training; write then: {training: penalise}")
    ways = [Revision(prompt, reply, reply) for prompt, reply in sampled]
    rngs = [random.Random(f"{seed}:{at}") for at in range(len(ways))]  # noqa: S311  no secret
    step = 0
    while True:
        drawn = [
            (way, rng.choice(left))
            for way, rng in zip(ways, rngs, strict=True)
            if (left := way.undecided(rules))
        ]
        if not drawn:
            return ways
        step += 1
        _round(drawn, critic, reviser, revisions, seed + step)


def _round(
    drawn: Sequence[tuple[Revision, Steering]],
    critic: Critic,
    reviser: Reviser,
    most: int,
    seed: int,
) -> None:
    """A critique of each way, and a revision where it found something and may still be revised."""
    cases = [Case(way.prompt, way.reply, words) for way, words in drawn]
    critiques = critic.critiques(cases)
    again = [
        number
        for number, ((way, _), critique) in enumerate(zip(drawn, critiques, strict=True))
        if not critique.clean and way.revisions < most
    ]
    written = (
        reviser.revised([cases[n] for n in again], [critiques[n] for n in again], seed)
        if again
        else []
    )
    revised = dict(zip(again, written, strict=True))
    for number, ((way, words), critique) in enumerate(zip(drawn, critiques, strict=True)):
        revision = revised.get(number)
        way.rounds.append(Round(words.rule, way.reply, critique.text, critique.clean, revision))
        if revision is not None:
            way.reply = revision
            way.passed.clear()
        elif critique.clean:
            way.passed.add(words.rule)
        else:
            way.given_up = True


def sft_rows(
    ways: Sequence[Revision],
    rules: Sequence[Steering],
    critic: Critic,
    reviser: Reviser,
    policy_digest: str,
    model: str,
) -> list[Json]:
    """A row for every clean reply; those given up teach nothing."""
    return [
        {
            "prompt": way.prompt,
            "completion": as_completion(way.prompt, way.reply),
            "meta": {
                "source": "constitution",
                "policy": policy_digest,
                "model": model,
                "critic": critic.kind,
                "critic_name": critic.name,
                "reviser": reviser.name,
                "rules": sorted({one.rule for one in way.rounds if not one.clean}),
                "rounds": len(way.rounds),
                "original_sha256": hashlib.sha256(
                    way.original.encode("utf-8", "replace")
                ).hexdigest(),
            },
        }
        for way in ways
        if way.clean(rules)
    ]


def as_completion(prompt: Prompt, reply: str) -> str | list[Json]:
    """A completion in its prompt's own form."""
    return reply if isinstance(prompt, str) else [{"role": "assistant", "content": reply}]
