"""What all interventions in force come to for one remit. Pure.

`combined` takes the stricter of each part, so neither order nor number of interventions matters,
and one more never makes the result milder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from remit.layers.monitor.interventions import Intervention
from remit.policy import Policy
from remit.policy.intervening import Kind


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """A setting that cannot be compared, such as words: of two, the later begun one counts."""

    starts: str
    id: str
    value: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is in force beside the remit.

    `thresholds` are upper bounds by rule, `share` the least share of answers that is judged.
    `regenerate` is how often the model is asked again after a rule stopped its reply, by rule, ''
    for any. `approve` says from which score of a rule on an answer waits for a person; under '' all
    answers wait. `within_minutes` is how long they wait at most. `fallback` names the model that
    serves instead; '' is the one that the gateway was started with.
    """

    ids: frozenset[str] = frozenset()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    share: float = 0.0
    regenerate: Mapping[str, int] = field(default_factory=dict)
    reply: Said | None = None
    approve: Mapping[str, float] = field(default_factory=dict)
    within_minutes: int | None = None
    fallback: Said | None = None
    per_minute: int | None = None
    paused: Said | None = None
    holds: bool = False
    killed: bool = False

    @property
    def stops(self) -> bool:
        """True where no new request is answered."""
        return self.killed or self.paused is not None

    @property
    def whole(self) -> bool:
        """True where no answer may begin before all of it is known."""
        return bool(self.regenerate or self.approve)

    def repeats(self, rules: Iterable[str]) -> int:
        """How often the model is asked again where one of these rules stopped its reply."""
        anyhow = self.regenerate.get("", 0)
        return max([anyhow, *(self.regenerate.get(rule, 0) for rule in rules)])

    def waits(self, scores: Mapping[str, float]) -> str | None:
        """The rule for which an answer with these scores waits for a person; None: for none.

        A rule that failed to answer has the score 1 here.
        """
        if "" in self.approve:
            return ""
        held = (r for r, least in sorted(self.approve.items()) if scores.get(r, 0.0) >= least)
        return next(held, None)


NONE = Measures()


def measures_of(interventions: Iterable[Intervention], policy: Policy, now: str) -> Measures:
    """What is in force at `now`, as `stamp()` writes it. What is of another remit's rule is not."""
    rules = {rule.id for rule in policy.rules} | {""}
    return reduce(
        combined,
        (effect(it) for it in interventions if it.in_force(now) and it.rule in rules),
        NONE,
    )


def effect(it: Intervention) -> Measures:
    """What one intervention comes to by itself."""
    ids, setting = frozenset({it.id}), it.setting
    match it.kind:
        case Kind.TIGHTEN:
            return Measures(ids, thresholds={it.rule: float(setting["threshold"])})
        case Kind.SAMPLE:
            return Measures(ids, share=float(setting["share"]))
        case Kind.REGENERATE:
            return Measures(ids, regenerate={it.rule: int(setting["times"])})
        case Kind.REPLY:
            return Measures(ids, reply=_said(it, setting["text"]))
        case Kind.APPROVE:
            least = setting.get("from")
            approve = {"": 0.0} if least is None else {it.rule: float(least)}
            return Measures(ids, approve=approve, within_minutes=setting.get("within_minutes"))
        case Kind.FALLBACK:
            return Measures(ids, fallback=_said(it, setting.get("model", "")))
        case Kind.THROTTLE:
            return Measures(ids, per_minute=int(setting["per_minute"]))
        case Kind.PAUSE:
            said = _said(it, setting.get("message", ""))
            return Measures(ids, paused=said, holds=bool(setting.get("hold")))
        case Kind.KILL:
            return Measures(ids, killed=True)


def combined(a: Measures, b: Measures) -> Measures:
    """Both at once: of each part the stricter. Commutative, associative, idempotent."""
    return Measures(
        ids=a.ids | b.ids,
        thresholds=_least(a.thresholds, b.thresholds),
        share=max(a.share, b.share),
        regenerate=_most(a.regenerate, b.regenerate),
        reply=_later(a.reply, b.reply),
        approve=_least(a.approve, b.approve),
        within_minutes=_smaller(a.within_minutes, b.within_minutes),
        fallback=_later(a.fallback, b.fallback),
        per_minute=_smaller(a.per_minute, b.per_minute),
        paused=_later(a.paused, b.paused),
        holds=a.holds or b.holds,
        killed=a.killed or b.killed,
    )


def _said(it: Intervention, value: str) -> Said:
    return Said(it.starts, it.id, value, it.expires)


def _later(a: Said | None, b: Said | None) -> Said | None:
    return max((said for said in (a, b) if said is not None), default=None)


def _smaller(a: int | None, b: int | None) -> int | None:
    return min((value for value in (a, b) if value is not None), default=None)


def _least(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    both = {**a, **b}
    return {key: min(a.get(key, value), b.get(key, value)) for key, value in both.items()}


def _most(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    both = {**a, **b}
    return {key: max(a.get(key, value), b.get(key, value)) for key, value in both.items()}
