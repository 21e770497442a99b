"""Do reviewers agree? By rule, with intervals; and which rules are too vague to train on.

A rule on which careful people disagree is not a rule yet: it goes back to its owner, in words, and
stays out of training until it is clearer. Coefficients from `statistics.agreement`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from remit.layers.training.preferences.pairs import OVERALL, Pair
from remit.layers.training.preferences.verdicts import Choice, Verdict
from remit.statistics.agreement import bootstrap_interval, cohen_kappa, krippendorff_alpha
from remit.statistics.intervals import Interval, clopper_pearson
from remit.statistics.judges import NotEstimable

LEAST: Final = 0.4
"""Alpha under which a rule counts as ambiguous. Krippendorff asks 0.667 for tentative conclusions;
a preference is noisier than a label, and what is trained on is smoothed by what it lacks."""

FEWEST: Final = 20
"""Pairs labelled twice, under which no rule is called ambiguous: a bootstrap of fewer lies."""

_CODES: Final = {choice: float(place) for place, choice in enumerate(Choice)}
_DRAWS: Final = 400


@dataclass(frozen=True, slots=True)
class RuleAgreement:
    """One rule, or `overall`. `agreed` is the share of doubly labelled pairs with one answer."""

    rule: str
    pairs: int
    doubled: int
    agreed: float | None
    alpha: float | NotEstimable
    interval: Interval | NotEstimable
    ambiguous: bool
    why: str


@dataclass(frozen=True, slots=True)
class ReviewerAgreement:
    """One reviewer: how many verdicts, gold answers right, and kappa with all others' verdicts."""

    reviewer: str
    verdicts: int
    gold_right: int
    gold_asked: int
    gold: Interval | None
    kappa: float | NotEstimable
    seconds: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is known of how far reviewers agree."""

    rules: tuple[RuleAgreement, ...]
    reviewers: tuple[ReviewerAgreement, ...]

    @property
    def ambiguous(self) -> tuple[RuleAgreement, ...]:
        """The rules that go back to their owners."""
        return tuple(rule for rule in self.rules if rule.ambiguous)

    def rule(self, name: str) -> RuleAgreement | None:
        """A rule's, or `overall`'s."""
        return next((rule for rule in self.rules if rule.rule == name), None)


def newest(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The last word of each reviewer on each pair."""
    return tuple({(v.pair, v.reviewer): v for v in verdicts}.values())


def agreement(
    pairs: Sequence[Pair],
    verdicts: Sequence[Verdict],
    rules: Sequence[str],
    *,
    least: float = LEAST,
    seed: int = 0,
) -> Agreement:
    """Agreement on each rule and overall. Gold pairs count for the reviewers only."""
    gold = {pair.id: pair.gold for pair in pairs if pair.is_gold}
    said = newest(verdicts)
    open_ = [v for v in said if v.pair not in gold and not v.report]
    return Agreement(
        tuple(_of_rule(rule, open_, least, seed) for rule in (*rules, OVERALL)),
        tuple(
            _of_reviewer(name, [v for v in said if v.reviewer == name], open_, gold)
            for name in sorted({v.reviewer for v in said})
        ),
    )


def _of_rule(rule: str, verdicts: Sequence[Verdict], least: float, seed: int) -> RuleAgreement:
    units: dict[str, list[float | None]] = defaultdict(list)
    for verdict in verdicts:
        choice = verdict.said(rule)
        if choice is not None:
            units[verdict.pair].append(_CODES[choice])
    doubled = [values for values in units.values() if len(values) > 1]
    agreed = sum(len(set(values)) == 1 for values in doubled) / len(doubled) if doubled else None
    alpha = krippendorff_alpha(doubled)
    interval = bootstrap_interval(doubled, krippendorff_alpha, draws=_DRAWS, seed=seed)
    ambiguous, why = _ambiguous(alpha, interval, least, len(doubled))
    return RuleAgreement(rule, len(units), len(doubled), agreed, alpha, interval, ambiguous, why)


def _ambiguous(
    alpha: float | NotEstimable, interval: Interval | NotEstimable, least: float, doubled: int
) -> tuple[bool, str]:
    if isinstance(alpha, NotEstimable):
        return False, alpha.reason
    if isinstance(interval, NotEstimable):
        return False, interval.reason
    if doubled < FEWEST:
        return False, f"agreement {alpha:.2f} on {doubled} pairs: label {FEWEST} or more twice"
    if interval.high < least:
        return True, f"agreement {alpha:.2f} (at most {interval.high:.2f}), asked {least:.2f}"
    if alpha < least:
        return False, f"agreement {alpha:.2f}, which may still be {least:.2f}: label more twice"
    return False, f"agreement {alpha:.2f}"


def _of_reviewer(
    name: str,
    own: Sequence[Verdict],
    everybody: Sequence[Verdict],
    gold: Mapping[str, Mapping[str, str]],
) -> ReviewerAgreement:
    asked = right = 0
    for verdict in own:
        for rule, answer in gold.get(verdict.pair, {}).items():
            choice = verdict.said(rule)
            if choice is not None:
                asked, right = asked + 1, right + (choice.value == answer)
    others: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in everybody:
        if verdict.reviewer != name:
            others[verdict.pair].append(verdict)
    together = [
        (mine, theirs)
        for verdict in own
        for other in others[verdict.pair]
        for rule in (*verdict.rules, OVERALL)
        if (mine := verdict.said(rule)) is not None and (theirs := other.said(rule)) is not None
    ]
    kappa = cohen_kappa(together) if together else NotEstimable("nobody else saw the same pairs")
    times = sorted(verdict.seconds for verdict in own)
    return ReviewerAgreement(
        name,
        len(own),
        right,
        asked,
        clopper_pearson(right, asked) if asked else None,
        kappa,
        times[len(times) // 2] if times else 0.0,
    )
