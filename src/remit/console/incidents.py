"""Incidents: what happened to a rule from the first signal to its owner's closure, put together.

Nothing is kept but what happened anyway: alarms, interventions, cases, and what people note. An
incident begins with the first alarm or intervention after the one before was closed. Its id is that
first signal's; so the same record always tells the same incidents. Clocks of several machines may
put another signal first later on: so each of its signals names it, and a closure may name any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from remit.evidence import Evidence, new_id, stamp
from remit.policy import Policy
from remit.types import Json

RECORD: Final = "incident"
_SHOWN: Final = timedelta(days=400)
_SIGNALS_MOST: Final = 1_000
_CASES_MOST: Final = 40
_RULES_MOST: Final = 500
_MARKS: Final = (
    "SELECT entries.id, entries.time, entries.kind, entries.action"
    " FROM marks JOIN entries ON entries.writer = marks.writer AND entries.seq = marks.seq"
    " WHERE marks.rule = ? AND marks.time >= ? AND marks.kind IN ('alarm', 'incident')"
    " ORDER BY marks.time DESC LIMIT ?"
)
_MEASURES: Final = (
    "SELECT id, time, rule, kind, owner, who, why, state, ended, ended_by, ended_why, expires"
    " FROM interventions WHERE rule = ? AND time >= ? ORDER BY time DESC LIMIT ?"
)

What = Literal["alarm", "cleared", "begun", "ended", "note", "close"]
WHOLE: Final = ""
"""Stands for the whole assistant, where a rule's id would; in marks, which need a name, a star."""

_WHOLE_MARK: Final = "*"
_CLOSE: Final = "closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `about` is the id of the record, intervention or incident."""

    time: str
    what: What
    rule: str
    about: str
    who: str = ""
    text: str = ""
    cause: str = ""

    @property
    def signal(self) -> bool:
        """Whether it begins an incident where none is open."""
        return self.what in ("alarm", "begun")


@dataclass(frozen=True, slots=True)
class Incident:
    """From the first signal on. `closed` is empty while its owner has not closed it."""

    id: str
    rule: str
    events: tuple[Event, ...]
    closed: str = ""
    closed_by: str = ""
    cause: str = ""

    @property
    def began(self) -> str:
        """The time of the first signal."""
        return self.events[0].time

    def holds(self, id: str) -> bool:
        """Whether this signal is one of it: any of them leads to its page."""
        return any(event.signal and event.about == id for event in self.events)

    @property
    def measures(self) -> frozenset[str]:
        """Interventions of it that are not known to have ended."""
        begun = {event.about for event in self.events if event.what == "begun"}
        return frozenset(begun - {event.about for event in self.events if event.what == "ended"})


def put_together(events: Iterable[Event]) -> list[Incident]:
    """The incidents of one rule, the newest first, from its events in any order."""
    done: list[Incident] = []
    going: list[Event] = []
    for event in sorted(events, key=lambda one: (one.time, one.what != "alarm", one.about)):
        if not going and not event.signal:
            # The end of what began in an incident that was closed before it ended.
            if done and event.what != "close":
                done[-1] = _with(done[-1], event)
            continue
        going.append(event)
        if event.what == "close" and event.about in {one.about for one in going[:-1]}:
            done.append(
                Incident(_id(going), event.rule, tuple(going), event.time, event.who, event.cause)
            )
            going = []
    if going:
        done.append(Incident(_id(going), going[0].rule, tuple(going)))
    return done[::-1]


def incidents_of(
    evidence: Evidence, rule: str, now: datetime, *, words: bool = False
) -> list[Incident]:
    """The incidents of one rule ('' is the whole assistant) of the last 400 days.

    With `words`, also what alarms and people said of them, which takes a look-up each.
    """
    since = stamp(now - _SHOWN)
    marked = evidence.rows(_MARKS, (rule or _WHOLE_MARK, since, _SIGNALS_MOST))
    begun = evidence.rows(_MEASURES, (rule, since, _SIGNALS_MOST))
    told = evidence.get if words else lambda _: None
    return put_together([*_marked(rule, marked, told), *_measures(begun, stamp(now))])


def closure(evidence: Evidence, incident: Incident) -> tuple[str, str]:
    """Who closed it, and the cause that was given."""
    about = next(event.about for event in incident.events if event.what == "close")
    record = evidence.get(f"{about}/{_CLOSE}") or {}
    return str(record.get("who", "")), str(record.get("cause", ""))


def open_incidents(evidence: Evidence, policy: Policy, now: datetime) -> list[Incident]:
    """Those that nobody has closed yet, of every rule, the newest first."""
    return [one for one in all_incidents(evidence, policy, now) if not one.closed]


def all_incidents(evidence: Evidence, policy: Policy, now: datetime) -> list[Incident]:
    """Those of every rule, in force or no longer, and of the whole assistant; the newest first."""
    rules = {WHOLE, *(rule.id for rule in policy.rules), *_marked_rules(evidence)}
    rules |= {row[0] for row in evidence.rows("SELECT DISTINCT rule FROM interventions")}
    found = [one for rule in rules for one in incidents_of(evidence, rule, now)]
    return sorted(found, key=lambda one: (one.began, one.id), reverse=True)


def name_of(policy: Policy, rule: str) -> str:
    """What an incident is about, for people."""
    says = (known.says for known in policy.rules if known.id == rule)
    return next(says, rule or "the whole assistant")


def _marked_rules(evidence: Evidence) -> Iterable[str]:
    """The rules that the record speaks of, by jumping from one to the next in the index."""
    last = ""
    for _ in range(_RULES_MOST):
        found = evidence.rows("SELECT min(rule) FROM marks WHERE rule > ?", (last,))[0][0]
        if found is None:
            return
        last = found
        if last != _WHOLE_MARK:
            yield last


def noting(incident: Incident, who: str, text: str, now: str) -> Json:
    """The entry of a note."""
    return _entry(incident, "note", who, text, now)


def closing(incident: Incident, who: str, text: str, cause: str, now: str) -> Json:
    """The entry that closes an incident."""
    return {**_entry(incident, "close", who, text, now), "cause": cause}


def cases_of(evidence: Evidence, incident: Incident) -> list[tuple[str, str, str, str]]:
    """Cases of its rule that were opened while it was open: id, time, state, outcome."""
    sql = (
        "SELECT id, time, state, outcome FROM cases WHERE rule = ? AND time >= ? AND time <= ?"
        " ORDER BY time DESC LIMIT ?"
    )
    values = (incident.rule, incident.began, incident.closed or "9", _CASES_MOST)
    return [(row[0], row[1], row[2], row[3]) for row in evidence.rows(sql, values)]


def _entry(incident: Incident, what: str, who: str, text: str, now: str) -> Json:
    # The id tells which incident it is about, so that a list need not read what was written.
    mark = _CLOSE if what == "close" else f"note/{new_id()}"
    return {
        "id": f"{incident.id}/{mark}",
        "time": now,
        "kind": RECORD,
        "action": what,
        "rule": incident.rule or _WHOLE_MARK,
        "incident": incident.id,
        "who": who,
        "text": text,
    }


def _id(going: Sequence[Event]) -> str:
    return going[0].about


def _with(incident: Incident, event: Event) -> Incident:
    return Incident(
        incident.id,
        incident.rule,
        (*incident.events, event),
        incident.closed,
        incident.closed_by,
        incident.cause,
    )


def _marked(
    rule: str,
    rows: Sequence[tuple[Any, ...]],
    told: Callable[[str], Mapping[str, Any] | None],
) -> Iterable[Event]:
    for name, time, kind, action in rows:
        record = told(name) or {}
        who, text = str(record.get("who", "")), str(record.get("text", ""))
        if kind == "alarm":
            what: What = "cleared" if action == "cleared" else "alarm"
            yield Event(time, what, rule, name, who, str(record.get("words") or ""))
        elif action == "note":
            yield Event(time, "note", rule, name.partition("/note/")[0], who, text)
        elif action == "close":
            cause = str(record.get("cause", ""))
            about = name.removesuffix(f"/{_CLOSE}")
            yield Event(time, "close", rule, about, who, text, cause)


def _measures(rows: Sequence[tuple[Any, ...]], now: str) -> Iterable[Event]:
    for name, time, rule, kind, owner, who, why, state, ended, ended_by, ended_why, expires in rows:
        yield Event(time, "begun", rule, name, who, f"{kind}: {why} ({owner} answers for it)")
        if state == "ended":
            yield Event(ended, "ended", rule, name, ended_by, ended_why)
        elif expires and expires <= now:
            yield Event(expires, "ended", rule, name, "", "its time was over")
