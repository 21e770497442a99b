"""At a glance: does each rule hold, what is in force beside the remit, and has anything moved."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from remit.console.incidents import incidents_of, name_of, open_incidents
from remit.console.pages.interventions import active
from remit.console.plot import percent, plot, spark
from remit.console.visit import Visit
from remit.http.message import Response
from remit.layers.monitor.overview import Overview, RuleOverview

_ORDER: Final[Mapping[str, int]] = {"broken": 0, "unsure": 1, "holding": 2}
_DAYS: Final = 60
_DAYS_OF_ONE: Final = 120


def overview(visit: Visit) -> Response:
    """Every rule a line, those that do not hold first."""
    found = visit.desk.standing(visit.evidence, visit.policy, visit.time, back=_DAYS)
    rules = sorted(found.rules, key=lambda rule: _ORDER[rule.standing])
    return visit.page(
        "overview.html",
        overview=found,
        rules=rules,
        plots={rule.rule: spark(rule.days, rule.limit) for rule in rules},
        headline=headline(found),
        measures=active(visit),
        incidents=open_incidents(visit.evidence, visit.policy, visit.now),
        name=partial(name_of, visit.policy),
        percent=percent,
    )


def rule(visit: Visit) -> Response:
    """One rule in production."""
    found = visit.desk.standing(visit.evidence, visit.policy, visit.time, back=_DAYS_OF_ONE)
    for one in found.rules:
        if one.rule == visit.path["id"]:
            return visit.page(
                "rule.html",
                rule=one,
                plot=plot(one.days, one.limit),
                percent=percent,
                lately=list(reversed(one.days[-14:])),
                because=_because(visit, one),
                incidents=[
                    incident
                    for incident in incidents_of(visit.evidence, one.rule, visit.now)
                    if not incident.closed
                ],
            )
    return visit.fault(404, "There is no such rule in force", "The overview lists those there are.")


def headline(found: Overview) -> str:
    """What a person wants to know first, in a sentence."""
    total = len(found.rules)
    if not total:
        return "The remit has no rules: nothing is checked."
    broken, unsure = len(found.broken), sum(r.standing == "unsure" for r in found.rules)
    if broken:
        return f"{broken} of {total} rules {'does' if broken == 1 else 'do'} not hold."
    if unsure == total:
        return "Too little has been judged yet to say whether the rules hold."
    if unsure:
        return f"{total - unsure} of {total} rules hold; of {unsure} too little is known yet."
    return f"All {total} rules hold." if total > 1 else "The rule holds."


def _because(visit: Visit, one: RuleOverview) -> str:
    return next((rule.because for rule in visit.policy.rules if rule.id == one.rule), "")
