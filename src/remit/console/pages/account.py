"""One's own account: another password, and out of every browser at once."""

from __future__ import annotations

from remit.console import accounts
from remit.console.passwords import PasswordError
from remit.console.visit import Visit
from remit.http.message import Response


def account(visit: Visit) -> Response:
    """What this account is, and in how many browsers it is open."""
    return _shown(visit)


def password(visit: Visit) -> Response:
    """Another password, for whoever knows the one until now. All its sessions end."""
    name = visit.account.name
    if wait := visit.desk.names.begin(name):
        return _shown(visit, f"Too many tries. Wait {wait} seconds.", 429)
    kept = accounts.password_of(visit.evidence, name)
    if not visit.desk.passwords.matches(kept, visit.form.get("old", "")):
        return _shown(visit, "The password until now is another one.", 422)
    visit.desk.names.succeed(name)
    try:
        new = visit.desk.passwords.hashed(visit.form.get("new", ""))
    except PasswordError as error:
        return _shown(visit, f"{error}.", 422)
    change = accounts.repassword(name, new, name, visit.time)
    visit.evidence.change_sync(change.record(), change)
    return visit.go("/login", "password-changed")


def _shown(visit: Visit, error: str = "", status: int = 200) -> Response:
    sql = "SELECT count(*) FROM sessions WHERE account = ? AND expires > ?"
    (open_in,) = visit.evidence.rows(sql, (visit.account.name, visit.time))[0]
    rules = [rule for rule in visit.policy.rules if rule.owner == visit.account.owner_of]
    return visit.page("account.html", status, error=error, open_in=open_in, rules=rules)
