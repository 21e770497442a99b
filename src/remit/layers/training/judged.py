"""Replies judged by a remit's detectors, each once however many rules and rewards ask."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from remit.enforce import Enforcer, run
from remit.layers.training.engine import Prompt
from remit.types import Detection, Interaction, Message, Stage, Verdict

_MOST = 4096
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """A stage's detectors with a memory of what they said."""

    enforcer: Enforcer
    stage: Stage
    _known: OrderedDict[bytes, Verdict] = field(default_factory=OrderedDict, repr=False)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are asked."""
        return tuple(rule.id for rule in self.enforcer.rules(self.stage))

    def verdicts(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[Verdict]:
        """One a reply, in the light of what came before. Models are asked several at once."""
        asked = [(_key(p, r), p, r) for p, r in zip(prompts, replies, strict=True)]
        new = {key: (p, r) for key, p, r in asked if key not in self._known}
        judge = self._together if self.enforcer.slow(self.stage) else self._one_by_one
        fresh = dict(zip(new, judge(list(new.values())), strict=True))
        given = [fresh[key] if key in fresh else self._known[key] for key, _, _ in asked]
        self._known.update(fresh)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return given

    def _one_by_one(self, cases: Sequence[tuple[Prompt, str]]) -> list[Verdict]:
        return [self.enforcer.judge(interaction(p, r), self.stage) for p, r in cases]

    def _together(self, cases: Sequence[tuple[Prompt, str]]) -> list[Verdict]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(prompt: Prompt, reply: str) -> Verdict:
            async with gate:
                return await self.enforcer.ajudge(interaction(prompt, reply), self.stage)

        async def all_of_them() -> list[Verdict]:
            return list(await asyncio.gather(*(one(p, r) for p, r in cases)))

        found: list[Verdict] = run(all_of_them())
        return found

    def scores(
        self, prompts: Sequence[Prompt], replies: Sequence[str]
    ) -> list[Mapping[str, float]]:
        """How surely each rule is broken, in [0, 1]; 1 where a detector failed."""
        return [scores(verdict, self.rules) for verdict in self.verdicts(prompts, replies)]


def _key(prompt: Prompt, reply: str) -> bytes:
    return orjson.dumps([as_messages(prompt), reply.encode("utf-8", "replace").decode()])


def scores(verdict: Verdict, rules: Iterable[str]) -> dict[str, float]:
    """The highest score of each rule's detectors; a failure counts as a violation."""
    found = dict.fromkeys(rules, 0.0)
    for finding in verdict.findings:
        score = finding.outcome.score if isinstance(finding.outcome, Detection) else 1.0
        found[finding.rule] = max(found.get(finding.rule, 0.0), score)
    return found


def broken(verdict: Verdict, enforcer: Enforcer) -> tuple[str, ...]:
    """The rules whose threshold a reply reaches, failures included, in the remit's order."""
    found = scores(verdict, ())
    thresholds = {rule.id: rule.threshold for rule in enforcer.policy.rules}
    return tuple(rule for rule in thresholds if found.get(rule, -1.0) >= thresholds[rule])


def as_messages(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt as messages; a text is what the user says."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}] if prompt else []
    return [{"role": str(m["role"]), "content": str(m["content"])} for m in prompt]


def interaction(prompt: Prompt, reply: str) -> Interaction:
    """A prompt and a reply as the conversation whose last message is judged."""
    before = (Message(turn["role"], turn["content"]) for turn in as_messages(prompt))
    return Interaction((*before, Message("assistant", reply)))
