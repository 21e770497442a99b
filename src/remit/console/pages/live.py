"""What is going on now: the newest answers, each a line, and those to come as they come.

A line says what was done and by which rule. What was written is shown to reviewers who ask for it,
and the record says of each line that they saw it, before they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import orjson

from remit.console import sessions
from remit.console.feed import Missed
from remit.console.render import visible
from remit.console.roles import Role
from remit.console.visit import Visit, seen
from remit.evidence import EvidenceError, Stored
from remit.http.message import Response
from remit.policy import Policy

_A_PAGE: Final = 50
# How far back the newest lines are looked for: other entries stand between them.
_BACK: Final = 2_000
_KINDS: Final = ("answer", "refusal", "error")
_EXCERPT: Final = 280
_BEAT_SECONDS: Final = 10.0
_SQL: Final = (
    "SELECT id, time, kind, action FROM entries"
    " WHERE position > (SELECT max(position) FROM entries) - ?"
    " AND kind IN ('answer', 'refusal', 'error') ORDER BY position DESC LIMIT ?"
)
_DEEDS: Final[Mapping[str, str]] = {
    "allow": "Passed",
    "flag": "Flagged",
    "redact": "Masked",
    "replace": "Replaced",
    "hand_over": "Handed over",
    "block": "Blocked",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One answer. `asked` and `answered` are excerpts, '' where they are not to be shown."""

    id: str
    time: str
    action: str
    deed: str
    rules: tuple[str, ...]
    owner: str
    model: str
    note: str
    asked: str = ""
    answered: str = ""


def live(visit: Visit) -> Response:
    """The newest answers, and a stream for the next ones."""
    words = _words(visit)
    rows = visit.evidence.rows(_SQL, (_BACK, _A_PAGE))
    lines = [
        line_of(visit.policy, entry, visit.evidence.get(entry[0]), words=words) for entry in rows
    ]
    if words:
        visit.saw("live", [line.id for line in lines])
    return visit.page("live.html", lines=lines, words=words, may_read=visit.may(Role.REVIEWER))


def stream(visit: Visit) -> Response:
    """Server-sent events (HTML Standard, 9.2): `answer` for each, `missed` where some were lost."""
    if visit.desk.feed.full:
        return Response(503, [("retry-after", "10")], b"too many look at once\n")
    headers = [("content-type", "text/event-stream"), ("x-accel-buffering", "no")]
    return Response(200, headers, stream=_events(visit))


def line_of(
    policy: Policy,
    entry: Sequence[str],
    record: Mapping[str, Any] | None,
    *,
    words: bool,
) -> Line:
    """An entry (id, time, kind, action) and its record as a line. Erased ones have no record."""
    name, time, kind, action = entry
    known = record or {}
    decisive = [str(rule) for rule in _list(known.get("decisive"))][:5]
    says = {rule.id: rule for rule in policy.rules}
    note = "erased" if record is None else "failed" if kind == "error" or known.get("error") else ""
    line = Line(
        id=name,
        time=time,
        action=action if action in _DEEDS else "unknown",
        deed=_DEEDS.get(action, kind),
        rules=tuple(says[rule].says if rule in says else rule for rule in decisive),
        owner=says[decisive[0]].owner if decisive and decisive[0] in says else "",
        model=str(known.get("model") or "")[:80],
        note=note,
    )
    if words:
        asked, answered = (_excerpt(known.get(name)) for name in ("asked", "answered"))
        return replace(line, asked=asked, answered=answered)
    return line


async def _events(visit: Visit) -> AsyncIterator[bytes]:
    words = _words(visit)
    checked = asyncio.get_running_loop().time()
    async with visit.desk.feed.looking() as queue:
        yield b"retry: 3000\n\n"
        while True:
            try:
                batch = await asyncio.wait_for(queue.get(), _BEAT_SECONDS)
            except TimeoutError:
                batch = ()
            if batch is None:
                return
            now = asyncio.get_running_loop().time()
            if now - checked > _BEAT_SECONDS / 5:
                checked = now
                if not await asyncio.to_thread(_still_inside, visit):
                    return
            if isinstance(batch, Missed):
                yield b"event: missed\ndata: {}\n\n"
            else:
                yield await _told(visit, batch, words=words) or b": still here\n\n"


async def _told(visit: Visit, batch: Sequence[Stored], *, words: bool) -> bytes:
    answers = [stored for stored in batch if stored.kind in _KINDS]
    if words and answers:
        # Before they leave, as on any page; an answer that is not recorded as seen is not sent.
        about = [stored.id for stored in answers]
        record = seen(visit.account.name, "live", about, answers[-1].time)
        try:
            await visit.evidence.append(record)
        except EvidenceError:
            return b"event: missed\ndata: {}\n\n"
    events = [_event("answer", asdict(_line(visit, one, words=words))) for one in answers]
    if any(stored.kind in ("case", "intervention", "alarm") for stored in batch):
        events.append(_event("change", {}))
    return b"".join(events)


def _line(visit: Visit, stored: Stored, *, words: bool) -> Line:
    entry = (stored.id, stored.time, stored.kind, stored.action)
    line = line_of(visit.policy, entry, stored.record, words=words)
    return replace(line, asked=visible(line.asked), answered=visible(line.answered))


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


def _still_inside(visit: Visit) -> bool:
    """Whether the session still stands, with the role that it had: a stream outlives neither."""
    found = sessions.of_key(visit.evidence, visit.session, visit.desk.clock())
    return found is not None and found.account.role >= visit.account.role


def _words(visit: Visit) -> bool:
    return visit.may(Role.REVIEWER) and visit.query.get("words") == "1"


def _excerpt(value: object) -> str:
    text = " ".join(value[: _EXCERPT * 4].split()) if isinstance(value, str) else ""
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
