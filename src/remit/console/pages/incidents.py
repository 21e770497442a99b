"""Incidents: a list, and of each a timeline from the first signal to its owner's closure."""

from __future__ import annotations

from functools import partial

from remit.console import accounts
from remit.console.forms import needed
from remit.console.incidents import (
    Incident,
    all_incidents,
    cases_of,
    closing,
    closure,
    incidents_of,
    name_of,
    noting,
)
from remit.console.roles import Role
from remit.console.visit import Visit, address
from remit.evidence import CaseError
from remit.http.message import Response

_A_PAGE = 40


def incidents(visit: Visit) -> Response:
    """The open ones first, then those that are over."""
    found = all_incidents(visit.evidence, visit.policy, visit.now)
    going = [one for one in found if not one.closed]
    over = [one for one in found if one.closed]
    after = visit.query.get("after", "")
    place = next((n + 1 for n, one in enumerate(over) if one.id == after), 0)
    over = over[place:]
    older = address("/incidents", after=over[_A_PAGE - 1].id) if len(over) > _A_PAGE else ""
    return visit.page(
        "incidents.html",
        going=[] if after else going[:200],
        over=[(one, *closure(visit.evidence, one)) for one in over[:_A_PAGE]],
        older=older,
        newer=address("/incidents") if after else "",
        name=partial(name_of, visit.policy),
    )


def incident(visit: Visit) -> Response:
    """One incident, as it went."""
    found = _find(visit)
    owner = _owner(visit, found)
    return visit.page(
        "incident.html",
        incident=found,
        name=name_of(visit.policy, found.rule),
        owner=owner,
        cases=cases_of(visit.evidence, found),
        may_note=visit.may(Role.REVIEWER),
        may_close=_may_close(visit, owner),
    )


def write(visit: Visit) -> Response:
    """A note; or, by the owner of the rule, the closure with its cause."""
    found = _find(visit)
    who, text = visit.account.name, visit.form.get("text", "")
    if visit.form.get("act") != "close":
        text = needed(visit.form, "text", "the note", most=4_000)
        visit.evidence.append_sync(noting(found, who, text, visit.time))
        return visit.go(f"/incidents/{found.rule or '-'}/{found.id}", "incident-noted")
    if not _may_close(visit, owner := _owner(visit, found)):
        raise CaseError(f"incident {found.id}: {owner} closes it")
    if found.closed:
        raise CaseError(f"incident {found.id}: {found.closed_by} has closed it already")
    if found.measures:
        raise CaseError(f"incident {found.id}: an intervention is in force still; undo it first")
    cause = needed(visit.form, "cause", "the cause", most=2_000)
    text = needed(visit.form, "text", "what was done about it", most=4_000)
    visit.evidence.append_sync(closing(found, who, text, cause, visit.time))
    return visit.go("/incidents", "incident-closed")


def _find(visit: Visit) -> Incident:
    rule = visit.path["rule"]
    for one in _known(visit, "" if rule == "-" else rule):
        if one.holds(visit.path["id"]):
            return one
    raise CaseError(f"incident {visit.path['id'][:80]}: there is none; the list shows those known")


def _known(visit: Visit, rule: str) -> list[Incident]:
    return incidents_of(visit.evidence, rule, visit.now, words=True)


def _owner(visit: Visit, found: Incident) -> str:
    for rule in visit.policy.rules:
        if rule.id == found.rule:
            return rule.owner
    return visit.policy.responsible.owner if visit.policy.responsible else ""


def _may_close(visit: Visit, owner: str) -> bool:
    return accounts.signs_for(visit.evidence, visit.account, owner)
