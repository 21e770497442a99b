"""Coming in and going out: login, logout, and the first account of all."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from typing import Final

from remit.console import accounts, sessions
from remit.console.accounts import Account, AccountChange
from remit.console.passwords import PasswordError
from remit.console.roles import Role
from remit.console.visit import ROOT, Visit
from remit.evidence import CaseError
from remit.http.message import Response

_PATH: Final = re.compile(r"/[\w./?=&%+~:@,-]{0,500}", re.ASCII)
_SETUP: Final = "console/setup"
_WRONG: Final = "No account has this name and password."


def login(visit: Visit) -> Response:
    """Asks for a name and a password."""
    if visit.account.role is not Role.NOBODY:
        return visit.go("/")
    return _form(visit, to=_safe(visit.query.get("to", "")))


def enter(visit: Visit) -> Response:
    """Lets somebody in, with a session of their own; never one that was there before."""
    name = visit.form.get("name", "").strip().lower()[:64]
    password = visit.form.get("password", "")
    to = _safe(visit.form.get("to", ""))
    names, addresses, client = visit.desk.names, visit.desk.addresses, visit.request.client
    wait = addresses.begin(client) or names.begin(name)
    if wait:
        response = _form(visit, f"Too many tries. Wait {wait} seconds.", to, name, 429)
        response.headers = [*response.headers, ("retry-after", str(wait))]
        return response
    kept = accounts.password_of(visit.evidence, name)
    if not visit.desk.passwords.matches(kept, password):
        # A name that is none may be a password typed into the wrong field: it is not recorded.
        known = name if accounts.find(visit.evidence, name) else ""
        record = AccountChange("login failed", known, known, visit.time, ()).record()
        visit.evidence.append_sync(record | {"address": client})
        return _form(visit, _WRONG, to, name, 401)
    names.succeed(name)
    addresses.take_back(client)
    return _welcome(visit, name, to)


def leave(visit: Visit) -> Response:
    """Ends the session; with `everywhere`, all of the account."""
    everywhere = visit.form.get("everywhere") == "yes"
    session = sessions.Session(visit.session, visit.account, visit.csrf)
    sessions.end(visit.evidence, session, visit.now, everywhere=everywhere)
    response = visit.go("/login", "logged-out-everywhere" if everywhere else "logged-out")
    name = sessions.cookie_name(secure=visit.desk.secure)
    gone = sessions.set_cookie(name, "", secure=visit.desk.secure, seconds=0)
    response.headers = [*response.headers, ("set-cookie", gone), ("clear-site-data", '"cache"')]
    return response


def setup(visit: Visit) -> Response:
    """Asks who the first admin is, of whoever has the link that the server printed."""
    if not _invited(visit):
        text = "It serves once. `remit people add NAME --role admin` makes an account too."
        return visit.fault(404, "This link does not serve, or no longer", text)
    return _setup_form(visit)


def begin(visit: Visit) -> Response:
    """Makes the first account, an admin, and lets it in."""
    if not _invited(visit):
        return setup(visit)
    name = visit.form.get("name", "").strip().lower()
    account = Account(name, Role.ADMIN, visit.form.get("owner_of", "").strip()[:200])
    try:
        kept = visit.desk.passwords.hashed(visit.form.get("password", ""))
        change = accounts.adding(account, kept, "set-up link", visit.time, first=True)
        visit.evidence.change_sync(change.record(), change)
    except (PasswordError, CaseError) as error:
        return _setup_form(visit, f"{error}.", name, 422)
    return _welcome(visit, name, "/")


def _welcome(visit: Visit, name: str, to: str) -> Response:
    secure = visit.desk.secure
    token = sessions.begin(visit.evidence, name, visit.now)
    seconds = int(sessions.LONGEST.total_seconds())
    cookie = sessions.set_cookie(
        sessions.cookie_name(secure=secure), token, secure=secure, seconds=seconds
    )
    return Response(303, [("location", ROOT + to), ("set-cookie", cookie)])


def _invited(visit: Visit) -> bool:
    kept = visit.evidence.state(_SETUP)
    given = hashlib.sha256(visit.path["token"].encode()).hexdigest()
    right = isinstance(kept, str) and hmac.compare_digest(kept, given)
    return right and not accounts.any_account(visit.evidence)


def _setup_form(visit: Visit, error: str = "", name: str = "", status: int = 200) -> Response:
    owners = list(dict.fromkeys(rule.owner for rule in visit.policy.rules))
    values: dict[str, object] = {"error": error, "name": name, "owners": owners}
    values["path"] = visit.request.path
    return _with_cookie(visit, "setup.html", status, values)


def _form(
    visit: Visit, error: str = "", to: str = "/", name: str = "", status: int = 200
) -> Response:
    empty = not accounts.any_account(visit.evidence)
    values: dict[str, object] = {"error": error, "to": to, "name": name, "empty": empty}
    return _with_cookie(visit, "login.html", status, values)


def _with_cookie(visit: Visit, template: str, status: int, values: dict[str, object]) -> Response:
    """The page, and where the browser has none yet, the cookie that its form is tied to."""
    if visit.csrf:
        return visit.page(template, status, **values)
    header, value = sessions.strangers_cookie(secure=visit.desk.secure)
    response = replace(visit, csrf=sessions.token_of(value)).page(template, status, **values)
    response.headers = [*response.headers, ("set-cookie", header)]
    return response


def _safe(to: str) -> str:
    """A path of this console; the overview for anything else."""
    return to if _PATH.fullmatch(to) and not to.startswith("//") else "/"
