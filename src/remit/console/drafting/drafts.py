"""Remits as the store keeps them: drafts, one in the shadow, the one that is live, those before.

Each step is a change of the table together with its entry of the chain, of kind `remit`. What a
step needs (the remit that is live has not changed meanwhile, every owner has signed) is looked up
inside its transaction, so that two people at once cannot put through what neither has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import orjson

from remit.evidence import CaseError, Database, Evidence, new_id
from remit.types import Json

_COLUMNS: Final = "digest, text, state, author, approver, note, created, updated"
OPEN: Final = ("draft", "shadow")


class DraftError(CaseError):
    """A remit is not in the state that a step needs; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Signature:
    """That whoever answers for `owner`'s rules agrees to what a draft does to them."""

    owner: str
    who: str
    time: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A remit in the store. `state`: draft, shadow, live or retired.

    `base` is the digest of the remit that it was written to replace, `why` the author's words.
    """

    digest: str
    text: str
    state: str
    author: str
    approver: str
    created: str
    updated: str
    base: str = ""
    why: str = ""
    signatures: tuple[Signature, ...] = ()

    @property
    def open(self) -> bool:
        """True while it may still become the live one."""
        return self.state in OPEN


def find(evidence: Evidence, digest: str) -> Kept | None:
    """The remit of this digest; None where the store has none."""
    rows = evidence.rows(f"SELECT {_COLUMNS} FROM remits WHERE digest = ?", (digest,))  # noqa: S608 our own columns
    return _kept(rows[0]) if rows else None


def listed(evidence: Evidence, *states: str, most: int = 50) -> tuple[Kept, ...]:
    """Remits in these states, the last changed first."""
    marks = ", ".join("?" * len(states))
    rows = evidence.rows(
        f"SELECT {_COLUMNS} FROM remits WHERE state IN ({marks})"  # noqa: S608 no outside text
        " ORDER BY updated DESC LIMIT ?",
        (*states, most),
    )
    return tuple(_kept(row) for row in rows)


# --- Steps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drafting:
    """A new draft, or an earlier remit taken up again.

    `instead` is the draft that it revises: itself, where only what it is based on changes.
    """

    draft: Kept
    instead: str = ""

    def record(self) -> Json:
        """The entry."""
        draft = self.draft
        more = {"base": draft.base, "why": draft.why, "instead": self.instead}
        return _entry("drafted", draft.digest, draft.author, draft.created, **more)

    def apply(self, database: Database) -> None:
        """Keeps it. The text of a remit that was there before stays: it means the same."""
        draft = self.draft
        former = _read(database, draft.digest)
        again = former is not None and (former.state == "retired" or draft.digest == self.instead)
        if former is not None and not again:
            raise DraftError(f"remit {draft.digest[:12]}: is {former.state} already; open that one")
        if former is None:
            database.execute(
                f"INSERT INTO remits ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 our own columns
                _row(draft),
            )
        else:
            _update(database, replace(draft, text=former.text))
        if self.instead and self.instead != draft.digest:
            revised = _read(database, self.instead)
            if revised is not None and revised.open:
                _update(database, replace(revised, state="retired", updated=draft.created))


@dataclass(frozen=True, slots=True)
class Moving:
    """A draft into the shadow (`shadow`), out of it (`draft`), or withdrawn (`retired`)."""

    digest: str
    state: str
    who: str
    time: str

    def record(self) -> Json:
        """The entry."""
        word = {"shadow": "shadowed", "draft": "unshadowed", "retired": "withdrawn"}[self.state]
        return _entry(word, self.digest, self.who, self.time)

    def apply(self, database: Database) -> None:
        """Moves it. One remit at most is in the shadow: each costs a reading of all traffic."""
        draft = _open(database, self.digest)
        if self.state == "shadow":
            sql = "SELECT digest FROM remits WHERE state = 'shadow' AND digest <> ?"
            other = database.execute(sql, (self.digest,)).fetchone()
            if other is not None:
                raise DraftError(f"remit {other[0][:12]}: is in the shadow; take it out first")
        _update(database, replace(draft, state=self.state, updated=self.time))


@dataclass(frozen=True, slots=True)
class Signing:
    """An owner's agreement to what a draft does to the rules that it answers for."""

    digest: str
    signature: Signature
    rules: tuple[str, ...]

    def record(self) -> Json:
        """The entry, found by each of the rules."""
        signed = self.signature
        more = {"owner": signed.owner, "rules": list(self.rules)}
        return _entry("signed", self.digest, signed.who, signed.time, **more)

    def apply(self, database: Database) -> None:
        """Adds the signature; one for each owner, and the first stands."""
        draft = _open(database, self.digest)
        if any(signed.owner == self.signature.owner for signed in draft.signatures):
            return
        signatures = (*draft.signatures, self.signature)
        _update(database, replace(draft, signatures=signatures, updated=self.signature.time))


@dataclass(frozen=True, slots=True)
class GoingLive:
    """A draft becomes the remit in force, for every worker.

    `live` is the remit in force here, kept to return to; `owners` must have signed; `alone`: there
    is one account only, so that its author may put it live. `meaning` is the remit's JSON form.
    `settled` is a moment so long ago that every worker has taken up what was put live before it.
    """

    digest: str
    live: Kept
    owners: tuple[str, ...]
    who: str
    time: str
    meaning: Mapping[str, Any]
    settled: str
    alone: bool = False

    def record(self) -> Json:
        """The entry, with the whole meaning: it proves alone what held from then on."""
        entry = _entry("live", self.digest, self.who, self.time, before=self.live.digest)
        return entry | {"alone": self.alone, "policy_text": dict(self.meaning)}

    def apply(self, database: Database) -> None:
        """Retires the live remit and puts this one in its place, if all is as it must be."""
        draft, here = _open(database, self.digest), self.live.digest
        sql = "SELECT digest FROM remits WHERE state = 'live' AND digest <> ? AND updated > ?"
        other = database.execute(sql, (here, self.settled)).fetchone()
        if other is not None or draft.base != here:
            now = (other[0] if other else here)[:12]
            raise DraftError(
                f"the remit has changed since this draft was begun: {now} is live now, and it was "
                f"written against {draft.base[:12]}; take it up again on the live one"
            )
        if draft.author == self.who and not self.alone:
            raise DraftError("its author cannot put it live; ask another owner or an admin")
        missing = set(self.owners) - {signed.owner for signed in draft.signatures}
        if missing:
            raise DraftError(f"not signed by {', '.join(sorted(missing))}; ask them to")
        if _read(database, here) is None:
            database.execute(
                f"INSERT INTO remits ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 our own columns
                _row(replace(self.live, state="retired", updated=self.time)),
            )
        sql = "UPDATE remits SET state = 'retired', updated = ? WHERE state = 'live'"
        database.execute(sql, (self.time,))
        _update(database, replace(draft, state="live", approver=self.who, updated=self.time))


# --- Rows --------------------------------------------------------------------------------------


def _entry(action: str, digest: str, who: str, time: str, **more: Any) -> Json:
    entry = {"id": f"remit_{new_id()}", "time": time, "kind": "remit", "action": action}
    return {**entry, "policy": digest, "who": who, **more}


def _read(database: Database, digest: str) -> Kept | None:
    sql = f"SELECT {_COLUMNS} FROM remits WHERE digest = ?"  # noqa: S608 no outside text
    row = database.execute(sql, (digest,)).fetchone()
    return None if row is None else _kept(row)


def _open(database: Database, digest: str) -> Kept:
    draft = _read(database, digest)
    if draft is None:
        raise DraftError(
            f"remit {digest[:12]}: there is no such draft; list them on the remit page"
        )
    if not draft.open:
        raise DraftError(f"remit {digest[:12]}: is {draft.state}; begin a draft from it")
    return draft


def _update(database: Database, kept: Kept) -> None:
    sql = "UPDATE remits SET state = ?, author = ?, approver = ?, note = ?, created = ?,"
    values = (kept.state, kept.author, kept.approver, _note(kept), kept.created, kept.updated)
    database.execute(f"{sql} updated = ? WHERE digest = ?", (*values, kept.digest))


def _row(kept: Kept) -> tuple[str, ...]:
    return (
        kept.digest, kept.text, kept.state, kept.author, kept.approver, _note(kept),
        kept.created, kept.updated,
    )  # fmt: skip


def _note(kept: Kept) -> str:
    signatures = [asdict(signature) for signature in kept.signatures]
    return orjson.dumps({"base": kept.base, "why": kept.why, "signatures": signatures}).decode()


def _kept(row: Sequence[Any]) -> Kept:
    digest, text, state, author, approver, note, created, updated = row
    try:
        value = orjson.loads(note)
        signatures = tuple(Signature(**signature) for signature in value["signatures"])
        base, why = str(value["base"]), str(value["why"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        signatures, base, why = (), "", str(note)  # written by another program
    return Kept(digest, text, state, author, approver, created, updated, base, why, signatures)
