"""What the system is, which rules apply, who answers for them, and how they changed."""

from __future__ import annotations

from collections.abc import Iterator

from remit.policy import Rule
from remit.report import words
from remit.report.document import Block, Cell, Gap, Heading, Section, Sign, Task, Text
from remit.report.gather import Gathered
from remit.report.history import Version
from remit.report.sections.base import hashed, owner_of, reviewer_of, section, table
from remit.report.sections.measured import decided
from remit.types import Stage

_EFFECTS: dict[str, Sign] = {"milder": "bad", "mixed": "open", "stricter": "good"}
_LIVE = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)
_MOST_CHANGES = 60


def system(gathered: Gathered) -> Section:
    """The system card."""
    return section("system", "System card", "What is this system?", _system(gathered))


def _system(gathered: Gathered) -> Iterator[Block]:
    policy, people = gathered.policy, gathered.policy.responsible
    assistant = policy.assistant
    models = ", ".join(
        sorted({words.plain(model, 80) or "unnamed" for model, _ in gathered.observed.models})
    )
    rows: list[tuple[str, Cell | str]] = [
        ("Organisation", policy.organisation),
        ("Assistant", f"{assistant.name}: {assistant.role}" if assistant else "not described"),
        ("Scope", assistant.scope or "not stated" if assistant else "not stated"),
        ("Languages", ", ".join(assistant.languages) if assistant else "not stated"),
        ("Answers for it", owner_of(gathered)),
        ("Reviews it", (people.reviewer or "nobody named") if people else "nobody named"),
        ("Takes over", f"{policy.colleague.name}, {policy.colleague.promise}"),
        ("Models in use", models or "none recorded"),
        ("Rules", str(len(policy.rules))),
        ("Remit (SHA-256 of its meaning)", hashed(policy.digest)),
        ("Remit, the program", gathered.remit_version),
    ]
    yield table(("", ""), rows)
    if assistant is None:
        yield Gap("The remit does not describe the assistant.", "add assistant: to the remit")
    yield Task(
        owner_of(gathered),
        "State your role under the AI Act (deployer, or provider), the class of risk and the "
        "reasoning behind it, and who the people concerned are.",
    )


def rules(gathered: Gathered) -> Section:
    """The rules with their owners."""
    return section("rules", "Rules and owners", "Which rules apply, who answers?", _rules(gathered))


def _rules(gathered: Gathered) -> Iterator[Block]:
    policy = gathered.policy
    if not policy.rules:
        yield Gap("The remit has no rules: nothing is checked.", "write rules, or take a template")
        return
    yield table(
        ("rule", "says, and why", "owner", "severity", "tolerated"),
        [
            (
                Cell(rule.id, code=True),
                Cell(rule.says, small=rule.because),
                rule.owner,
                rule.severity,
                words.percent(rule.tolerance),
            )
            for rule in policy.rules
        ],
        "Tolerated is the rate of violations that the rule's owner has set as its limit.",
    )
    yield Task(
        owner_of(gathered),
        f"Sign that these {words.count(len(policy.rules), 'rule')} are the ones that apply: "
        "name, date, and the digest above.",
    )


def changes(gathered: Gathered) -> Section:
    """What changed between remits."""
    asks = "What changed, when, and for whom?"
    return section("changes", "Changes of the remit", asks, _changes(gathered))


def _changes(gathered: Gathered) -> Iterator[Block]:
    if len(gathered.versions) < 2:
        yield Gap(
            "No earlier remit is known, so no change can be shown.",
            "give earlier files with --earlier; `remit serve` records each remit that it starts",
        )
    for number, version in enumerate(gathered.versions):
        yield Heading(_named(version, number))
        if version.trouble:
            cure = "keep the file of each remit and give it with --earlier"
            yield Gap(f"{version.trouble[:1].upper()}{version.trouble[1:]}.", cure)
        elif version.changes is None:
            yield Text("The first one known.", soft=True)
        elif not version.changes:
            yield Text("No change in meaning from the one before.", soft=True)
        else:
            yield _differences(version)
    if not gathered.observed.starts:
        yield Gap(
            "The record does not show when a remit came into force.",
            "`remit serve` records it; in a program of your own, append a record of kind start",
        )
    elif gathered.observed.starts[-1][1] != gathered.policy.digest:
        yield Gap(
            "The record's last start was under another remit than this report's.",
            "report on the remit that is in force, or start the assistant with this one",
        )
    yield Task(
        owner_of(gathered), "Name who approved each change that made a rule milder, and why."
    )


def _named(version: Version, number: int) -> str:
    since = (
        f"in force since {words.minute(version.since)}" if version.since else "not in the record"
    )
    return f"{number + 1}. Remit {words.short(version.digest)}: {version.source}, {since}"


def _differences(version: Version) -> Block:
    found = version.changes or ()
    more = len(found) - _MOST_CHANGES
    return table(
        ("rule", "owner", "what changed", "effect"),
        [
            (
                Cell(change.rule or "the remit", code=bool(change.rule)),
                change.owner or "–",
                change.words,
                Cell(change.effect, _EFFECTS.get(change.effect)),
            )
            for change in found[:_MOST_CHANGES]
        ],
        f"{more} more changes: `remit diff` shows them." if more > 0 else "",
    )


# --- Rule by layer -------------------------------------------------------------------------------


def coverage(gathered: Gathered) -> Section:
    """Rule by layer: what the remit asks, what there is evidence of, what is missing."""
    asks = "Where is each rule enforced, and where not?"
    return section("coverage", "Coverage, and its gaps", asks, _coverage(gathered))


def _coverage(gathered: Gathered) -> Iterator[Block]:
    policy = gathered.policy
    yield Text(
        "Each cell says what the remit asks at that layer; below it, whether this pack holds "
        "evidence that it was done. “Not asked” is a choice of the rule's owner, or a gap."
    )
    head = (
        "rule",
        "1 data",
        "2 training",
        "3 prompt",
        "4 message",
        "4 reply",
        "4 tools",
        "verified",
    )
    yield table(head, [_row(gathered, rule) for rule in policy.rules])
    for rule in policy.rules:
        if all(not rule.action(stage) for stage in _LIVE):
            yield Gap(
                f"{rule.id}: nothing acts on it while clients talk.", "give it an output action"
            )
        if not rule.audit:
            yield Gap(
                f"{rule.id}: no auditor, so only its own detectors can verify it.",
                "add audit: with another detector, or a judge",
            )
    yield Task(reviewer_of(gathered), "Accept each gap, with a reason, or have it closed.")


def _row(gathered: Gathered, rule: Rule) -> list[Cell]:
    filtered = any(run.policy == gathered.policy.digest for run in gathered.data)
    claim = decided(gathered).get(rule.id)
    prompt = Cell("stated", small="no evidence here") if gathered.policy.assistant else Cell("–")
    return [
        Cell(rule.id, small=rule.owner, code=True),
        _cell(rule, Stage.DATA, "filter run" if filtered else ""),
        _cell(rule, Stage.TRAINING, ""),
        prompt,
        *(_cell(rule, stage, _read(gathered, rule, stage)) for stage in _LIVE),
        Cell(claim.verdict, claim.sign) if claim else Cell("not verified", "open"),
    ]


def _read(gathered: Gathered, rule: Rule, stage: Stage) -> str:
    n = gathered.observed.reads.get((stage.value, rule.id), 0)
    return f"read in {words.count(n, 'answer')}" if n else ""


def _cell(rule: Rule, stage: Stage, evidence: str) -> Cell:
    asked = rule.then.get(stage)
    if asked is None:
        return Cell("not asked", "quiet")
    return Cell(asked.replace("_", " "), small=evidence or "no evidence here")
