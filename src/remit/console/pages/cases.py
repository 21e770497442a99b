"""The queue of cases, and one case: what was asked, why it is here, and what a person makes of it.

What clients wrote is shown to reviewers alone, and only after the record says that they saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.console.forms import FormError, bounded
from remit.console.roles import Role
from remit.console.visit import Visit, address
from remit.evidence import Case, CaseError, State
from remit.http.message import Response
from remit.layers.monitor.cases import TEXT_MOST, Verb, decide_sync, draft_of, verbs
from remit.layers.monitor.people import Person

_A_PAGE: Final = 50
# Characters of conversation that a page shows unasked: the newest turns, and pages stay small.
_SHOWN: Final = 24_000
_WHOLE: Final = 600_000
_STATES: Final = {"open": "Open", "answered": "Answered", "closed": "Closed"}
_COLUMNS: Final = "id, kind, rule, owner, colleague, time, due, who, outcome, updated"
_SPEAKERS: Final = {"user": "Client", "assistant": "Assistant"}
_DONE: Final = {
    Verb.ANSWER: "answered",
    Verb.APPROVE: "approved",
    Verb.EDIT: "edited",
    Verb.RELEASE: "released",
    Verb.REJECT: "rejected",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One case in the queue. `asked` is the client's last words, where they are to be shown."""

    id: str
    kind: str
    rule: str
    owner: str
    colleague: str
    time: str
    due: str
    who: str
    outcome: str
    updated: str
    says: str
    asked: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation. `cut` is how many of its characters are left out."""

    speaker: str
    own: bool
    text: str
    cut: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a case is here: what a rule's detector said."""

    rule: str
    says: str
    stage: str
    reason: str
    failure: str


def queue(visit: Visit) -> Response:
    """Cases of one state: open ones the first due first, others the newest first."""
    state = visit.query.get("state", "open")
    if state not in _STATES:
        raise FormError(f"no state '{state[:20]}': have {', '.join(_STATES)}")
    rule, mine = visit.query.get("rule", ""), visit.query.get("mine", "")
    wanted: list[tuple[str, Any]] = [("state = ?", state)]
    if rule:
        wanted.append(("rule = ?", rule))
    if mine:
        wanted.append(("owner = ?", visit.account.owner_of))
    column, order = ("due", "ASC") if state == "open" else ("updated", "DESC")
    after, last = visit.query.get("after", ""), visit.query.get("last", "")
    values = [value for _, value in wanted]
    where = " AND ".join(sql for sql, _ in wanted)
    if after:
        sign = ">" if order == "ASC" else "<"
        where += f" AND ({column} {sign} ? OR ({column} = ? AND id {sign} ?))"
        values += [after, after, last]
    words = visit.query.get("words", "") if visit.may(Role.REVIEWER) else ""
    rows = visit.evidence.rows(
        f"SELECT {_COLUMNS} FROM cases WHERE {where}"  # noqa: S608 no text from outside
        f" ORDER BY {column} {order}, id {order} LIMIT ?",
        [*values, _A_PAGE + 1],
    )
    lines = [_line(visit, row, words=bool(words)) for row in rows[:_A_PAGE]]
    if words:
        visit.saw("cases", [line.id for line in lines])
    more = ""
    if len(rows) > _A_PAGE:
        query = {"state": state, "rule": rule, "mine": mine, "words": words}
        query |= {"after": getattr(lines[-1], column), "last": lines[-1].id}
        more = address("/cases", **{name: value for name, value in query.items() if value})
    return visit.page(
        "cases.html",
        state=state,
        states=_STATES,
        lines=lines,
        more=more,
        mine=mine,
        rule=rule,
        words=words,
    )


def case(visit: Visit) -> Response:
    """One case."""
    found = visit.evidence.case(visit.path["id"])
    receipt = visit.evidence.get(found.receipt) if found.receipt else None
    reader = visit.may(Role.REVIEWER)
    if reader:
        visit.saw("case", [found.id])
    turns, left_out = _turns(found, _WHOLE if visit.query.get("whole") else _SHOWN)
    return visit.page(
        "case.html",
        case=found,
        says=_says(visit, found.rule),
        late=found.overdue(visit.time),
        reader=reader,
        turns=turns if reader else [],
        left_out=left_out,
        draft=draft_of(found)[:_WHOLE] if reader else "",
        told=str(found.question.get("told") or "")[:_SHOWN] if reader else "",
        reasons=_reasons(visit, receipt) if reader and receipt else [],
        verbs=[str(verb) for verb in verbs(found)] if reader else [],
        next=_next(visit, found),
    )


def decide(visit: Visit) -> Response:
    """What a person makes of a case: the form's button says which verb."""
    word = visit.form.get("verb", "")
    try:
        verb = Verb(word)
    except ValueError:
        raise FormError(f"no verb '{word[:20]}': use the page's own buttons") from None
    text = bounded(visit.form.get("text", ""), "the text", most=TEXT_MOST)
    person = Person(visit.account.name, "console", admin=visit.may(Role.ADMIN))
    case = visit.evidence.case(visit.path["id"])
    _as_shown(case, visit.form)
    decide_sync(visit.evidence, case.id, verb, person, text, visit.now)
    return visit.go("/cases", f"case-{_DONE[verb]}")


def _as_shown(case: Case, form: Mapping[str, str]) -> None:
    """Refuses a decision on a case that was changed since its page was opened."""
    if form.get("updated", case.updated) != case.updated:
        raise CaseError(f"case {case.id}: {case.who or 'somebody'} has changed it; read it again")


def _line(visit: Visit, row: Sequence[Any], *, words: bool) -> Line:
    named: dict[str, str] = dict(zip(_COLUMNS.split(", "), row, strict=True))
    asked = _asked(visit.evidence.case(named["id"])) if words else ""
    return Line(**named, says=_says(visit, named["rule"]), asked=asked)


def _says(visit: Visit, rule: str) -> str:
    try:
        return visit.policy.rule(rule).says
    except KeyError:
        return ""


def _asked(case: Case) -> str:
    """The client's last words, in a line."""
    turns = case.question.get("conversation")
    for turn in reversed(turns if isinstance(turns, list) else []):
        if isinstance(turn, Mapping) and turn.get("role") == "user":
            return " ".join(str(turn.get("text", ""))[:600].split())[:200]
    return ""


def _turns(case: Case, most: int) -> tuple[list[Turn], int]:
    """The newest turns, `most` characters of them, and how many older ones are left out."""
    told = case.question.get("conversation")
    said = [turn for turn in told if isinstance(turn, Mapping)] if isinstance(told, list) else []
    turns: list[Turn] = []
    for turn in reversed(said):
        if most <= 0:
            break
        role, text = str(turn.get("role", "")), str(turn.get("text", ""))
        kept = text[:most]
        most -= len(kept) + 200
        speaker = _SPEAKERS.get(role, role[:20])
        turns.append(Turn(speaker, role == "assistant", kept, len(text) - len(kept)))
    return turns[::-1], len(said) - len(turns)


def _reasons(visit: Visit, receipt: Mapping[str, Any]) -> list[Reason]:
    findings = receipt.get("findings")
    reasons: list[Reason] = []
    for finding in findings[:20] if isinstance(findings, list) else ():
        if isinstance(finding, Mapping) and finding.get("action") != "allow":
            rule = str(finding.get("rule", ""))
            words = [str(finding.get(name) or "")[:300] for name in ("stage", "reason", "failure")]
            reasons.append(Reason(rule, _says(visit, rule), *words))
    return reasons


def _next(visit: Visit, case: Case) -> str:
    """The open case that is due after this one; '' where there is none."""
    sql = "SELECT id FROM cases WHERE state = ? AND (due > ? OR (due = ? AND id > ?))"
    sql += " ORDER BY due, id LIMIT 1"
    found = visit.evidence.rows(sql, (State.OPEN.value, case.due, case.due, case.id))
    return str(found[0][0]) if found else ""
