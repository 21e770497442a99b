"""A test of a claim that may look after every case: pass, fail, or not enough evidence.

*Pass* is decided by an exact group-sequential boundary. With k failures the claim is shown at
`passes_at[k]` cases; the numbers are chosen so that, at the limit itself, the probability of
ever passing is at most 1 - confidence: of it 1/2 is spent on no failure, 1/6 on one, 1/12 on two,
1/((k+1)(k+2)) on k, and what remains on the last. Above the limit it is smaller still. Since no
more failures are allowed for than the budget of cases has room for, a budget that only suffices
for none buys the fixed plan's 299 at no price.
(C. Jennison and B. W. Turnbull, *Group Sequential Methods* (2000), chapter 12, on exact
boundaries for binary outcomes.)

*Fail* is decided by the mixture e-process against "the rate is at most the limit" (`sequential`).
The two errors are bounded separately, each by 1 - confidence.

The guarantee is about cases in the order in which they were drawn, at random. Where many run at
once, count a case only when all drawn before it have been graded: slow replies are other replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log1p
from typing import Literal

from remit.statistics.claims import Claim
from remit.statistics.intervals import check_counts
from remit.statistics.sequential import log_e_above

Decision = Literal["pass", "fail", "open", "not enough evidence"]
_MOST_FAILURES = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """How a claim stands after some cases.

    `passes_at` is the number of cases at which it will pass if nothing more fails, or None where
    it cannot pass within the budget. `log_e` is the evidence that the limit is exceeded.
    """

    decision: Decision
    failures: int
    cases: int
    passes_at: int | None
    log_e: float


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When to stop, settled before the first case. Made by `stopping_rule`.

    With k failures the claim passes at `passes_at[k]` cases; with more than there are entries it
    cannot pass. Empty where the budget cannot show the claim at all.
    """

    claim: Claim
    budget: int
    passes_at: tuple[int, ...]

    def standing(self, failures: int, cases: int) -> Standing:
        """The decision after so many cases. Stop at the first that is not `open`.

        Raises ValueError for impossible counts.
        """
        if cases == 0 and failures == 0:
            return Standing("open", 0, 0, self._passes_at(0), 0.0)
        check_counts(failures, cases)
        needed = self._passes_at(failures)
        log_e = log_e_above(failures, cases, self.claim.limit)
        return Standing(self._decide(cases, needed, log_e), failures, cases, needed, log_e)

    def _passes_at(self, failures: int) -> int | None:
        return self.passes_at[failures] if failures < len(self.passes_at) else None

    def _decide(self, cases: int, needed: int | None, log_e: float) -> Decision:
        if needed is not None and cases >= needed:
            return "pass"
        if log_e >= -log(1 - self.claim.confidence):
            return "fail"
        return "open" if cases < self.budget else "not enough evidence"


def stopping_rule(claim: Claim, budget: int) -> StoppingRule:
    """The rule that allows for as many failures as `budget` cases have room for.

    Raises ValueError for a budget below one case.
    """
    if budget < 1:
        raise ValueError(f"a budget of {budget} cases: give at least one")
    boundary: tuple[int, ...] = ()
    fits, too_many = -1, _MOST_FAILURES + 1
    while too_many - fits > 1:
        failures = min(2 * fits + 2, (fits + too_many) // 2)
        wider = pass_boundary(claim, failures)
        if wider[-1] <= budget:
            boundary, fits = wider, failures
        else:
            too_many = failures
    return StoppingRule(claim, budget, boundary)


def pass_boundary(claim: Claim, most_failures: int) -> tuple[int, ...]:
    """The cases at which the claim passes with 0, 1, … `most_failures` failures.

    `alive[k]` is the probability, at the limit, of k failures so far and no pass yet. All states
    with fewer failures than the one being settled have passed, so it only loses paths until it
    is small enough to be let through.
    """
    shares = [1 / ((k + 1) * (k + 2)) for k in range(most_failures)] + [1 / (most_failures + 1)]
    alive = [1.0] + [0.0] * most_failures
    boundary: list[int] = []
    cases, unspent = 0, 0.0
    for failures, share in enumerate(shares):
        unspent += share * (1 - claim.confidence)
        more = 0
        if alive[failures] > unspent:
            more = ceil(log(unspent / alive[failures]) / log1p(-claim.limit) - 1e-12)
        alive = _after(alive, more, claim.limit)
        cases += more
        boundary.append(cases)
        unspent -= alive[failures]
        alive[failures] = 0.0
    return tuple(boundary)


def _after(alive: list[float], cases: int, rate: float) -> list[float]:
    """The probabilities of each number of failures after more cases, none of which can pass."""
    chance = (1 - rate) ** cases
    fresh = []
    for k in range(len(alive)):
        fresh.append(chance)
        chance *= (cases - k) / (k + 1) * rate / (1 - rate)
    return [
        sum(alive[k - j] * fresh[j] for j in range(k + 1) if alive[k - j])
        for k in range(len(alive))
    ]
