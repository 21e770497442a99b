"""Which page answers where, and who may ask for it. Nothing else is served."""

from __future__ import annotations

from typing import Final

from remit.console.pages import (
    account,
    cases,
    drafts,
    entrance,
    incidents,
    interventions,
    live,
    overview,
    people,
    records,
    remit,
    review,
    writing,
)
from remit.console.roles import Role
from remit.console.route import Route

NOBODY, VIEWER, REVIEWER, OWNER, ADMIN = Role
# The bytes of a text of 100,000 characters, each of them percent-encoded.
_A_TEXT: Final = 1_300_000

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/console/login", NOBODY, entrance.login),
    Route("POST", "/console/login", NOBODY, entrance.enter),
    Route("POST", "/console/logout", VIEWER, entrance.leave),
    Route("GET", "/console/setup/{token}", NOBODY, entrance.setup),
    Route("POST", "/console/setup/{token}", NOBODY, entrance.begin),
    Route("GET", "/console/", VIEWER, overview.overview, nav="Overview"),
    Route("GET", "/console/rules/{id}", VIEWER, overview.rule),
    Route("GET", "/console/live", VIEWER, live.live, nav="Live"),
    Route("GET", "/console/live/stream", VIEWER, live.stream),
    Route("GET", "/console/cases", VIEWER, cases.queue, nav="Cases"),
    Route("GET", "/console/cases/{id}", VIEWER, cases.case),
    Route("POST", "/console/cases/{id}", REVIEWER, cases.decide, body=_A_TEXT),
    Route("GET", "/console/incidents", VIEWER, incidents.incidents, nav="Incidents"),
    Route("GET", "/console/incidents/{rule}/{id}", VIEWER, incidents.incident),
    Route("POST", "/console/incidents/{rule}/{id}", REVIEWER, incidents.write),
    Route("GET", "/console/interventions", VIEWER, interventions.interventions, "Interventions"),
    Route("POST", "/console/interventions", OWNER, interventions.begin),
    Route("POST", "/console/interventions/{id}/undo", OWNER, interventions.end),
    Route("GET", "/console/remit", VIEWER, remit.remit, nav="Remit"),
    Route("GET", "/console/remit/rules/{rule}", VIEWER, remit.rule),
    Route("POST", "/console/remit/rules/{rule}", OWNER, remit.change),
    Route("GET", "/console/remit/edit", OWNER, writing.editor),
    Route("POST", "/console/remit/edit", OWNER, writing.write, body=writing.BODY_MOST),
    Route("POST", "/console/remit/lint", OWNER, writing.check, body=writing.BODY_MOST),
    Route("GET", "/console/remit/drafts/{digest}", VIEWER, drafts.draft),
    Route("POST", "/console/remit/drafts/{digest}/replay", REVIEWER, drafts.replay),
    Route("POST", "/console/remit/drafts/{digest}/{step}", OWNER, drafts.step),
    Route("GET", "/console/evidence", VIEWER, records.records, nav="Evidence"),
    Route("POST", "/console/evidence/check", REVIEWER, records.check),
    Route("GET", "/console/evidence/export", ADMIN, records.export),
    Route("GET", "/console/evidence/{id}", VIEWER, records.record),
    Route("GET", "/console/people", ADMIN, people.people, nav="People"),
    Route("POST", "/console/people", ADMIN, people.add),
    Route("POST", "/console/people/{name}", ADMIN, people.change),
    Route("GET", "/console/account", VIEWER, account.account),
    Route("POST", "/console/account", VIEWER, account.password),
)

_REVIEW: Final[tuple[Route, ...]] = (
    Route("GET", "/console/review", REVIEWER, review.review, nav="Compare"),
    Route("GET", "/console/review/agreement", REVIEWER, review.agreed, nav="Agreement"),
    Route("POST", "/console/review/agreement/{rule}", OWNER, review.hand_back),
    Route("POST", "/console/review/{id}", REVIEWER, review.judge, body=_A_TEXT),
)

WITH_REVIEW: Final = ROUTES + _REVIEW
"""The whole console, where there are pairs to compare."""

REVIEW_ONLY: Final = (
    *(route for route in ROUTES if route.path.startswith(("/console/log", "/console/setup"))),
    Route("GET", "/console/", REVIEWER, review.begin),
    *_REVIEW,
    *(r for r in ROUTES if r.path.startswith(("/console/people", "/console/account"))),
)
"""What `remit review` serves: comparing, and the accounts of those who do."""
