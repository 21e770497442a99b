"""Accounts: who may come in, and every change of that, chained into the record.

A change and its `account` entry are one transaction. No entry holds a password or its hash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.console.roles import Role
from remit.evidence import CaseError, Database, Evidence, new_id
from remit.layers.monitor.people import Person
from remit.types import Json

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_SQL: Final = "SELECT name, role, owner_of, disabled, created, updated FROM accounts"


class AccountError(CaseError):
    """The account cannot be made or changed so; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `owner_of` is the owner's title in the remit that it answers for; may be ''."""

    name: str
    role: Role
    owner_of: str = ""
    disabled: bool = False
    created: str = ""
    updated: str = ""

    def may(self, role: Role) -> bool:
        """Whether it has at least this role."""
        return self.role >= role

    def answers_for(self, owner: str) -> bool:
        """Whether it may sign for rules of this owner: its own; an admin is no exception."""
        return self.may(Role.OWNER) and self.owner_of != "" and self.owner_of == owner


NOBODY: Final = Account("", Role.NOBODY)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One step in the life of an account, with the entry that goes with it.

    `what`: added, role, owner_of, disabled, enabled, password. `by` is who did it.
    """

    what: str
    name: str
    by: str
    time: str
    statements: tuple[tuple[str, Sequence[Any]], ...]
    details: tuple[tuple[str, str], ...] = ()
    check: Callable[[Database], None] | None = None

    def record(self) -> Json:
        """The entry."""
        return {
            "id": f"account_{new_id()}",
            "time": self.time,
            "kind": "account",
            "action": self.what,
            "account": self.name,
            "who": self.by,
            **dict(self.details),
        }

    def apply(self, database: Database) -> None:
        """Makes the change. Raises AccountError where it does not fit."""
        if self.check is not None:
            self.check(database)
        for sql, values in self.statements:
            database.execute(sql, values)


def adding(
    account: Account, password: str, by: str, now: str, *, first: bool = False
) -> AccountChange:
    """A new account; `password` as it is kept. `first`: only while there is none at all.

    Raises AccountError or PersonError where the name cannot be one.
    """
    if not NAME.fullmatch(account.name):
        raise AccountError(
            f"account '{account.name[:64]}': a name is 1 to 64 of a-z, 0-9, dot, dash, + and @"
        )
    Person(account.name, "console")  # refuses names that stand for a machine

    def check(database: Database) -> None:
        if first and database.execute("SELECT 1 FROM accounts LIMIT 1").fetchone():
            raise AccountError("there are accounts already; log in, or let an admin add you")
        if database.execute("SELECT 1 FROM accounts WHERE name = ?", (account.name,)).fetchone():
            raise AccountError(f"account {account.name}: is there already; choose another name")

    values = (account.name, account.role.word, password, account.owner_of, 0, now, now)
    sql = (
        "INSERT INTO accounts (name, role, password, owner_of, disabled, created, updated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    details = (("role", account.role.word), ("owner_of", account.owner_of))
    return AccountChange("added", account.name, by, now, ((sql, values),), details, check)


def appointing(name: str, role: Role, owner_of: str, by: str, now: str) -> AccountChange:
    """Another role, and the owner's title that it answers for. The last admin stays one."""

    def check(database: Database) -> None:
        _there(database, name)
        if role is not Role.ADMIN:
            _another_admin(database, name)

    sql = "UPDATE accounts SET role = ?, owner_of = ?, updated = ? WHERE name = ?"
    details = (("role", role.word), ("owner_of", owner_of))
    statements = ((sql, (role.word, owner_of, now, name)),)
    return AccountChange("role", name, by, now, statements, details, check)


def disabling(name: str, by: str, now: str, *, disabled: bool = True) -> AccountChange:
    """Shuts an account out, everywhere at once; or lets it in again."""

    def check(database: Database) -> None:
        _there(database, name)
        if disabled:
            _another_admin(database, name)

    change = "UPDATE accounts SET disabled = ?, updated = ? WHERE name = ?"
    statements: list[tuple[str, Sequence[Any]]] = [(change, (int(disabled), now, name))]
    if disabled:
        statements.append(_logout(name))
    word = "disabled" if disabled else "enabled"
    return AccountChange(word, name, by, now, tuple(statements), (), check)


def repassword(name: str, password: str, by: str, now: str) -> AccountChange:
    """Another password, as it is kept; whoever was in under the old one is out."""
    change = "UPDATE accounts SET password = ?, updated = ? WHERE name = ?"
    statements = ((change, (password, now, name)), _logout(name))
    return AccountChange(
        "password", name, by, now, statements, (), lambda database: _there(database, name)
    )


def accounts(evidence: Evidence) -> tuple[Account, ...]:
    """All of them, by name."""
    return tuple(_account(row) for row in evidence.rows(f"{_SQL} ORDER BY name"))


def find(evidence: Evidence, name: str) -> Account | None:
    """One account; None where there is none of this name."""
    rows = evidence.rows(f"{_SQL} WHERE name = ?", (name,))
    return _account(rows[0]) if rows else None


def password_of(evidence: Evidence, name: str) -> str:
    """What is kept of its password; empty where nobody of this name may come in."""
    sql = "SELECT password FROM accounts WHERE name = ? AND disabled = 0"
    rows = evidence.rows(sql, (name,))
    return str(rows[0][0]) if rows else ""


def signs_for(evidence: Evidence, account: Account, owner: str) -> bool:
    """Whether it may sign where this owner must: the owner may; an admin only where nobody is it.

    Else a title that no account holds would leave a rule that nobody can change or close.
    """
    if account.answers_for(owner) or account.role is not Role.ADMIN:
        return account.answers_for(owner)
    sql = (
        "SELECT 1 FROM accounts WHERE owner_of = ? AND disabled = 0 AND role IN ('owner', 'admin')"
    )
    return not evidence.rows(sql, (owner,))


def any_account(evidence: Evidence) -> bool:
    """Whether there is one at all."""
    return bool(evidence.rows("SELECT 1 FROM accounts LIMIT 1"))


def _account(row: Sequence[Any]) -> Account:
    name, role, owner_of, disabled, created, updated = row
    return Account(name, Role.of(role), owner_of, bool(disabled), created, updated)


def _logout(name: str) -> tuple[str, Sequence[Any]]:
    return "DELETE FROM sessions WHERE account = ?", (name,)


def _there(database: Database, name: str) -> None:
    if not database.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone():
        raise AccountError(f"account {name}: there is none; `remit people list` shows them")


def _another_admin(database: Database, name: str) -> None:
    sql = "SELECT name FROM accounts WHERE role = 'admin' AND disabled = 0"
    admins = [row[0] for row in database.execute(sql).fetchall()]
    if admins == [name]:
        raise AccountError(f"account {name}: is the last admin; make another one admin first")
