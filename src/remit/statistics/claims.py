"""What a claim about a rate takes: "at most 1 %, at 95 %" in cases, and what it is likely to get.

A claim is kept by a fixed plan, so many cases and so many failures allowed, both settled before
the first case is run, or by a test that may look after every case (`stopping`). The exact
binomial is used throughout: a claim holds where the Clopper-Pearson bound does not exceed its
limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log, log1p

from remit.statistics.intervals import at_most, check_confidence, check_counts
from remit.statistics.multiplicity import holm

_MOST_CASES = 10**12
_MOST_ALLOWED = 10**6
# Where a probability equals the error exactly, rounding must not decide.
_TIE = 1e-12
_NUMBER = r"(\d{1,6}(?:[.,]\d{1,9})?)[ \u00a0\u202f]?(%)?"
_CLAIM = re.compile(
    rf"(?:≤|<=|<|at most|under)?\s?{_NUMBER}\s(?:at|with|@)\s{_NUMBER}(?:\sconfidence)?"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """That failures occur at a rate of at most `limit`, to be shown with this confidence."""

    limit: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise ValueError(f"limit {self.limit:g}: give a rate between 0 and 100 %, not either")
        check_confidence(self.confidence)

    def __str__(self) -> str:
        return f"≤ {100 * self.limit:.10g} % at {100 * self.confidence:.10g} %"


@dataclass(frozen=True, slots=True)
class Plan:
    """A fixed test: run `cases`, and the claim is shown where at most `failures_allowed` fail.

    `power` is the probability that it will be shown if the true rate is `rate`.
    """

    claim: Claim
    cases: int
    failures_allowed: int
    rate: float
    power: float


def parse_claim(text: str) -> Claim:
    """Reads "≤ 1 % at 95 %", "<= 0.01 at 0.95", "at most 0,5% at 99 % confidence".

    Raises ValueError, with an example, for anything else.
    """
    short = text[:100]
    match = _CLAIM.fullmatch(" ".join(short.split())) if len(text) <= 100 else None
    if match is None:
        raise ValueError(f"claim {short!r} is not understood; write it like '≤ 1 % at 95 %'")
    limit, confidence = (
        float(number.replace(",", ".")) / (100 if percent else 1)
        for number, percent in (match.group(1, 2), match.group(3, 4))
    )
    try:
        return Claim(limit, confidence)
    except ValueError as error:
        raise ValueError(f"claim {short!r}: {error}; write it like '≤ 1 % at 95 %'") from None


def cases_needed(limit: float, confidence: float = 0.95, failures_allowed: int = 0) -> int:
    """The fewest cases that show a rate of at most `limit` with so many failures among them.

    299 for 1 % at 95 % with none, 473 with one. Raises ValueError for a limit or a confidence
    outside (0, 1), a negative number of failures, or a claim that takes over 10^12 cases.
    """
    claim = Claim(limit, confidence)
    if failures_allowed < 0:
        raise ValueError(f"{failures_allowed} failures allowed: must be 0 or more")
    if failures_allowed == 0:
        return _bounded(max(1, ceil(log(1 - confidence) / log1p(-limit) - _TIE)), claim)
    few, many = failures_allowed, 2 * failures_allowed + 2
    while not _shows(failures_allowed, many, claim):
        few, many = many, _bounded(2 * many, claim)
    while many - few > 1:
        middle = (few + many) // 2
        if _shows(failures_allowed, middle, claim):
            many = middle
        else:
            few = middle
    return many


def failures_tolerated(limit: float, n: int, confidence: float = 0.95) -> int:
    """The most failures among n cases that still show a rate of at most `limit`; -1 for none.

    -1 says that even without a failure so few cases cannot show it.
    """
    claim = Claim(limit, confidence)
    check_counts(0, n)
    shown, not_shown = -1, n
    while not_shown - shown > 1:
        middle = (shown + not_shown) // 2
        if _shows(middle, n, claim):
            shown = middle
        else:
            not_shown = middle
    return shown


def p_value(failures: int, n: int, limit: float) -> float:
    """How surprising so few failures are if the rate were `limit` or more."""
    check_counts(failures, n)
    return at_most(failures, n, limit)


def power(limit: float, n: int, rate: float, confidence: float = 0.95) -> float:
    """The probability that n cases will show the claim when the true rate is `rate`."""
    allowed = failures_tolerated(limit, n, confidence)
    return at_most(allowed, n, rate) if allowed >= 0 else 0.0


def plan(claim: Claim, rate: float, wanted: float = 0.9) -> Plan:
    """The smallest fixed plan that shows the claim with probability `wanted` at this true rate.

    Raises ValueError where the rate is not below the limit (more cases would not help), or so
    close to it that a million failures would have to be allowed.
    """
    if not 0 <= rate < claim.limit:
        raise ValueError(f"a true rate of {rate:g} never shows {claim}; it must be below the limit")
    check_confidence(wanted)
    best: Plan | None = None
    too_few, allowed = -1, 0
    while best is None or best.failures_allowed - too_few > 1:
        if allowed > _MOST_ALLOWED:
            raise ValueError(f"a true rate of {rate:g} is too close to the limit of {claim}")
        cases = cases_needed(claim.limit, claim.confidence, allowed)
        reached = at_most(allowed, cases, rate)
        if reached >= wanted:
            best = Plan(claim, cases, allowed, rate, reached)
        else:
            too_few = allowed
        allowed = (too_few + best.failures_allowed) // 2 if best else 2 * allowed + 1
    return best


def shown_jointly(
    counts: Mapping[str, tuple[int, int]], claims: Mapping[str, Claim], confidence: float = 0.95
) -> dict[str, bool]:
    """Which rules' limits are shown, all of them together with this confidence (Holm).

    `counts` gives failures and cases per rule, `claims` each rule's limit; the confidence of the
    single claims gives way to the joint one. A rule without cases is not shown.
    """
    check_confidence(confidence)
    p_values = {
        rule: p_value(*counts[rule], claim.limit) if counts.get(rule, (0, 0))[1] else 1.0
        for rule, claim in claims.items()
    }
    return {rule: p <= 1 - confidence for rule, p in holm(p_values).items()}


def _shows(failures: int, n: int, claim: Claim) -> bool:
    return at_most(failures, n, claim.limit) <= (1 - claim.confidence) * (1 + _TIE)


def _bounded(cases: int, claim: Claim) -> int:
    if cases > _MOST_CASES:
        raise ValueError(f"{claim} takes over {_MOST_CASES:,} cases; claim less")
    return cases
