"""An entry of the record in plain words. Pure.

An answer is told as the chat page's receipt tells it: what was done, by which rule, at what place,
with which parts of the texts marked. Other kinds of entry are told by their names and values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.types import Span

KINDS: Final[Mapping[str, str]] = {
    "answer": "Answer",
    "refusal": "Refused question",
    "error": "Failed request",
    "case": "Case",
    "start": "Start of a server",
    "resumed": "Writing resumed",
    "intervention": "Intervention",
    "alarm": "Alarm",
    "epoch": "New epoch",
    "judgement": "Judged sample",
    "review": "Review",
    "remit": "Change of the remit",
    "seen": "Somebody looked",
    "account": "Account",
    "alert": "Alert",
    "checkpoint": "Checkpoint",
    "checked": "Check of the chain",
    "erasure": "Erasure",
    "policy": "Remit",
}
DEEDS: Final[Mapping[str, str]] = {
    "allow": "let through",
    "flag": "flagged for review",
    "redact": "masked",
    "replace": "replaced by a set answer",
    "hand_over": "handed over",
    "block": "blocked",
}
PLACES: Final[Mapping[str, str]] = {
    "input": "what the client wrote",
    "output": "the answer",
    "tool": "the use of a tool",
}
_TOLD: Final = frozenset({
    "id", "time", "kind", "action", "asked", "answered", "findings", "rules", "decisive",
    "channels", "delivered", "input_marks", "policy", "policy_text", "case", "unchecked",
})  # fmt: skip
_LABELS: Final[Mapping[str, str]] = {"remit": "Remit's version", "upstream": "asked of"}
_WORDINGS: Final = ("asked", "answered", "text")
_DEPTH: Final = 4
_ITEMS: Final = 40
_LONG: Final = 2_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; `mark` says what it is, '' for plain text, `rule` by which rule."""

    text: str
    mark: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a rule found, in words."""

    rule: str
    says: str
    owner: str
    place: str
    deed: str
    action: str
    reason: str
    score: float | None
    failure: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value; `under` are the facts within it."""

    name: str
    value: str = ""
    under: tuple[Fact, ...] = ()


def findings(record: Mapping[str, Any]) -> tuple[Telling, ...]:
    """What each rule found, the gravest first, as the record has it."""
    found = record.get("findings")
    told = [
        Telling(
            str(one.get("rule", "")),
            str(one.get("says", "")),
            str(one.get("owner", "")),
            PLACES.get(str(one.get("stage")), str(one.get("stage", ""))),
            DEEDS.get(str(one.get("action")), str(one.get("action", ""))),
            str(one.get("action", "")),
            str(one.get("reason") or ""),
            one.get("score") if isinstance(one.get("score"), int | float) else None,
            str(one.get("failure") or ""),
        )
        for one in (found if isinstance(found, list) else ())[:_ITEMS]
        if isinstance(one, Mapping)
    ]
    order = list(DEEDS)
    return tuple(sorted(told, key=lambda t: -order.index(t.action) if t.action in order else 0))


def channels(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(place, what was checked there), as far as anything passed."""
    told = record.get("channels")
    return tuple(
        (PLACES.get(name, name), _checked(channel))
        for name, channel in (told.items() if isinstance(told, Mapping) else ())
        if isinstance(channel, Mapping) and channel.get("texts")
    )


def _checked(channel: Mapping[str, Any]) -> str:
    rules = channel.get("rules") or ()
    if not channel.get("checked"):
        return "not checked: no rule speaks of it"
    return f"checked by {len(rules)} {'rule' if len(rules) == 1 else 'rules'}"


def asked(record: Mapping[str, Any], hits: Sequence[Span] = ()) -> tuple[Piece, ...]:
    """What the client said, in pieces. `hits` are marked; what is masked stands as a mask."""
    return pieces(_text(record.get("asked")), [(hit, "found", hit.label) for hit in hits])


def answered(record: Mapping[str, Any], hits: Sequence[Span] = ()) -> tuple[Piece, ...]:
    """What was delivered, in pieces: masks and Remit's own words are marked as such."""
    delivered = record.get("delivered")
    marks = delivered.get("marks") if isinstance(delivered, Mapping) else ()
    known = [
        (Span(int(mark[0]), int(mark[1])), str(mark[3]), str(mark[2]))
        for mark in marks or ()
        if isinstance(mark, list) and len(mark) == 4
    ]
    return pieces(
        _text(record.get("answered")), [*known, *((hit, "found", hit.label) for hit in hits)]
    )


def excerpt(text: str, hits: Sequence[Span], most: int = 240) -> tuple[Piece, ...]:
    """A text cut to about `most` characters around the first of its hits."""
    first = min((hit.start for hit in hits), default=0)
    start = max(0, first - most // 3)
    end = min(len(text), start + most)
    inside = [Span(h.start - start, h.end - start, h.label) for h in hits if h.start < end]
    cut = pieces(text[start:end], [(hit, "found", hit.label) for hit in inside])
    before, after = (Piece("… "),) * bool(start), (Piece(" …"),) * (end < len(text))
    return (*before, *cut, *after)


def pieces(text: str, marks: Sequence[tuple[Span, str, str]]) -> tuple[Piece, ...]:
    """A text cut at its marks; where they overlap the first one stands."""
    found: list[Piece] = []
    at = 0
    for span, mark, rule in sorted(marks, key=lambda one: (one[0].start, one[0].end)):
        start, end = max(span.start, at), min(span.end, len(text))
        if start >= end:
            continue
        if start > at:
            found.append(Piece(text[at:start]))
        found.append(Piece(text[start:end], mark, rule))
        at = end
    if at < len(text):
        found.append(Piece(text[at:]))
    return tuple(found)


def facts(record: Mapping[str, Any]) -> tuple[Fact, ...]:
    """All that has no words of its own, by name: bounded in number, depth and length."""
    return tuple(_facts({k: v for k, v in record.items() if k not in _TOLD}, _DEPTH))


def everything(record: Mapping[str, Any]) -> tuple[Fact, ...]:
    """The facts of an entry that is no answer."""
    left_out = ("id", "time", "kind", "action", "policy_text")
    return tuple(_facts({k: v for k, v in record.items() if k not in left_out}, _DEPTH))


def _facts(values: Mapping[str, Any], depth: int) -> Iterator[Fact]:
    for number, (name, value) in enumerate(values.items()):
        if number >= _ITEMS:
            yield Fact("…", f"{len(values) - _ITEMS} more")
            return
        if value in (None, "", [], {}):
            continue
        label = _LABELS.get(name, str(name).replace("_", " "))
        if isinstance(value, Mapping):
            yield Fact(
                label, "" if depth else "…", tuple(_facts(value, depth - 1)) if depth else ()
            )
        elif isinstance(value, list):
            yield _list(label, value, depth)
        else:
            yield Fact(label, _short(value))


def _list(label: str, values: list[Any], depth: int) -> Fact:
    if any(isinstance(value, Mapping | list) for value in values) and depth:
        numbered = {str(number): value for number, value in enumerate(values, 1)}
        return Fact(label, "", tuple(_facts(numbered, depth - 1)))
    more = f" and {len(values) - _ITEMS} more" if len(values) > _ITEMS else ""
    return Fact(label, ", ".join(_short(value) for value in values[:_ITEMS]) + more)


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text):,} characters)"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def rules(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The rules that an entry names, those that led to its action first."""
    decisive, named = record.get("decisive"), record.get("rules")
    found = list(decisive) if isinstance(decisive, list) else []
    found += list(named) if isinstance(named, Mapping | list) else []
    found += [record["rule"]] if record.get("rule") else []
    return tuple(dict.fromkeys(str(rule) for rule in found[:_ITEMS]))


# --- What people wrote -------------------------------------------------------------------------


def wordings(record: Mapping[str, Any]) -> Iterator[str]:
    """What people and the model said, as far as an entry holds it."""
    for name in _WORDINGS:
        if isinstance(record.get(name), str) and record[name]:
            yield record[name]
    case = record.get("case")
    if isinstance(case, Mapping):
        yield from _said(case)


def without_wordings(record: Mapping[str, Any]) -> dict[str, Any]:
    """An entry for those who may not read what people wrote."""
    left = {name: value for name, value in record.items() if name not in _WORDINGS}
    if isinstance(left.get("case"), Mapping):
        left["case"] = {k: v for k, v in left["case"].items() if k not in ("question", "text")}
    return left


def _said(case: Mapping[str, Any]) -> Iterator[str]:
    question = case.get("question")
    question = question if isinstance(question, Mapping) else {}
    for value in (case.get("text"), question.get("draft"), question.get("told")):
        if isinstance(value, str) and value:
            yield value
    turns = question.get("conversation")
    for turn in turns if isinstance(turns, list) else ():
        if isinstance(turn, Mapping) and isinstance(turn.get("text"), str):
            yield turn["text"]
