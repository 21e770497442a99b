"""Sessions: who is in, until when. The browser holds a token; the store only its hash.

A session ends an hour after it was last used, twelve hours after it began, at logout, or when its
account is shut out or changes its password; in every process at once, since all read the table.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from remit.console.accounts import Account, AccountChange
from remit.console.roles import Role
from remit.evidence import Database, Evidence, stamp

IDLE: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=12)
# A use is noted this often: a page that asks ten times a second must not write ten times.
_NOTED: Final = timedelta(minutes=1)
_COOKIE: Final = "remit-console"
_STRANGER: Final = "-stranger"
_SQL: Final = (
    "SELECT s.csrf, s.seen, s.expires, a.name, a.role, a.owner_of, a.created, a.updated"
    " FROM sessions s JOIN accounts a ON a.name = s.account WHERE s.token = ? AND a.disabled = 0"
)


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is in. `key` is the token's hash, `csrf` what its forms carry.

    `unnoted`: its last use was noted so long ago that this one is to be noted, with `use`.
    """

    key: str
    account: Account
    csrf: str
    unnoted: bool = False


def cookie_name(*, secure: bool) -> str:
    """The session's cookie. `__Host-`: no other host or path can set it (RFC 6265bis, 4.1.3)."""
    return f"__Host-{_COOKIE}" if secure else _COOKIE


def set_cookie(name: str, value: str, *, secure: bool, seconds: int) -> str:
    """A Set-Cookie header that no script reads and no other site sends."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Strict", f"Max-Age={seconds}"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def cookies(header: str) -> dict[str, str]:
    """The cookies of a request; the first of a name counts."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, separator, value = part.strip().partition("=")
        if separator:
            found.setdefault(name, value)
    return found


def strangers_cookie(*, secure: bool) -> tuple[str, str]:
    """A cookie for somebody who is not logged in: its Set-Cookie header, and its value."""
    value = secrets.token_urlsafe(24)
    name = cookie_name(secure=secure) + _STRANGER
    return set_cookie(name, value, secure=secure, seconds=3600), value


def strangers_token(header: str, *, secure: bool) -> str:
    """What the forms of somebody who is not logged in carry; empty where they have no cookie yet.

    There is nothing to forge but a login, so the cookie's own hash will do.
    """
    value = cookies(header).get(cookie_name(secure=secure) + _STRANGER, "")
    return token_of(value) if value else ""


def token_of(strangers: str) -> str:
    """The token that goes with a stranger's cookie."""
    return hashlib.sha256(b"remit stranger " + strangers.encode("utf-8", "replace")).hexdigest()


def begin(evidence: Evidence, account: str, now: datetime) -> str:
    """Lets an account in: the new token for its cookie. Raises EvidenceError."""
    token = secrets.token_urlsafe(32)
    time = stamp(now)
    row = (_key(token), account, secrets.token_urlsafe(24), time, time, stamp(now + LONGEST))
    fresh = (
        "INSERT INTO sessions (token, account, csrf, created, seen, expires)"
        " VALUES (?, ?, ?, ?, ?, ?)"
    )
    over = ("DELETE FROM sessions WHERE expires < ? OR seen < ?", (time, stamp(now - IDLE)))
    statements = (over, (fresh, row))
    change = AccountChange("login", account, account, time, statements)
    evidence.change_sync(change.record(), change)
    return token


def end(evidence: Evidence, session: Session, now: datetime, *, everywhere: bool = False) -> None:
    """Ends a session, or all of its account. Raises EvidenceError."""
    name = session.account.name
    one = ("DELETE FROM sessions WHERE token = ?", (session.key,))
    every = ("DELETE FROM sessions WHERE account = ?", (name,))
    word = "logout everywhere" if everywhere else "logout"
    change = AccountChange(word, name, name, stamp(now), (every if everywhere else one,))
    evidence.change_sync(change.record(), change)


def find(evidence: Evidence, token: str, now: datetime) -> Session | None:
    """The session of a token; None where there is none, or it is over."""
    return of_key(evidence, _key(token), now) if token else None


def of_key(evidence: Evidence, key: str, now: datetime) -> Session | None:
    """As `find`, by the hash of the token."""
    rows = evidence.rows(_SQL, (key,))
    if not rows:
        return None
    csrf, seen, expires, name, role, owner_of, created, updated = rows[0]
    if stamp(now) > expires or stamp(now - IDLE) > seen:
        return None
    account = Account(name, Role.of(role), owner_of, created=created, updated=updated)
    return Session(key, account, csrf, stamp(now - _NOTED) > seen)


async def use(evidence: Evidence, session: Session, now: datetime) -> None:
    """Notes that a session was used: it is no decision, so nothing goes into the chain."""
    await evidence.alter(_Used(session.key, stamp(now)))


@dataclass(frozen=True, slots=True)
class _Used:
    key: str
    time: str

    def apply(self, database: Database) -> None:
        sql = "UPDATE sessions SET seen = ? WHERE token = ? AND seen < ?"
        database.execute(sql, (self.time, self.key, self.time))


def _key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
