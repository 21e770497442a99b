"""The remit in plain language, rule by rule; and a rule's own form, which edits its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from remit.console.drafting import drafts
from remit.console.drafting.edit import EditError, add_item, set_value
from remit.console.drafting.plain import plain
from remit.console.forms import FormError, bounded
from remit.console.pages.writing import keep, text_of
from remit.console.roles import Role
from remit.console.visit import Visit
from remit.http.message import Response
from remit.policy import Policy, Rule, loads
from remit.policy.model import STAGE_WORDS
from remit.types import Stage

_LISTED: Final = 20
_TEXT: Final = 4_000
Edit = Callable[[str], str]


def remit(visit: Visit) -> Response:
    """Every rule a line; the drafts that wait, and the remits that were."""
    kept = drafts.find(visit.evidence, visit.policy.digest)
    return visit.page(
        "remit.html",
        policy=visit.policy,
        rules=[plain(visit.policy, rule) for rule in visit.policy.rules],
        live=kept if kept and kept.state == "live" else None,
        open=drafts.listed(visit.evidence, *drafts.OPEN, most=_LISTED),
        former=drafts.listed(visit.evidence, "retired", most=_LISTED),
        editor=visit.may(Role.OWNER),
    )


def rule(visit: Visit) -> Response:
    """One rule in words, and a form for what is most often changed in it."""
    policy, digest = _subject(visit, visit.query.get("draft", ""))
    found = _find(policy, visit.path["rule"])
    if found is None:
        return visit.fault(404, "There is no such rule", "The remit page lists those there are.")
    return _form(visit, policy, found, digest)


def change(visit: Visit) -> Response:
    """Keeps a draft in which the rule is as the form says."""
    digest = visit.form.get("draft", "")
    policy, digest = _subject(visit, digest)
    found = _find(policy, visit.path["rule"])
    if found is None:
        return visit.fault(404, "There is no such rule", "The remit page lists those there are.")
    text = text_of(visit, digest)
    try:
        for edit in _edits(visit, policy, found):
            text = edit(text)
    except EditError as error:
        return _form(visit, policy, found, digest, f"{error}.")
    why = bounded(visit.form.get("why", "").strip(), "the reason", most=_TEXT)
    return keep(visit, text, why, instead=digest if digest != visit.policy.digest else "")


def _form(visit: Visit, policy: Policy, rule: Rule, digest: str, error: str = "") -> Response:
    return visit.page(
        "remit_rule.html",
        422 if error else 200,
        it=plain(policy, rule),
        policy=policy,
        draft=digest if digest != visit.policy.digest else "",
        words={stage: tuple(STAGE_WORDS[stage]) for stage in Stage},
        editor=visit.may(Role.OWNER),
        error=error,
    )


def _subject(visit: Visit, digest: str) -> tuple[Policy, str]:
    """The remit that the page is about, the live one unless a draft is named; and its digest."""
    kept = drafts.find(visit.evidence, digest) if digest else None
    if kept is None or not kept.open:
        return visit.policy, visit.policy.digest
    return loads(kept.text).policy, kept.digest


def _find(policy: Policy, id: str) -> Rule | None:
    return next((rule for rule in policy.rules if rule.id == id), None)


# --- From the form to edits ----------------------------------------------------------------------


def _edits(visit: Visit, policy: Policy, rule: Rule) -> Iterator[Edit]:
    """One edit for each value of the form that differs from the rule's."""
    form = visit.form
    place = ("rules", policy.rules.index(rule))
    for name, now in (("threshold", rule.threshold), ("tolerance", rule.tolerance)):
        share = form.get(name, "").strip()
        if share and _share(name, share) != now:
            yield _setting((*place, name), share if share.endswith("%") else _share(name, share))
    for stage in Stage:
        word = form.get(f"then-{stage}", "")
        if word and word != rule.then.get(stage):
            yield _setting((*place, "then", stage.value), word)
    yield from _answers(visit, place, rule)
    for key in ("breaks", "keeps"):
        text = bounded(form.get(key, "").strip(), "the example", most=_TEXT)
        asked = bounded(form.get(f"{key}-user", "").strip(), "what it answers", most=_TEXT)
        if text:
            yield _adding((*place, key), {"user": asked, "assistant": text} if asked else text)


def _answers(visit: Visit, place: tuple[str | int, ...], rule: Rule) -> Iterator[Edit]:
    answers = rule.answer if isinstance(rule.answer, dict) else {"": rule.answer or ""}
    for language, now in answers.items():
        text = bounded(visit.form.get(f"answer-{language}", now), "the answer", most=_TEXT)
        if text.strip() and text.strip() != now.strip():
            path = (*place, "answer", language) if language else (*place, "answer")
            yield _setting(path, text.strip())


def _setting(path: tuple[str | int, ...], value: str | float) -> Edit:
    return lambda text: set_value(text, path, value)


def _adding(path: tuple[str | int, ...], value: str | dict[str, str]) -> Edit:
    return lambda text: add_item(text, path, value)


def _share(name: str, text: str) -> float:
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise FormError(f"the {name} is a share, such as 0.5 or 50%") from None
    if not 0 <= share <= 1:
        raise FormError(f"the {name} is a share, from 0 to 1 or 0% to 100%")
    return share
