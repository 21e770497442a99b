"""One draft: what it changes, what it would have done, who has signed, and the way to go live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from remit.console import accounts
from remit.console.drafting import drafts, signing
from remit.console.drafting.checking import checked
from remit.console.drafting.drafts import (
    DraftError,
    Drafting,
    GoingLive,
    Kept,
    Moving,
    Signature,
    Signing,
)
from remit.console.forms import bounded
from remit.console.jobs import JobError, Progress
from remit.console.pages import writing
from remit.console.records import words
from remit.console.replay.job import judged_texts, replaying
from remit.console.roles import Role
from remit.console.shadow import shadowed
from remit.console.visit import Visit
from remit.evidence import stamp
from remit.http.message import Response
from remit.policy import Loaded, loads
from remit.policy.diff import Change, diff
from remit.types import Span, Stage

# Workers take up a new live remit within a second; their clocks may differ.
_SETTLED: Final = timedelta(seconds=10)
_REPLAYS: Final = (1_000, 5_000, 20_000, 100_000)
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Situation:
    """A draft beside the remit in force: what it changes, and whose consent it needs."""

    kept: Kept
    loaded: Loaded
    changes: list[Change]
    consents: tuple[signing.Consent, ...]
    alone: bool
    stale: bool

    @property
    def signed(self) -> bool:
        """True where everybody has signed whose rules change."""
        return all(consent.signature for consent in self.consents)


def draft(visit: Visit) -> Response:
    """What a draft changes, what it would have done to recorded answers, who has signed."""
    now = _situation(visit)
    me = visit.account
    mine = [
        consent
        for consent in now.consents
        if not consent.signature and (me.answers_for(consent.owner) or _for_all(now, visit))
    ]
    replay = visit.desk.jobs.progress(_replay(now.kept.digest))
    page = _number(visit.query.get("page", ""))
    texts = visit.query.get("texts") == "1" and visit.may(Role.REVIEWER)
    return visit.page(
        "draft.html",
        now=now,
        mine=mine,
        may_go_live=signing.may_put_live(now.kept, me, alone=now.alone),
        editor=visit.may(Role.OWNER),
        replay=replay,
        named=_named(visit, replay, page, texts=texts),
        texts=texts,
        page=page,
        pages=-(-len(replay.result.get("named", ())) // _NAMED) if replay else 0,
        sizes=_REPLAYS,
        shadow=shadowed(visit.evidence, now.kept.digest),
    )


def step(visit: Visit) -> Response:
    """One step with a draft: signs it, puts it live, into the shadow or out, or withdraws it."""
    steps: Mapping[str, Callable[[Visit], Response]] = {
        "sign": _sign,
        "live": _go_live,
        "shadow": partial(_move, state="shadow", notice="draft-shadowed"),
        "unshadow": partial(_move, state="draft", notice="draft-unshadowed"),
        "withdraw": partial(_move, state="retired", notice="draft-withdrawn"),
        "again": _again,
    }
    name = visit.path["step"]
    if name not in steps:
        return visit.fault(404, "There is no such step", "Go back to the draft.")
    return _told(visit, steps[name])


def replay(visit: Visit) -> Response:
    """Begins a replay of recorded answers over the draft, or stops it."""
    now = _situation(visit)
    name, digest = _replay(now.kept.digest), now.kept.digest
    if visit.form.get("act") == "stop":
        visit.desk.jobs.stop(name)
    else:
        most = _number(visit.form.get("answers", "")) or _REPLAYS[1]
        work = partial(replaying, visit.evidence, now.loaded, visit.policy, min(most, _REPLAYS[-1]))
        try:
            visit.desk.jobs.begin(name, visit.account.name, work)
        except JobError as error:
            return visit.fault(409, "It cannot begin now", f"{error}.")
    return visit.go(f"/remit/drafts/{digest}#replay")


def _told(visit: Visit, step: Callable[[Visit], Response]) -> Response:
    try:
        return step(visit)
    except DraftError as error:
        return visit.fault(409, "It cannot be done now", f"{error}.")


def _sign(visit: Visit) -> Response:
    now = _situation(visit)
    owner = visit.form.get("owner", "")
    if now.stale:
        raise DraftError("the remit has changed since; take the draft up on the live one first")
    consent = next((one for one in now.consents if one.owner == owner), None)
    if consent is None:
        raise DraftError(f"nothing changes for {owner[:80] or 'nobody'}; look at the draft again")
    if not (visit.account.answers_for(owner) or _for_all(now, visit)):
        raise DraftError(f"only who answers for {owner} can sign for it; an admin says who that is")
    signature = Signature(owner, visit.account.name, visit.time)
    writing.do(visit, Signing(now.kept.digest, signature, consent.rules))
    return visit.go(f"/remit/drafts/{now.kept.digest}", "draft-signed")


def _go_live(visit: Visit) -> Response:
    now = _situation(visit)
    live = visit.policy
    kept = drafts.find(visit.evidence, live.digest) or Kept(
        live.digest, visit.live.text, "live", "", "", visit.time, visit.time
    )
    change = GoingLive(
        now.kept.digest,
        kept,
        tuple(consent.owner for consent in now.consents),
        visit.account.name,
        visit.time,
        now.loaded.policy.model_dump(mode="json"),
        stamp(visit.now - _SETTLED),
        now.alone,
    )
    writing.do(visit, change)
    return visit.go("/remit", "remit-live")


def _move(visit: Visit, *, state: str, notice: str) -> Response:
    digest = visit.path["digest"]
    writing.do(visit, Moving(digest, state, visit.account.name, visit.time))
    return visit.go("/remit" if state == "retired" else f"/remit/drafts/{digest}", notice)


def _again(visit: Visit) -> Response:
    """Takes up an earlier remit, or a draft on what is live now; whatever was signed is void."""
    kept = writing.kept(visit, visit.path["digest"])
    why = (
        bounded(visit.form.get("why", "").strip(), "the reason", most=writing.WHY_MOST) or kept.why
    )
    found = checked(kept.text, visit.policy)
    if found.errors:
        return writing.form(visit, kept.text, kept.digest, found, why, 422)
    now, name = visit.time, visit.account.name
    fresh = replace(kept, state="draft", author=name, approver="", why=why, created=now)
    fresh = replace(fresh, updated=now, base=visit.policy.digest, signatures=())
    writing.do(visit, Drafting(fresh, kept.digest if kept.open else ""))
    return visit.go(f"/remit/drafts/{kept.digest}", "draft-kept")


def _situation(visit: Visit) -> Situation:
    kept = writing.kept(visit, visit.path["digest"])
    loaded, live = loads(kept.text), visit.policy
    changes = diff(live, loaded.policy)
    known = accounts.accounts(visit.evidence)
    return Situation(
        kept,
        loaded,
        changes,
        signing.consents(live, loaded.policy, changes, kept, known),
        signing.alone(known),
        kept.open and kept.base != live.digest,
    )


def _for_all(now: Situation, visit: Visit) -> bool:
    """Where there is one account only, it signs for all: nobody else ever could."""
    return now.alone and visit.may(Role.OWNER)


# --- The replay in it --------------------------------------------------------------------------


def _replay(digest: str) -> str:
    return f"replay/{digest}"


def _named(
    visit: Visit, replay: Progress | None, page: int, *, texts: bool
) -> list[dict[str, Any]]:
    """The changed answers of a page, with what was said in them where that is asked for."""
    named = replay.result.get("named", []) if replay else []
    shown = named[page * _NAMED : (page + 1) * _NAMED]
    if not texts or not shown:
        return list(shown)
    visit.saw("replay", [one["receipt"] for one in shown])
    return [one | {"texts": _excerpts(visit, one)} for one in shown]


def _excerpts(visit: Visit, named: Mapping[str, Any]) -> list[tuple[str, tuple[words.Piece, ...]]]:
    """What was asked and said, around what the draft would find; as far as it is kept."""
    record = visit.evidence.get(named["receipt"])
    if record is None:
        return []
    texts = judged_texts(visit.evidence, record, visit.policy)
    hits: dict[Stage, list[Span]] = {stage: [] for stage in texts}
    for place, rule, spans in named["hits"]:
        if place in texts:
            hits[Stage(place)] += [Span(start, end, rule) for start, end in spans]
    speakers = {Stage.INPUT: "Client:", Stage.OUTPUT: "Assistant:"}
    return [(speakers[place], words.excerpt(text, hits[place])) for place, text in texts.items()]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0
