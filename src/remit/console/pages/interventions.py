"""Interventions: what is in force and why, a way to begin one by hand, and one click to undo it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.console.forms import FormError, bounded, needed
from remit.console.plot import percent
from remit.console.roles import Role
from remit.console.visit import Visit, address
from remit.evidence import CaseError
from remit.http.message import Response
from remit.layers.monitor.interventions import (
    COLUMNS,
    HOURS_MOST,
    Intervention,
    by_hand,
    read_interventions,
    undo,
)
from remit.layers.monitor.people import Person
from remit.policy import Policy
from remit.policy.intervening import Kind

_A_PAGE: Final = 30
_UNDONE: Final = "undone with one click"


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of intervention as people choose it; `asks` is what its setting is, '' for none."""

    kind: Kind
    label: str
    does: str
    asks: str
    example: str


CHOICES: Final = (
    Choice(Kind.TIGHTEN, "Tighten", "a rule acts from a lower score on", "threshold", "0.3"),
    Choice(Kind.SAMPLE, "Judge more", "more answers go to the auditor", "share", "50%"),
    Choice(
        Kind.REGENERATE, "Ask again", "the model tries again when a rule stops it", "times", "1"
    ),
    Choice(Kind.REPLY, "Set reply", "these words go out, and the model is not asked", "words", ""),
    Choice(Kind.APPROVE, "Approval first", "a person releases each answer", "", ""),
    Choice(Kind.FALLBACK, "Other model", "another model serves", "its name", ""),
    Choice(Kind.THROTTLE, "Slow down", "so many requests a minute", "a minute", "10"),
    Choice(Kind.PAUSE, "Pause", "no new work; clients are told so", "words, if any", ""),
    Choice(Kind.KILL, "Stop all", "everything is refused until an admin undoes it", "", ""),
)
LABELS: Final[Mapping[Kind, str]] = {choice.kind: choice.label for choice in CHOICES}


@dataclass(frozen=True, slots=True)
class Shown:
    """An intervention as it is shown. `mine`: the visitor may undo it."""

    it: Intervention
    label: str
    setting: str
    about: str
    statistic: str
    mine: bool


def interventions(visit: Visit) -> Response:
    """Those in force, a form for another one, and those that were."""
    before = visit.query.get("before", "")
    ended = _ended(visit, before, visit.query.get("last", ""))
    older = ""
    if len(ended) > _A_PAGE:
        last = ended[_A_PAGE - 1].it
        older = address("/interventions", before=last.time, last=last.id)
    return visit.page(
        "interventions.html",
        active=[] if before else active(visit),
        ended=ended[:_A_PAGE],
        older=older,
        newer=address("/interventions") if before else "",
        choices=CHOICES,
        rules=visit.policy.rules,
        owners=_owners(visit.policy),
        may_begin=visit.may(Role.OWNER) and not before,
    )


def begin(visit: Visit) -> Response:
    """Begins one by hand."""
    try:
        kind = Kind(visit.form.get("kind", ""))
    except ValueError:
        raise FormError("what is to be done is missing: choose one") from None
    rule = visit.form.get("rule", "")
    if rule and all(known.id != rule for known in visit.policy.rules):
        raise FormError(f"no rule '{rule[:64]}' is in force: choose one of the remit's")
    setting = bounded(visit.form.get(f"setting-{kind}", "").strip(), "the setting", most=4_000)
    change = by_hand(
        _person(visit),
        kind,
        _value(setting),
        owner=needed(visit.form, "owner", "who answers for it", most=200),
        why=needed(visit.form, "why", "the reason", most=2_000),
        rule=rule,
        hours=_hours(visit.form.get("hours", "")),
        now=visit.now,
    )
    visit.evidence.change_sync(change.record(), change)
    return visit.go("/interventions", "intervention-begun")


def end(visit: Visit) -> Response:
    """Undoes one: by the owner of its rule, or an admin."""
    found = _find(visit, visit.path["id"])
    if not may_undo(visit, found):
        owner = owner_of(visit.policy, found)
        raise CaseError(f"intervention {found.id}: {owner} or an admin undoes it")
    why = bounded(visit.form.get("why", "").strip(), "the reason", most=2_000) or _UNDONE
    change = undo(found.id, _person(visit), why, visit.now)
    visit.evidence.change_sync(change.record(), change)
    back = "/" if visit.form.get("back") == "overview" else "/interventions"
    return visit.go(back, "intervention-undone")


def active(visit: Visit) -> list[Shown]:
    """Those in force, the gravest first."""
    every = read_interventions(visit.evidence, active=True)
    found = [it for it in every if not it.expired(visit.time)]
    return [shown(visit, it) for it in sorted(found, key=lambda it: -it.kind.gravity)]


def shown(visit: Visit, it: Intervention) -> Shown:
    """An intervention in words."""
    rule = next((rule for rule in visit.policy.rules if rule.id == it.rule), None)
    about = rule.says if rule else it.rule or "the whole assistant"
    active = it.state == "active"
    return Shown(
        it,
        LABELS[it.kind],
        ", ".join(f"{name} {value}".replace("_", " ") for name, value in it.setting.items()),
        about,
        statistic(it.statistic),
        active and may_undo(visit, it),
    )


def statistic(value: Mapping[str, Any]) -> str:
    """What triggered it, in a line; of an alarm its figures in words."""
    interval = value.get("interval")
    if isinstance(interval, list) and len(interval) == 2 and "n" in value:
        low, high = (percent(float(bound)) for bound in interval)
        rate, limit = percent(value.get("rate")), percent(value.get("limit"))
        told = f"{value.get('broken')} broken of {value['n']}: {rate}, between {low} and {high}"
        return f"{told}; the limit is {limit}"
    return ", ".join(f"{name.replace('_', ' ')} {str(one)[:80]}" for name, one in value.items())


def may_undo(visit: Visit, it: Intervention) -> bool:
    """Whether the visitor may end it: the owner of its rule may, and an admin.

    Beginning one is for every owner, because it makes the assistant stricter; to end it is not.
    """
    if visit.may(Role.ADMIN):
        return True
    if it.kind is Kind.KILL:
        return False
    return visit.account.answers_for(owner_of(visit.policy, it))


def owner_of(policy: Policy, it: Intervention) -> str:
    """Whose rule it is about; the remit's owner for the whole assistant."""
    for rule in policy.rules:
        if rule.id == it.rule:
            return rule.owner
    return policy.responsible.owner if policy.responsible else ""


def _person(visit: Visit) -> Person:
    return Person(visit.account.name, "console", admin=visit.may(Role.ADMIN))


def _find(visit: Visit, id: str) -> Intervention:
    for it in read_interventions(visit.evidence, active=True):
        if it.id == id:
            return it
    raise CaseError(f"intervention {id[:80]}: is not in force, or no longer")


def _ended(visit: Visit, before: str, last: str) -> list[Shown]:
    """Those that are over, the newest first; one more than a page holds."""
    where = "(state = 'ended' OR (expires <> '' AND expires <= ?))"
    where += " AND (time < ? OR (time = ? AND id < ?))"
    rows = visit.evidence.rows(
        f"SELECT {', '.join(COLUMNS)} FROM interventions WHERE {where}"  # noqa: S608
        " ORDER BY time DESC, id DESC LIMIT ?",
        (visit.time, before or "9", before, last, _A_PAGE + 1),
    )
    return [shown(visit, _read(row)) for row in rows]


def _read(row: Sequence[Any]) -> Intervention:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values |= {name: json.loads(values[name]) for name in ("setting", "statistic")}
    return Intervention(**values | {"kind": Kind(values["kind"])})


def _owners(policy: Policy) -> list[str]:
    first = [policy.responsible.owner] if policy.responsible else []
    return list(dict.fromkeys([*first, *(rule.owner for rule in policy.rules)]))


def _hours(text: str) -> float:
    try:
        hours = float(text.strip() or "24")
    except ValueError:
        raise FormError(f"hours is a number, from above 0 to {HOURS_MOST:,}") from None
    return hours


def _value(text: str) -> Any:
    """A setting as the remit's file would hold it: true, a number or words."""
    if not text:
        return True
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
