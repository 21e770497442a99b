"""The record: searched, one entry in plain words, the whole chain checked, and handed over.

What people wrote is shown to reviewers alone, and only after the record says that they saw it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from remit.console.forms import FormError
from remit.console.records import checking, words
from remit.console.records.exporting import lines
from remit.console.records.search import Found, Wanted, search
from remit.console.replay.job import judged_texts
from remit.console.roles import Role
from remit.console.visit import Visit, address
from remit.evidence import EvidenceError
from remit.http.message import Response
from remit.types import Span, Stage

_ID_MOST: Final = 200
_TEXT_MOST: Final = 200
_CHECK_SECONDS: Final = 3_600.0
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_FILTERS: Final = ("rule", "action", "kind", "id", "text", "since", "until")


def records(visit: Visit) -> Response:
    """A page of entries, newest first, as the filters want them."""
    wanted, older = _wanted(visit), visit.query.get("older", "")
    if wanted.text and not visit.may(Role.REVIEWER):
        raise FormError("texts are searched by reviewers only: leave the text out")
    found = search(visit.evidence, wanted, older)
    if wanted.text:
        visit.saw("text search", [line.id for line in found.lines])
    return visit.page(
        "records.html",
        found=found,
        query={name: visit.query.get(name, "") for name in _FILTERS},
        told=_told(visit, found),
        next=_address(visit, found.older) if found.older else "",
        first=_address(visit, "") if older else "",
        kinds=words.KINDS,
        deeds=words.DEEDS,
        rules=visit.policy.rules,
        check=visit.desk.jobs.progress(checking.NAME),
        reader=visit.may(Role.REVIEWER),
        admin=visit.may(Role.ADMIN),
    )


def record(visit: Visit) -> Response:
    """One entry: what it says, and its place in the chain."""
    id_ = visit.path["id"][:_ID_MOST]
    try:
        shown = visit.evidence.show(id_)
    except EvidenceError:
        return visit.fault(404, "There is no such entry", "Its id may be cut off; search for it.")
    body, chain = shown["record"], shown["chain"]
    reader = visit.may(Role.REVIEWER)
    if body is not None and reader and any(True for _ in words.wordings(body)):
        visit.saw("record", [id_])
    hits = _hits(visit, id_, body or {})
    return visit.page(
        "record.html",
        id=id_,
        body=body,
        chain=chain,
        kind=words.KINDS.get(chain["kind"], chain["kind"]),
        deed=words.DEEDS.get(chain["action"], chain["action"]),
        steps=_steps(visit, id_),
        findings=words.findings(body) if body else (),
        channels=words.channels(body) if body else (),
        asked=words.asked(body, hits[Stage.INPUT]) if body and reader else (),
        answered=words.answered(body, hits[Stage.OUTPUT]) if body and reader else (),
        facts=_facts(body, reader=reader) if body else (),
        about=_about(id_, chain, body or {}),
        is_answer=body is not None and _is_answer(body),
        reader=reader,
    )


def check(visit: Visit) -> Response:
    """Begins a check of the whole chain."""
    work = partial(checking.checking, visit.evidence, visit.account.name)
    visit.desk.jobs.begin(checking.NAME, visit.account.name, work, seconds=_CHECK_SECONDS)
    return visit.go("/evidence#chain")


def export(visit: Visit) -> Response:
    """Every entry as a line of JSON, with what a reader needs to check the chain by itself."""
    visit.saw("export of the whole record", ["all"])
    name = f"evidence-{visit.now:%Y%m%d-%H%M%S}.jsonl"
    headers = [
        ("content-type", "application/jsonl; charset=utf-8"),
        ("content-disposition", f'attachment; filename="{name}"'),
    ]
    return Response(200, headers, stream=_streamed(visit))


async def _streamed(visit: Visit) -> AsyncIterator[bytes]:
    chunks = lines(visit.evidence.url)
    try:
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield chunk
    finally:
        await asyncio.to_thread(chunks.close)


# --- What is looked for ------------------------------------------------------------------------


def _wanted(visit: Visit) -> Wanted:
    query = visit.query
    since, until = (_day(query.get(name, ""), name) for name in ("since", "until"))
    return Wanted(
        rule=query.get("rule", "")[:_ID_MOST],
        action=query.get("action", "")[:_ID_MOST],
        kind=query.get("kind", "")[:_ID_MOST],
        id=query.get("id", "").strip()[:_ID_MOST],
        text=query.get("text", "").strip()[:_TEXT_MOST],
        since=f"{since}T00:00:00.000Z" if since else "",
        until=f"{until}T23:59:59.999Z" if until else "",
    )


def _day(text: str, what: str) -> str:
    try:
        if text and (not _DAY.fullmatch(text) or not datetime.fromisoformat(text)):
            raise ValueError
    except ValueError:
        raise FormError(f"{what} is a day, such as {datetime.now(UTC):%Y-%m-%d}") from None
    return text


def _address(visit: Visit, older: str) -> str:
    kept = {name: visit.query[name] for name in _FILTERS if visit.query.get(name)}
    return address("/evidence", **kept, **({"older": older} if older else {}))


def _told(visit: Visit, found: Found) -> Mapping[str, Sequence[str]]:
    """The rules that each entry names, by its id."""
    told: dict[str, Sequence[str]] = {}
    for line in found.lines:
        told[line.id] = words.rules(visit.evidence.get(line.id) or {})
    return told


# --- One entry ---------------------------------------------------------------------------------


def _steps(visit: Visit, id: str) -> tuple[Any, ...]:
    """The other entries of the same case."""
    case, slash, _ = id.rpartition("/")
    if not slash:
        return ()
    return tuple(line for line in search(visit.evidence, Wanted(id=case)).lines if line.id != id)


def _facts(body: Mapping[str, Any], *, reader: bool) -> tuple[words.Fact, ...]:
    if _is_answer(body):
        return words.facts(body)
    return words.everything(body if reader else words.without_wordings(body))


def _is_answer(body: Mapping[str, Any]) -> bool:
    """True for what has a receipt: an answer, a refused question, a failed request."""
    return "channels" in body or "asked" in body


def _about(id: str, chain: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, str]:
    found = {name: body.get(name) for name in ("policy", "model", "case")}
    told = {name: value if isinstance(value, str) else "" for name, value in found.items()}
    if chain["kind"] == "case":
        told["case"] = id.rpartition("/")[0]
    unchecked = body.get("unchecked")
    names = [str(name) for name in unchecked] if isinstance(unchecked, list) else []
    return told | {"unchecked": ", ".join(names)[:2_000]}


def _hits(visit: Visit, id: str, body: Mapping[str, Any]) -> Mapping[Stage, tuple[Span, ...]]:
    """What a draft would have found in it, where the visitor comes from that draft's replay."""
    found: dict[Stage, tuple[Span, ...]] = {Stage.INPUT: (), Stage.OUTPUT: ()}
    digest = visit.query.get("draft", "")
    replay = visit.desk.jobs.progress(f"replay/{digest}") if digest else None
    mine = [one for one in replay.result.get("named", ()) if one["receipt"] == id] if replay else []
    if not mine:
        return found
    texts = judged_texts(visit.evidence, body, visit.policy)
    shown = {Stage.INPUT: body.get("asked"), Stage.OUTPUT: body.get("answered")}
    for place, rule, spans in mine[0]["hits"]:
        stage = Stage(place)
        if texts.get(stage) == shown[stage]:  # else the spans are those of another text
            found[stage] += tuple(Span(start, end, rule) for start, end in spans)
    return found
