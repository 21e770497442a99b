"""Layer 5, acting: what is done when a rule does not hold, by whom, why, and until when.

An intervention is a row that workers read, and two entries of the chain: how it began, and how it
ended. Each is written in one transaction with its row, so none is in force unrecorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import orjson

from remit.evidence import CaseError, Database, Evidence, new_id, stamp
from remit.layers.monitor.people import AUTOMATIC, Person
from remit.policy.intervening import Kind, parse_setting

COLUMNS: Final = (
    "id", "time", "rule", "kind", "setting", "owner", "who", "why", "statistic",
    "starts", "expires", "state", "ended", "ended_by", "ended_why",
)  # fmt: skip
RECORD: Final = "intervention"
HOURS_MOST: Final = 24 * 365
_WHY_MOST: Final = 2_000

Ending = Literal["undo", "expire", "lift"]


class InterventionError(CaseError):
    """It cannot be begun or ended so; the message names the thing and the cure."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One measure in force or over. Times read as `stamp()` writes them.

    `rule` is empty where it is about the whole assistant. `owner` answers for it, `who` began it
    (`remit` where the remit's own ladder did). `statistic` is what showed that it was needed.
    `expires` is empty for a kill switch alone: that waits for a person.
    """

    id: str
    time: str
    rule: str
    kind: Kind
    setting: Mapping[str, Any]
    owner: str
    who: str
    why: str
    statistic: Mapping[str, Any] = field(default_factory=dict)
    starts: str = ""
    expires: str = ""
    state: Literal["active", "ended"] = "active"
    ended: str = ""
    ended_by: str = ""
    ended_why: str = ""

    @property
    def automatic(self) -> bool:
        """True where the remit's own ladder began it."""
        return self.who == AUTOMATIC

    def in_force(self, now: str) -> bool:
        """True until its end or expiry. `now` as `stamp()` writes it.

        From whichever clock its start is: a host whose clock is behind must not wait for it.
        """
        return self.state == "active" and not self.expired(now)

    def expired(self, now: str) -> bool:
        """True past its expiry, whether or not that has been written down yet."""
        return bool(self.expires) and self.expires <= now


def by_hand(
    person: Person,
    kind: Kind,
    setting: Any,
    *,
    owner: str,
    why: str,
    rule: str = "",
    hours: float = 24.0,
    statistic: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Begin:
    """An intervention that a person begins now, for so many hours.

    `setting` is read as in a remit: `0.3`, `true`, a text. Raises InterventionError.
    """
    try:
        parsed = parse_setting(kind, setting)
    except ValueError as error:
        raise InterventionError(f"intervention {kind}: {error}") from None
    if kind is Kind.TIGHTEN and not rule:
        raise InterventionError("intervention tighten: thresholds are rules'; name the rule")
    if not 0 < hours <= HOURS_MOST:
        raise InterventionError(f"intervention {kind}: it lasts above 0 to {HOURS_MOST} hours")
    for name, text in (("owner", owner), ("reason", why)):
        if not 1 <= len(text.strip()) <= _WHY_MOST:
            cure = f"give it one, of 1 to {_WHY_MOST} characters"
            raise InterventionError(f"intervention {kind}: it has no {name}; {cure}")
    moment = now or datetime.now(UTC)
    return Begin(
        Intervention(
            id=f"int_{new_id()}",
            time=stamp(moment),
            rule=rule,
            kind=kind,
            setting=parsed,
            owner=owner.strip(),
            who=person.name,
            why=why.strip(),
            statistic=statistic or {},
            starts=stamp(moment),
            expires="" if kind is Kind.KILL else stamp(moment + timedelta(hours=hours)),
        ),
        person.door,
    )


@dataclass(frozen=True, slots=True)
class Begin:
    """The beginning of an intervention, as a change of the record."""

    intervention: Intervention
    door: str = ""

    def record(self) -> dict[str, Any]:
        """The entry that goes with it."""
        it = self.intervention
        return {
            "id": f"{it.id}/begin",
            "time": it.time,
            "kind": RECORD,
            "action": "begin",
            "rule": it.rule,
            "owner": it.owner,
            "who": it.who,
            "why": it.why,
            "door": self.door,
            "intervention": {
                "id": it.id,
                "kind": it.kind.value,
                "setting": dict(it.setting),
                "statistic": dict(it.statistic),
                "starts": it.starts,
                "expires": it.expires,
            },
        }

    def apply(self, database: Database) -> None:
        """Puts it in force. Raises InterventionError where the same one is, by the same ladder."""
        it = self.intervention
        if database.execute("SELECT 1 FROM interventions WHERE id = ?", (it.id,)).fetchone():
            raise InterventionError(f"intervention {it.id}: begun already, and only once")
        setting = _dumped(it.setting)
        if it.automatic:
            same = database.execute(
                "SELECT id FROM interventions WHERE state = 'active' AND who = ?"
                " AND rule = ? AND kind = ? AND setting = ?",
                (AUTOMATIC, it.rule, it.kind.value, setting),
            ).fetchone()
            if same:
                raise InterventionError(f"intervention {same[0]}: in force already")
        row = {name: getattr(it, name) for name in COLUMNS}
        row |= {"kind": it.kind.value, "setting": setting, "statistic": _dumped(it.statistic)}
        row |= {"state": "active", "ended": "", "ended_by": "", "ended_why": ""}
        marks = ", ".join("?" * len(COLUMNS))
        database.execute(
            f"INSERT INTO interventions ({', '.join(COLUMNS)}) VALUES ({marks})",  # noqa: S608 our own columns
            tuple(row.values()),
        )


@dataclass(frozen=True, slots=True)
class End:
    """The end of an intervention: undone by a person, expired, or lifted by the remit's rule.

    Made by `undo`, `expire` and `lift`, which say who may.
    """

    id: str
    how: Ending
    who: str
    why: str
    time: str
    door: str = ""
    admin: bool = False

    def record(self) -> dict[str, Any]:
        """The entry that goes with it."""
        return {
            "id": f"{self.id}/{self.how}",
            "time": self.time,
            "kind": RECORD,
            "action": self.how,
            "who": self.who,
            "why": self.why,
            "door": self.door,
            "intervention": {"id": self.id},
        }

    def apply(self, database: Database) -> None:
        """Takes it out of force. Raises InterventionError where that is not possible."""
        row = database.execute(
            "SELECT state, kind, who, expires, ended_by FROM interventions WHERE id = ?", (self.id,)
        ).fetchone()
        if row is None:
            raise InterventionError(f"intervention {self.id}: there is none; list the active ones")
        state, kind, who, expires, ended_by = row
        if state != "active":
            raise InterventionError(f"intervention {self.id}: ended already by {ended_by}")
        if kind == Kind.KILL and not (self.how == "undo" and self.admin):
            raise InterventionError(f"intervention {self.id}: only an admin undoes a kill switch")
        if self.how == "lift" and who != AUTOMATIC:
            raise InterventionError(f"intervention {self.id}: {who} began it; a person undoes it")
        if self.how == "expire" and not (expires and expires <= self.time):
            raise InterventionError(f"intervention {self.id}: it has not expired")
        database.execute(
            "UPDATE interventions SET state = 'ended', ended = ?, ended_by = ?, ended_why = ?"
            " WHERE id = ?",
            (self.time, self.who, self.why, self.id),
        )


def undo(id: str, person: Person, why: str, now: datetime | None = None) -> End:
    """A person ends it. Raises InterventionError without a reason."""
    if not 1 <= len(why.strip()) <= _WHY_MOST:
        raise InterventionError(f"intervention {id}: say why it is undone")
    return End(id, "undo", person.name, why.strip(), stamp(now), person.door, person.admin)


def expire(intervention: Intervention, now: str) -> End:
    """It ends because its time is over."""
    return End(intervention.id, "expire", AUTOMATIC, f"expired at {intervention.expires}", now)


def lift(intervention: Intervention, why: str, now: str) -> End:
    """The remit's ladder ends what it began itself, after the rate has been calm."""
    return End(intervention.id, "lift", AUTOMATIC, why, now)


def read_interventions(evidence: Evidence, *, active: bool = False) -> tuple[Intervention, ...]:
    """Interventions, the oldest first; those of state active alone where asked for."""
    where = " WHERE state = 'active'" if active else ""
    rows = evidence.rows(
        f"SELECT {', '.join(COLUMNS)} FROM interventions{where}"  # noqa: S608 no text from outside
        " ORDER BY time, id"
    )
    return tuple(_intervention(row) for row in rows)


def _intervention(row: Sequence[Any]) -> Intervention:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values["kind"] = Kind(values["kind"])
    for name in ("setting", "statistic"):
        values[name] = orjson.loads(values[name])
    return Intervention(**values)


def _dumped(value: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS).decode()
