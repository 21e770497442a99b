"""What concerns people: oversight, disclosure, personal data."""

from __future__ import annotations

from collections.abc import Iterator

from remit.report import words
from remit.report.document import Block, Cell, Gap, Heading, Section, Task, Text
from remit.report.gather import Gathered
from remit.report.handoffs import Handled
from remit.report.sections.base import owner_of, section, table


def oversight(gathered: Gathered) -> Section:
    """Handoffs to people: opened, answered, overdue."""
    asks = "Does a person take over when it should stop?"
    return section("oversight", "Handoffs and oversight", asks, _oversight(gathered))


def _oversight(gathered: Gathered) -> Iterator[Block]:
    found, colleague = gathered.handoffs, gathered.policy.colleague
    if found.all.opened:
        rows = [_handled(words.plain(rule, 64), one) for rule, one in sorted(found.rules.items())]
        yield table(
            (
                "rule",
                "opened",
                "answered",
                "late",
                "closed unanswered",
                "open",
                "overdue",
                "median time",
            ),
            [*rows, _handled("all", found.all)],
            f"As of {words.minute(gathered.at)}. Promised: {colleague.promise}, within "
            f"{words.count(colleague.within_hours, 'hour')}. Median from question to answer.",
        )
    else:
        yield Gap("No handoff is in the record in this period.", "none, where nothing was in doubt")
    yield from _waiting(gathered)
    if found.people:
        people = sorted(found.people.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{words.plain(who, 60)} ({n:,})" for who, n in people[:20])
        yield Text(f"Answered by: {told}.")
    yield Task(
        owner_of(gathered),
        "Who oversees the assistant, what they were taught and when (AI literacy), and that they "
        "may overrule it.",
    )


def _waiting(gathered: Gathered) -> Iterator[Block]:
    found = gathered.handoffs
    if found.waiting:
        yield Heading("Waiting too long")
        yield table(
            ("case", "rule", "owner", "promised", "was due"),
            [
                (
                    _id(c.id),
                    words.plain(c.rule, 64),
                    words.plain(c.owner, 80),
                    words.plain(c.colleague, 80),
                    words.minute(c.due),
                )
                for c in found.waiting
            ],
        )


def _handled(name: str, one: Handled) -> tuple[Cell | str, ...]:
    middle = "–" if one.median is None else words.duration(one.median)
    return (
        Cell(name, small=words.plain(one.owner, 80)),
        f"{one.opened:,}",
        f"{one.answered:,}",
        f"{one.late:,}",
        f"{one.closed_unanswered:,}",
        f"{one.open:,}",
        Cell(f"{one.overdue:,}", "bad" if one.overdue else None),
        middle,
    )


def disclosure(gathered: Gathered) -> Section:
    """Are people told that a machine answers?"""
    asks = "Are people told that a machine answers?"
    return section("disclosure", "Disclosure", asks, _disclosure(gathered))


def _disclosure(gathered: Gathered) -> Iterator[Block]:
    told = gathered.observed.disclosure
    yield Text(
        "How it was measured: an answer counts as a first turn where the record says that exactly "
        "one message of the client was read; its words are searched for a plain statement that a "
        "machine speaks (AI, chatbot, digital assistant, and the same in Dutch, German, French and "
        "Spanish). That is a search for words, not a judgement; and a notice beside the "
        "conversation is not in the record."
    )
    told_of = told.first - told.wordless
    all_say = 0 < told_of == told.said
    yield table(
        ("", "answers"),
        [
            ("First turns", f"{told.first:,}"),
            ("… of which the words were kept", f"{told_of:,}"),
            ("… that say so", Cell(f"{told.said:,}", "good" if all_say else "open")),
            ("Turns that cannot be told first or later", f"{told.untold:,}"),
        ],
    )
    yield from _examples(gathered)
    if told.said < told_of:
        yield Gap(
            f"{told_of - told.said:,} of {told_of:,} first turns do not say in their words that a "
            "machine answers.",
            "say it in a notice beside the conversation, or in the first answer",
        )
    elif not told_of:
        yield Gap(
            "No first turn with its words is in the record.", "set record: masked in the remit"
        )
    yield Task(
        owner_of(gathered),
        "Attach a picture of the page or channel as clients see it, with the notice that a machine "
        "answers, and the date; or say why it is obvious (Article 50(1)).",
    )


def _examples(gathered: Gathered) -> Iterator[Block]:
    told = gathered.observed.disclosure
    if told.saying:
        yield table(
            ("say so, for example", "words found"),
            [(_id(id_), f"“{found}”") for id_, found in told.saying],
        )
    if told.silent:
        yield table(
            ("do not, for example",),
            [(_id(id_),) for id_ in told.silent],
            "`remit evidence show FILE ID` shows each.",
        )


def _id(text: str) -> Cell:
    return Cell(words.plain(text, 64), code=True)


def personal(gathered: Gathered) -> Section:
    """Personal data in the record, and what people asked to be erased."""
    asks = "What personal data is kept, and for how long?"
    return section("personal", "Personal data", asks, _personal(gathered))


def _personal(gathered: Gathered) -> Iterator[Block]:
    kept = {
        "masked": "clients' words with what the rules found masked, and the answers",
        "full": "clients' words and the answers, in full",
        "fingerprint": "no words, only a hash of what was delivered",
    }[gathered.policy.record]
    where = sorted({up for _, up in gathered.observed.models if up})
    yield table(
        ("", ""),
        [
            ("The record keeps", f"{kept} (record: {gathered.policy.record})"),
            ("Handoffs keep", "the conversation, until they are erased"),
            ("Sent on to", ", ".join(words.plain(up, 80) for up in where) or "not recorded"),
            ("Entries erased in this period", f"{gathered.observed.erased:,}"),
        ],
    )
    if gathered.observed.erasures:
        yield table(
            ("erased", "by", "why", "entries"),
            [
                (words.minute(time), who, why, f"{n:,}")
                for time, who, why, n in gathered.observed.erasures
            ],
        )
    yield Gap(
        "Remit deletes nothing by itself, and no time of retention is in the remit.",
        "settle one, and erase with it",
    )
    yield Task(
        owner_of(gathered),
        "The register's entry (Article 30): purposes, legal basis, recipients, retention. And "
        "whether an impact assessment (Article 35) is due, with its outcome.",
    )
