"""From what was gathered to the report: the sections in order, and the first page on top. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from remit.report import words
from remit.report.document import (
    Cell,
    Claim,
    Decision,
    Figure,
    Front,
    Held,
    Report,
    Section,
    Sign,
)
from remit.report.gather import Gathered
from remit.report.observed import REPLIES
from remit.report.problems import ReportError
from remit.report.sections import (
    attacks,
    bias,
    boundaries,
    incidents,
    measured,
    operation,
    origin,
    people,
)
from remit.report.sections.base import owner_of, reviewer_of

_SECTIONS: tuple[Callable[[Gathered], Section], ...] = (
    boundaries.system,
    boundaries.rules,
    boundaries.coverage,
    boundaries.changes,
    origin.training,
    measured.verification,
    attacks.attacks,
    bias.bias,
    origin.provider,
    operation.record,
    operation.monitoring,
    incidents.interventions,
    people.oversight,
    people.disclosure,
    people.personal,
    incidents.incidents,
)
_MOST_DECISIONS = 8


def compose(gathered: Gathered) -> Report:
    """The report. Raises ReportError where a file that was read holds what its format does not."""
    try:
        sections = tuple(make(gathered) for make in _SECTIONS)
        front = _front(gathered)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ReportError(
            f"a file of verification, bias, labels or data holds what its format does not "
            f"({error!r}); write it anew"
        ) from error
    policy = gathered.policy
    return Report(
        policy.organisation,
        policy.assistant.name if policy.assistant else "the assistant",
        policy.digest,
        gathered.at,
        gathered.at_is,
        gathered.since,
        gathered.until,
        gathered.remit_version,
        front,
        sections,
        gathered.inputs,
    )


# --- The first page ------------------------------------------------------------------------------


def _front(gathered: Gathered) -> Front:
    claims = measured.decided(gathered)
    refused = measured.decided(gathered, "over-refusal")
    rules = tuple(
        Held(
            rule.id,
            rule.says,
            rule.owner,
            _holds(claims.get(rule.id), refused.get(rule.id)),
            _seen(gathered, rule.id),
            claims.get(rule.id),
        )
        for rule in gathered.policy.rules
    )
    failing = [held for held in rules if held.holds.sign == "bad"]
    holding = [held for held in rules if held.holds.sign == "good"]
    decisions = list(_decisions(gathered, claims))
    sentence, sign = _sentence(gathered, len(rules), len(holding), len(failing))
    return Front(
        sentence,
        "bad" if sign else "good" if len(holding) == len(rules) and rules else "open",
        tuple(_figures(gathered, len(holding))),
        rules,
        tuple(decisions[:_MOST_DECISIONS]),
        max(0, len(decisions) - _MOST_DECISIONS),
    )


def _sentence(gathered: Gathered, rules: int, holding: int, failing: int) -> tuple[str, bool]:
    if not gathered.integrity.ok:
        return (
            "The record is not as it was written: nothing counted from it can be relied on.",
            True,
        )
    if not rules:
        return "The remit has no rules, so there is nothing to hold.", False
    if failing:
        told = words.count(failing, "rule is shown not to hold", "rules are shown not to hold")
        return f"{told}; {holding} of {rules} are shown to hold.", True
    if holding == rules:
        return f"All {rules} rules are shown to hold, within the limits their owners set.", False
    if measured.deciding(gathered) is None:
        return f"Not verified: nothing shows whether the {rules} rules hold.", False
    told = f"{holding} of {rules} rules are shown to hold; none is shown not to"
    return f"{told}; for the others there is not enough evidence.", False


def _figures(gathered: Gathered, holding: int) -> Iterator[Figure]:
    observed, cases = gathered.observed, gathered.handoffs.all
    counts = list(observed.months.values())
    passed = sum(counted[2] for counted in counts)
    stopped = sum(counted[1] for counted in counts)
    yield Figure(f"{holding} of {len(gathered.policy.rules)}", "rules shown to hold")
    yield Figure(f"{observed.answers:,}", "answers in the record")
    yield Figure(f"{stopped:,}", "with a violation stopped")
    yield Figure(f"{passed:,}", "with one let through", "bad" if passed else "good")
    late: Sign = "bad" if cases.overdue else "quiet"
    yield Figure(f"{cases.open:,}", f"questions open, {cases.overdue:,} overdue", late)
    ok = gathered.integrity.ok
    yield Figure("intact" if ok else "broken", "the record's chain", "good" if ok else "bad")


def _holds(claim: Claim | None, refused: Claim | None) -> Cell:
    if claim is None:
        return Cell("not verified", "open")
    limit = "no limit" if claim.limit is None else f"limit {words.percent(claim.limit)}"
    if claim.rate is None or claim.low is None or claim.high is None:
        return Cell(claim.verdict, "open", limit)
    counted = f"{claim.failed:,} of {claim.n:,} failed"
    unknown = f", {claim.unknown:,} unknown" if claim.unknown else ""
    told = f"{counted}{unknown}; {words.between(claim.low, claim.high)}, {limit}"
    if refused:
        told += f"; {refused.failed:,} of {refused.n:,} allowed requests refused"
    return Cell(claim.verdict, claim.sign, told)


def _seen(gathered: Gathered, rule: str) -> Cell:
    seen = gathered.observed.by_rule(REPLIES).get(rule)
    if seen is None or not seen.read:
        return Cell("not read in any reply", "open")
    told = f"of {words.count(seen.read, 'answer')}"
    passed = f", {seen.passed:,} let through" if seen.passed else ""
    return Cell(f"{seen.stopped:,} stopped{passed}", "bad" if seen.passed else None, told)


def _decisions(gathered: Gathered, claims: dict[str, Claim]) -> Iterator[Decision]:
    """What waits for somebody, the gravest first."""
    owner, reviewer = owner_of(gathered), reviewer_of(gathered)
    if not gathered.integrity.ok:
        yield Decision(owner, "The record was changed: find out by whom.", "record")
    for claim in claims.values():
        if claim.sign == "bad":
            what = f"{claim.rule} does not hold: change the assistant, or the limit."
            yield Decision(claim.owner, what, "verification")
    late = gathered.handoffs.all.overdue
    if late:
        n = words.count(late, "question is", "questions are")
        yield Decision(gathered.policy.colleague.name, f"{n} past the promised time.", "oversight")
    yield from _let_through(gathered, owner)
    unsettled = sum(claim.sign == "open" for claim in claims.values())
    if not claims:
        yield Decision(reviewer, "Have this remit verified.", "verification")
    elif unsettled:
        n = words.count(unsettled, "rule lacks", "rules lack")
        yield Decision(reviewer, f"{n} evidence: verify with more cases.", "verification")
    if gathered.bias is None:
        yield Decision(owner, "Decide whether bias is to be measured.", "bias")
    told = gathered.observed.disclosure
    if told.said < told.first - told.wordless:
        yield Decision(owner, "Show that clients are told that a machine answers.", "disclosure")


def _let_through(gathered: Gathered, owner: str) -> Iterator[Decision]:
    owners = {rule.id: rule.owner for rule in gathered.policy.rules}
    for rule, seen in sorted(gathered.observed.by_rule(REPLIES).items()):
        if seen.passed:
            n = words.count(seen.passed, "violation was", "violations were")
            what = f"{words.plain(rule, 64)}: {n} let through; is that meant?"
            yield Decision(owners.get(rule, owner), what, "monitoring")
