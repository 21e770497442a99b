"""The text of the remit: shown, checked while one types, and kept as a draft."""

from __future__ import annotations

from typing import Any, Final

from remit.console.drafting import drafts
from remit.console.drafting.checking import Checked, checked
from remit.console.drafting.drafts import DraftError, Drafting, Kept
from remit.console.forms import FormError, bounded
from remit.console.visit import Visit
from remit.http.message import Response
from remit.policy.diff import Change, diff

TEXT_MOST: Final = 1_000_000
BODY_MOST: Final = 3 * TEXT_MOST + 65_536
"""Bytes of a form that holds a remit, each character of it percent-encoded."""

WHY_MOST: Final = 4_000


def editor(visit: Visit) -> Response:
    """The text of the live remit, or of the draft named in `from`, to be edited."""
    digest = visit.query.get("from", "") or visit.policy.digest
    return form(visit, text_of(visit, digest), digest, None)


def check(visit: Visit) -> Response:
    """The problems of a text as a piece of a page, for the script that asks while one types."""
    found = checked(_text(visit), visit.policy)
    return visit.page("problems.html", found=found, changes=_changes(visit, found))


def write(visit: Visit) -> Response:
    """Keeps the text as a draft; or shows it again, with its problems, where it cannot be."""
    text, digest = _text(visit), visit.form.get("from", "")
    if visit.form.get("act") != "keep":
        return form(visit, text, digest, checked(text, visit.policy))
    why = bounded(visit.form.get("why", "").strip(), "the reason", most=WHY_MOST)
    return keep(visit, text, why, instead=digest if digest != visit.policy.digest else "")


def keep(visit: Visit, text: str, why: str, *, instead: str = "") -> Response:
    """Keeps a text as a draft, in the place of another one, if no error stands in its way."""
    found = checked(text, visit.policy)
    if found.loaded is None or found.errors:
        return form(visit, text, instead or visit.policy.digest, found, why, 422)
    digest = found.loaded.policy.digest
    if digest == visit.policy.digest:
        note = "It means what the remit in force means already: nothing would change."
        return form(visit, text, instead or digest, found, why, 422, note)
    there = drafts.find(visit.evidence, digest)
    if there is not None and there.open and there.base == visit.policy.digest:
        return visit.go(f"/remit/drafts/{digest}")
    now = visit.time
    name = visit.account.name
    draft = Kept(digest, text, "draft", name, "", now, now, visit.policy.digest, why)
    do(visit, Drafting(draft, instead))
    return visit.go(f"/remit/drafts/{digest}", "draft-kept")


def text_of(visit: Visit, digest: str) -> str:
    """The text of the live remit or of one that the store keeps. Raises DraftError."""
    if digest == visit.policy.digest and visit.live.text:
        return visit.live.text
    return kept(visit, digest).text


def form(
    visit: Visit,
    text: str,
    digest: str,
    found: Checked | None,
    why: str = "",
    status: int = 200,
    note: str = "",
) -> Response:
    """The page with a text to edit, and what was found in it."""
    return visit.page(
        "remit_edit.html",
        status,
        text=text,
        digest=digest,
        why=why,
        note=note,
        found=found,
        changes=_changes(visit, found) if found else [],
    )


def _text(visit: Visit) -> str:
    text = visit.form.get("text", "")
    if not text.strip():
        raise FormError("the text of the remit is missing: it cannot be empty")
    return bounded(text, "the remit", most=TEXT_MOST)


def _changes(visit: Visit, found: Checked) -> list[Change]:
    return diff(visit.policy, found.loaded.policy) if found.loaded else []


def kept(visit: Visit, digest: str) -> Kept:
    """A remit that the store keeps. Raises DraftError."""
    found = drafts.find(visit.evidence, digest)
    if found is None:
        raise DraftError(f"remit {digest[:12]}: is not kept here; see the remit page")
    return found


def do(visit: Visit, change: Any) -> None:
    """Makes a change, with its entry. Raises CaseError where it does not fit."""
    visit.evidence.change_sync(change.record(), change)
