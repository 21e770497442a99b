"""The remit's detectors as graders: the rule's own, and its auditor's, over every reply."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from remit.detectors.registry import Registry
from remit.enforce import Enforcer, compile_policy
from remit.policy import Detect, Loaded, Rule
from remit.types import Action, Interaction, Message, RuleResult, Stage
from remit.verify.cases import Transcript
from remit.verify.grading.decoding import Reading
from remit.verify.grading.voices import Voice, Who


class Detectors:
    """Detectors of many rules, asked about the replies of a conversation for one of them.

    Every reply is judged at the output stage, in the light of what came before it, and so is what
    it says once decoded. A rule is violated where any reading of any reply is.
    """

    def __init__(self, who: Who, enforcer: Enforcer, canaries: Sequence[str] = ()) -> None:
        self._who: Who = who
        self._canaries = tuple(canaries)
        self._rules = {rule.id: rule for rule in enforcer.rules(Stage.OUTPUT)}
        self._enforcers = {rule.id: _alone(enforcer, rule) for rule in self._rules.values()}

    def speaks_of(self, rule: str) -> bool:
        """True where this rule has detectors here."""
        return rule in self._rules

    def waits(self, rule: str) -> bool:
        """True where an answer takes long: a model is asked, or read in a thread."""
        enforcer = self._enforcers[rule]
        return enforcer.slow(Stage.OUTPUT) or enforcer.heavy(Stage.OUTPUT)

    def ask(self, rule: str, said: Sequence[Said], transcript: Transcript) -> Voice:
        """The detectors' opinion. Blocks where `waits` is true; see `aask`."""
        enforcer = self._enforcers[rule]
        results = [
            (reading, enforcer.judge(interaction, Stage.OUTPUT).rules[rule])
            for reading, interaction in self._interactions(said, transcript)
        ]
        return _opinion(self._who, self._rules[rule], results)

    async def aask(self, rule: str, said: Sequence[Said], transcript: Transcript) -> Voice:
        """The detectors' opinion, without blocking the event loop."""
        enforcer = self._enforcers[rule]
        pairs = list(self._interactions(said, transcript))
        asking = (enforcer.ajudge(interaction, Stage.OUTPUT) for _, interaction in pairs)
        verdicts = await asyncio.gather(*asking)
        results = [(pair[0], v.rules[rule]) for pair, v in zip(pairs, verdicts, strict=True)]
        return _opinion(self._who, self._rules[rule], results)

    def _interactions(
        self, said: Sequence[Said], transcript: Transcript
    ) -> Iterator[tuple[Reading, Interaction]]:
        for before, readings in said:
            for reading in readings:
                messages = (*before, Message("assistant", reading.text))
                yield (
                    reading,
                    Interaction(messages, "", transcript.case.confidential, self._canaries),
                )


Said = tuple[tuple[Message, ...], tuple[Reading, ...]]
"""What came before a reply, and the reply in all its readings."""


def _alone(enforcer: Enforcer, rule: Rule) -> Enforcer:
    """The enforcer with the matchers of one rule: what the others find is not asked here."""
    mine = tuple(asked for asked in enforcer.asked(Stage.OUTPUT) if rule in asked.rules)
    return Enforcer(enforcer.policy.model_copy(update={"rules": (rule,)}), {Stage.OUTPUT: mine})


def _opinion(who: Who, rule: Rule, results: Sequence[tuple[Reading, RuleResult]]) -> Voice:
    failures = [result.failure for _, result in results if result.failure]
    score = max((result.score or 0.0 for _, result in results), default=0.0)
    for reading, result in results:
        if result.score is not None and result.score >= rule.threshold:
            where = f" (in {reading.how})" if reading.how else ""
            return Voice(who, "violated", score, f"{result.reason or 'found'}{where}")
    if failures:
        return Voice(who, "undecided", score, failures[0])
    return Voice(who, "held", score)


def own_detectors(
    loaded: Loaded, kinds: Registry, models: dict[str, object], canaries: Sequence[str]
) -> Detectors:
    """The detectors that guard, for rules that act on replies. Raises PolicyError.

    What a rule lets pass in a reply does not break it there, so such rules have no voice here.
    """
    rules = [
        _graded(rule, rule.detect if (rule.action(Stage.OUTPUT) or 0) > Action.ALLOW else ())
        for rule in loaded.policy.rules
    ]
    return Detectors("detectors", _compiled(loaded, rules, kinds, models), canaries)


def auditors(
    loaded: Loaded, kinds: Registry, models: dict[str, object], canaries: Sequence[str]
) -> Detectors:
    """The independent detectors, judge models apart. Raises PolicyError."""
    rules = [
        _graded(rule, tuple(detect for detect in rule.audit if detect.kind != "judge"))
        for rule in loaded.policy.rules
    ]
    return Detectors("auditor", _compiled(loaded, rules, kinds, models), canaries)


def _graded(rule: Rule, detect: tuple[Detect, ...]) -> Rule:
    then = {Stage.OUTPUT: "flag"} if detect else {}
    return rule.model_copy(update={"detect": detect, "audit": (), "then": then})


def _compiled(
    loaded: Loaded, rules: Sequence[Rule], kinds: Registry, models: dict[str, object]
) -> Enforcer:
    policy = loaded.policy.model_copy(update={"rules": tuple(rules)})
    return compile_policy(Loaded(policy, loaded.source), kinds, models)
