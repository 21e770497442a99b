"""What the record itself says: that it is whole, and what was found in operation."""

from __future__ import annotations

from collections.abc import Iterator

from remit.report import words
from remit.report.document import (
    Block,
    Cell,
    Claim,
    Claims,
    Gap,
    Heading,
    Month,
    Months,
    Section,
    Sign,
    Task,
    Text,
)
from remit.report.gather import Gathered, summary
from remit.report.observed import MESSAGES, REPLIES, Seen
from remit.report.sections.base import NOBODY, epoch, hashed, reviewer_of, section, table
from remit.statistics.intervals import Interval, clopper_pearson

_CONFIDENCE = 0.95
_METHOD = "Clopper-Pearson, two-sided"
_LET_THROUGH = "Let through"
_STATEMENTS = (
    (_LET_THROUGH, "Found and not stopped, of the answers in which the rule was read."),
    ("Found", "Violations that the model wrote and detectors found, stopped or not."),
)
_INDEPENDENT = "Bounds take answers as independent; those of one conversation are not quite."
_MOST_CLAIMS = 400
_MOST_HEADS = 40
_MOST_MONTHS = 36


def record(gathered: Gathered) -> Section:
    """Is the record as it was written, and how to check that again."""
    asks = "Can the record be relied on?"
    return section("record", "The record, and proof that it is whole", asks, _record(gathered))


def _record(gathered: Gathered) -> Iterator[Block]:
    report, anchor, observed = gathered.integrity, gathered.anchor, gathered.observed
    state = Cell("intact: every hash was recomputed", "good")
    if not report.ok:
        state = Cell(f"NOT INTACT: {words.count(report.found, 'problem')}", "bad")
    yield table(
        ("", ""),
        [
            ("Chain", state),
            ("Entries", f"{report.entries:,} by {words.count(report.writers, 'writer')}"),
            ("Counted here", f"{observed.entries:,} entries, up to the heads below"),
            ("Erased on record", f"{report.erased:,}"),
            ("Handoffs", f"{report.cases:,}, each compared with its entries"),
            ("Database", hashed(anchor.database)),
            ("All heads together", hashed(summary(anchor))),
        ],
    )
    for problem in report.problems[:20]:
        yield Gap(words.plain(problem.what), problem.cure or "compare with a copy of the file")
    if observed.unreadable:
        n = words.count(observed.unreadable, "entry", "entries")
        yield Gap(f"{n} could not be read and count nowhere.", "`remit evidence verify` names them")
    if observed.overflow:
        yield Gap(f"{observed.overflow:,} things had no room here.", "report on a shorter period")
    yield from _heads(gathered)
    yield Text(
        "To check again: `remit evidence verify FILE`. The chain holds no secret, so whoever can "
        "write the file could compute it anew; an anchor kept elsewhere (`remit evidence anchor "
        "FILE`) or this page, kept by somebody else, finds that out."
    )
    yield Task(
        reviewer_of(gathered),
        "Say where anchors are kept, by whom, and how long the record is kept (Article 26(6): at "
        "least six months where it binds).",
    )


def _heads(gathered: Gathered) -> Iterator[Block]:
    anchor = gathered.anchor
    heads = anchor.heads
    more = len(heads) - _MOST_HEADS
    yield Heading("Where the chains end")
    yield table(
        ("writer", "entries", "hash of the last"),
        [
            (Cell(words.plain(h.writer, 64), code=True), f"{h.seq:,}", hashed(h.hash))
            for h in heads[:_MOST_HEADS]
        ],
        f"{more:,} more writers; the hash of all heads covers them." if more > 0 else "",
    )


# --- Monitoring ----------------------------------------------------------------------------------


def monitoring(gathered: Gathered) -> Section:
    """Violations found, stopped and let through, per rule, month and remit."""
    asks = "What did it do in operation?"
    return section("monitoring", "Monitoring", asks, _monitoring(gathered))


def _monitoring(gathered: Gathered) -> Iterator[Block]:
    observed = gathered.observed
    if not observed.answers:
        yield Gap("No answer is in the record in this period.", "give another period, or record")
        return
    yield Text(
        f"{observed.answers:,} answers from {words.day(observed.first)} to "
        f"{words.day(observed.last)}. Found is what the rules' own detectors found in what the "
        "model wrote; stopped was masked, replaced, handed over or blocked before the client saw "
        "it; let through went on, flagged or as the remit allows. What detectors miss is in none "
        "of these: the verification speaks of that."
    )
    yield from _by_month(gathered)
    yield from _statements(gathered)
    yield from _in_messages(gathered)
    yield from _unread(gathered)


def _in_messages(gathered: Gathered) -> Iterator[Block]:
    observed = gathered.observed
    messages = [
        (rule, seen) for rule, seen in sorted(observed.by_rule(MESSAGES).items()) if seen.found
    ]
    if messages:
        yield Heading("In clients' messages")
        yield table(
            ("rule", "read in answers", "found", "stopped or masked"),
            [
                (
                    Cell(words.plain(rule, 64), code=True),
                    f"{s.read:,}",
                    f"{s.found:,}",
                    f"{s.stopped:,}",
                )
                for rule, s in messages
            ],
            "What clients wrote, not what the assistant did.",
        )


def _by_month(gathered: Gathered) -> Iterator[Block]:
    observed = gathered.observed
    months = sorted(observed.months.items())[-_MOST_MONTHS:]
    yield Months(
        "Answers by month", tuple(Month(words.plain(name), *counts) for name, counts in months)
    )
    yield table(
        ("month", "answers", "violations stopped", "let through"),
        [
            (
                words.plain(name),
                f"{n:,}",
                f"{stopped:,}",
                Cell(f"{passed:,}", "bad" if passed else None),
            )
            for name, (n, stopped, passed) in months
        ],
    )


def _statements(gathered: Gathered) -> Iterator[Block]:
    seen, epochs = gathered.observed.seen, gathered.observed.epochs
    found = sorted(
        (one for one in seen.items() if one[0][3] == REPLIES),
        key=lambda one: (one[0][0], epochs[one[0][1]].first if one[0][1] in epochs else "", one[0]),
    )
    if not found:
        yield Gap("The record shows no rule read in any reply.", "give rules an output action")
        return
    for title, note in _STATEMENTS:
        claims = tuple(_claim(gathered, key, seen, title) for key, seen in found)
        more = len(claims) - _MOST_CLAIMS
        rest = f" {more:,} more are not shown; choose a shorter period." if more > 0 else ""
        yield Claims(
            f"{title}, by rule and month",
            claims[:_MOST_CLAIMS],
            f"{note} {_INDEPENDENT}{rest}",
        )


def _claim(gathered: Gathered, key: tuple[str, str, str, str], seen: Seen, title: str) -> Claim:
    month, policy, rule, _ = key
    failed = seen.passed if title == _LET_THROUGH else seen.found
    known = {r.id: r for r in gathered.policy.rules}.get(rule)
    mine = known is not None and policy == gathered.policy.digest
    limit = known.tolerance if known and mine and title == _LET_THROUGH else None
    bounds = clopper_pearson(failed, seen.read, _CONFIDENCE)
    verdict, sign = _against(limit, bounds)
    return Claim(
        words.plain(rule, 64),
        known.owner if known else NOBODY,
        title.lower(),
        failed,
        seen.read,
        seen.failed,
        "answers",
        failed / seen.read,
        bounds.low,
        bounds.high,
        _CONFIDENCE,
        _METHOD,
        limit,
        verdict,
        sign,
        epoch(gathered, policy, month, month),
        summary(gathered.anchor),
    )


def _against(limit: float | None, bounds: Interval) -> tuple[str, Sign]:
    if limit is None:
        return "counted, no limit", "quiet"
    if bounds.high <= limit:
        return "below the limit", "good"
    return ("above the limit", "bad") if bounds.low > limit else ("too few to tell", "open")


def _unread(gathered: Gathered) -> Iterator[Block]:
    observed = gathered.observed
    for what, n in sorted(observed.unchecked.items()):
        yield Gap(
            f"Not checked in {words.count(n, 'answer')}: {what}.", "see delivery in the remit"
        )
    if observed.erased:
        gone = words.count(observed.erased, "entry", "entries")
        yield Gap(f"{gone} of this period erased: counted nowhere.", "none, erased is erased")
