"""Comparing two replies, blind: which keeps to each rule, which is better, how it should read.

Nothing on the page tells whose a reply is. What reviewers agree on trains; where they do not, the
rule goes back to its owner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from remit.console.forms import FormError
from remit.console.visit import Visit
from remit.evidence import Case, new_id, stamp
from remit.http.message import Response
from remit.layers.training.preferences import (
    Claims,
    Pair,
    Store,
    StoreError,
    VerdictError,
    agreement,
    shown_order,
)
from remit.layers.training.preferences.assigning import upcoming
from remit.layers.training.preferences.pairs import OVERALL
from remit.layers.training.preferences.verdicts import as_shown
from remit.policy import Policy, Rule
from remit.statistics.judges import NotEstimable
from remit.types import Action, Stage

_RULE: Final = "rule:"
_CHOICES: Final = (
    ("a", "First"),
    ("b", "Second"),
    ("both", "Both"),
    ("neither", "Neither"),
    ("na", "Not about this"),
)
_OVERALL: Final = (("a", "First"), ("b", "Second"), ("both", "No difference"))
_SPEAKERS: Final = {"user": "Client", "assistant": "Assistant", "system": "Instructions"}


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """The pairs to be compared, and where verdicts are kept. `seed` fixes what is drawn."""

    pairs: tuple[Pair, ...]
    store: Store
    claims: Claims = field(default_factory=Claims)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A rule as a reviewer is asked about it."""

    name: str
    rule: Rule


def begin(visit: Visit) -> Response:
    """The start of a console that has these pages only."""
    return visit.go("/review")


def review(visit: Visit) -> Response:
    """The next pair for this reviewer; or that all is done."""
    desk, who = _desk(visit), visit.account.name

    def claimed(pair: str) -> bool:
        return desk.claims.by_others(pair, who)

    try:
        pair, progress = upcoming(desk.pairs, desk.store.verdicts(), who, claimed, desk.seed)
    except StoreError as error:
        return visit.fault(503, "The verdicts cannot be read", str(error))
    if pair is None:
        return visit.page("review_done.html", progress=progress)
    desk.claims.take(pair.id, who)
    visit.saw("review", [pair.id])
    first, second = (pair.a, pair.b) if _shown(desk, pair, who) == "ab" else (pair.b, pair.a)
    return visit.page(
        "review.html",
        pair=pair,
        turns=[(_SPEAKERS.get(t["role"], t["role"]), t["role"], t["content"]) for t in pair.turns],
        first=first,
        second=second,
        questions=[Question(f"{_RULE}{rule.id}", rule) for rule in asked(visit.policy, pair)],
        choices=_CHOICES,
        overall=_OVERALL,
        progress=progress,
        began=int(visit.now.timestamp()),
    )


def judge(visit: Visit) -> Response:
    """Keeps a verdict, and goes on."""
    desk, who, form = _desk(visit), visit.account.name, visit.form
    pair = next((one for one in desk.pairs if one.id == visit.path["id"]), None)
    if pair is None:
        return visit.fault(404, "There is no such pair", "Go on with the next one.")
    report = form.get("report", "") if form.get("act") == "report" else ""
    if form.get("act") == "report" and not report.strip():
        raise FormError("what is wrong with the pair is missing: say it in a few words")
    said = {name.removeprefix(_RULE): value for name, value in form.items() if _RULE in name}
    if form.get(OVERALL):
        said[OVERALL] = form[OVERALL]
    began = form.get("began", "")
    seconds = visit.now.timestamp() - int(began) if began.isascii() and began.isdecimal() else 0.0
    try:
        verdict = as_shown(
            pair,
            who,
            visit.policy.digest,
            _shown(desk, pair, who),
            said,
            asked=tuple(rule.id for rule in asked(visit.policy, pair)),
            edit=form.get("edit", ""),
            report=report,
            seconds=seconds,
        )
        desk.store.add(verdict)
    except VerdictError as error:
        raise FormError(str(error)) from None
    except StoreError as error:
        return visit.fault(503, "It could not be kept", str(error))
    return visit.go("/review", "review-reported" if report else "review-kept")


def agreed(visit: Visit) -> Response:
    """How far reviewers agree, rule by rule."""
    desk = _desk(visit)
    rules = {rule.id: rule for pair in desk.pairs for rule in asked(visit.policy, pair)}
    try:
        found = agreement(desk.pairs, desk.store.verdicts(), tuple(rules), seed=desk.seed)
    except StoreError as error:
        return visit.fault(503, "The verdicts cannot be read", str(error))
    open_ = {
        row[0]
        for row in visit.evidence.rows(
            "SELECT rule FROM cases WHERE kind = 'review' AND state = 'open'"
        )
    }
    return visit.page(
        "agreement.html", found=found, rules=rules, returned=open_, told=_told, overall=OVERALL
    )


def hand_back(visit: Visit) -> Response:
    """Opens a case for a rule's owner: reviewers read the rule in different ways."""
    try:
        rule = visit.policy.rule(visit.path["rule"])
    except KeyError:
        return visit.fault(404, "There is no such rule", "It may have been renamed.")
    desk = _desk(visit)
    found = agreement(desk.pairs, desk.store.verdicts(), (rule.id,), seed=desk.seed).rule(rule.id)
    case = Case(
        id=f"case_{new_id()}",
        time=visit.time,
        due=stamp(visit.now + timedelta(days=14)),
        rule=rule.id,
        owner=rule.owner,
        colleague=rule.owner,
        question={
            "told": f"Reviewers read the rule “{rule.says}” in different ways "
            f"({found.why if found else ''}). Say more exactly what it means, with examples."
        },
        kind="review",
    )
    record = {
        "id": f"review_{new_id()}",
        "time": visit.time,
        "kind": "review",
        "action": "handed back",
        "rule": rule.id,
        "who": visit.account.name,
        "why": found.why if found else "",
    }
    visit.evidence.append_sync(record, case=case)
    return visit.go("/review/agreement", "review-returned")


def asked(policy: Policy, pair: Pair) -> tuple[Rule, ...]:
    """The rules a pair is asked about: its own, or all that training is to teach."""
    if pair.rules:
        wanted = set(pair.rules)
        return tuple(rule for rule in policy.rules if rule.id in wanted)
    taught = _having(policy, lambda rule: (rule.action(Stage.TRAINING) or 0) > Action.ALLOW)
    return taught or policy.rules


def _having(policy: Policy, is_so: Callable[[Rule], bool]) -> tuple[Rule, ...]:
    return tuple(rule for rule in policy.rules if is_so(rule))


def _told(value: float | NotEstimable | None) -> str:
    if value is None or isinstance(value, NotEstimable):
        return "not yet known"
    return f"{value:.2f}"


def _shown(desk: ReviewDesk, pair: Pair, who: str) -> str:
    return shown_order(pair.id, who, desk.seed)


def _desk(visit: Visit) -> ReviewDesk:
    desk = visit.desk.review
    if desk is None:
        raise FormError("nothing is to be compared here: start with pairs")
    return desk
