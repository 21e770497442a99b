"""Who may come in, and as what. For admins; a password is shown once and kept by nobody."""

from __future__ import annotations

from remit.console import accounts
from remit.console.accounts import Account, AccountChange
from remit.console.forms import FormError, needed
from remit.console.passwords import generated
from remit.console.roles import ROLES, Role
from remit.console.visit import Visit
from remit.http.message import Response


def people(visit: Visit) -> Response:
    """All accounts, and a form for another one."""
    return _shown(visit)


def add(visit: Visit) -> Response:
    """A new account with a password of ours, which the page shows once."""
    name = needed(visit.form, "name", "the name", most=64).lower()
    account = Account(name, _role(visit), _title(visit))
    password = generated()
    kept = visit.desk.passwords.hashed(password)
    _do(visit, accounts.adding(account, kept, visit.account.name, visit.time))
    return _shown(visit, name, password)


def change(visit: Visit) -> Response:
    """What the form's button says: role, disable, enable or a new password."""
    name, by, now = visit.path["name"], visit.account.name, visit.time
    act = visit.form.get("act", "")
    if act == "role":
        _do(visit, accounts.appointing(name, _role(visit), _title(visit), by, now))
        return visit.go("/people", "account-changed")
    if act in ("disable", "enable"):
        _do(visit, accounts.disabling(name, by, now, disabled=act == "disable"))
        return visit.go("/people", f"account-{act}d")
    if act == "password":
        password = generated()
        kept = visit.desk.passwords.hashed(password)
        _do(visit, accounts.repassword(name, kept, by, now))
        return _shown(visit, name, password)
    raise FormError(f"no act '{act[:20]}': use the page's own buttons")


def _shown(visit: Visit, name: str = "", password: str = "") -> Response:
    owners = dict.fromkeys(rule.owner for rule in visit.policy.rules)
    known = accounts.accounts(visit.evidence)
    unheld = [
        owner for owner in owners if not any(a.answers_for(owner) and not a.disabled for a in known)
    ]
    return visit.page(
        "people.html",
        known=known,
        owners=list(owners),
        unheld=unheld,
        roles=ROLES,
        new_name=name,
        new_password=password,
    )


def _do(visit: Visit, change: AccountChange) -> None:
    visit.evidence.change_sync(change.record(), change)


def _role(visit: Visit) -> Role:
    try:
        return Role.of(visit.form.get("role", ""))
    except ValueError as error:
        raise FormError(str(error)) from None


def _title(visit: Visit) -> str:
    title = visit.form.get("owner_of", "").strip()
    if title and all(rule.owner != title for rule in visit.policy.rules):
        raise FormError(f"no rule has the owner '{title[:60]}': choose one of the remit's")
    return title
