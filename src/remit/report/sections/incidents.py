"""Who stepped in, and what may be an incident: for people to judge."""

from __future__ import annotations

from collections.abc import Iterator

from remit.report import words
from remit.report.document import Block, Cell, Gap, Section, Task, Text
from remit.report.gather import Gathered
from remit.report.observed import REPLIES
from remit.report.sections.base import owner_of, reviewer_of, section, table


def interventions(gathered: Gathered) -> Section:
    """What was done when it did not behave."""
    asks = "Who stepped in, when, and why?"
    return section("interventions", "Interventions", asks, _interventions(gathered))


def _interventions(gathered: Gathered) -> Iterator[Block]:
    told = [one for one in gathered.observed.told if one[0].kind != "incident"]
    if told:
        yield table(
            ("time", "what", "said"),
            [
                (
                    words.minute(row.time),
                    Cell(words.plain(row.kind, 40), small=words.plain(row.action, 40)),
                    "; ".join(f"{words.plain(key, 40)}: {part}" for key, part in value.items()),
                )
                for row, value in told[:200]
            ],
        )
    else:
        yield Gap(
            "No intervention is in the record: nobody tightened, paused or switched anything, or "
            "it was not recorded.",
            "record interventions as entries of kind intervention, with who and why",
        )
    resumed = gathered.observed.kinds["resumed"]
    if resumed:
        yield Text(f"Answers were withheld while the disk failed, {words.count(resumed, 'time')}.")
    yield Task(owner_of(gathered), "Say who may pause the assistant, and that they know how.")


def incidents(gathered: Gathered) -> Section:
    """What may be an incident, for people to judge."""
    asks = "Did something go wrong, and what was done?"
    return section("incidents", "Incidents", asks, _incidents(gathered))


def _incidents(gathered: Gathered) -> Iterator[Block]:
    observed = gathered.observed
    told = [one for one in observed.told if one[0].kind == "incident"]
    if told:
        yield table(
            ("time", "incident"),
            [
                (words.minute(row.time), "; ".join(f"{k}: {v}" for k, v in value.items()))
                for row, value in told[:200]
            ],
        )
    yield Text("What the record shows that may be one; whether it is, a person judges.")
    yield from _suspects(gathered)
    yield Task(
        reviewer_of(gathered),
        "For each: was it an incident, who was told (Article 33 GDPR: the authority within 72 "
        "hours where personal data was breached), and what was changed so that it does not recur.",
    )


def _suspects(gathered: Gathered) -> Iterator[Block]:
    observed = gathered.observed
    severe = {
        rule.id: rule for rule in gathered.policy.rules if rule.severity in ("high", "critical")
    }
    passed = observed.by_rule(REPLIES)
    rows: list[tuple[str, str, str]] = [
        (
            f"{rule.id} ({rule.severity}) let through",
            words.count(passed[rule.id].passed, "answer"),
            rule.owner,
        )
        for rule in severe.values()
        if rule.id in passed and passed[rule.id].passed
    ]
    rows += [
        (f"Error: {what}", words.count(n, "answer"), owner_of(gathered))
        for what, n in sorted(observed.errors.items())
    ]
    late = gathered.handoffs.all.overdue
    rows += [
        ("Promise to a client not kept", words.count(late, "case"), owner_of(gathered))
    ] * bool(late)
    broken = gathered.integrity.found
    rows += [
        ("The record is not whole", words.count(broken, "problem"), owner_of(gathered))
    ] * bool(broken)
    if rows:
        yield table(("what", "how often", "who judges"), rows)
    else:
        yield Text("Nothing of the kind.", soft=True)
