"""`remit people`: who may come into the console, from the machine that keeps the record."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from remit.cli.intervening import opened
from remit.cli.terminal import CannotRunError, MisuseError, safe, say, say_json, table

if TYPE_CHECKING:
    from remit.console.accounts import AccountChange
    from remit.evidence import Evidence

_EXAMPLES = """\
examples:
  remit people add anna --role admin --evidence evidence.db         shows a password once
  remit people add ben --role owner --owner-of "Compliance officer" --evidence evidence.db
  remit people add cleo --ask --evidence evidence.db                asks for the password
  remit people list --evidence evidence.db
  remit people disable ben --evidence evidence.db                   out, everywhere at once
  remit people password anna --evidence evidence.db                 a new one, shown once

roles: viewer < reviewer < owner < admin; each may do all that those before it may.
Each of these is recorded, as done by the user of this machine who ran it.
environment: REMIT_EVIDENCE, where --evidence is not given; without either remit-evidence.db
"""


def add(commands: Any) -> None:
    """Adds the commands."""
    people = commands.add_parser(
        "people",
        help="who may come into the console",
        description="Makes and changes accounts of the console. Only hashes of passwords are kept.",
        epilog=_EXAMPLES,
    )
    actions = people.add_subparsers(metavar="ACTION", title="actions", required=True)

    def action(name: str, help: str, run: Any, *, named: bool = True) -> Any:
        parser = actions.add_parser(name, help=help, epilog=_EXAMPLES)
        if named:
            parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--evidence", metavar="URL", help="the record; default remit-evidence.db"
        )
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.set_defaults(run=run)
        return parser

    new = action("add", "make an account", _add)
    new.add_argument("--role", default="viewer", metavar="ROLE", help="default viewer; see roles")
    new.add_argument("--owner-of", default="", metavar="TITLE", help="whose rules it signs for")
    new.add_argument("--ask", action="store_true", help="ask for the password; default: make one")
    action("list", "all accounts", _list, named=False)
    action("disable", "shut an account out", _disable)
    action("enable", "let it in again", _enable)
    word = action("password", "a new password", _password)
    word.add_argument("--ask", action="store_true", help="ask for the password; default: make one")


def _add(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.console.accounts import Account, adding
    from remit.console.passwords import PasswordError, Passwords
    from remit.console.roles import Role
    from remit.evidence import EvidenceError, stamp

    try:
        account = Account(arguments.name.lower(), Role.of(arguments.role), arguments.owner_of)
        password = _chosen(arguments)
        change = adding(account, Passwords().hashed(password), _user(), stamp())
    except (PasswordError, ValueError) as error:
        raise MisuseError(f"people add: {error}") from None
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    _do(arguments, environ, change)
    told = {"name": account.name, "role": account.role.word, "owner_of": account.owner_of}
    return _tell(arguments, told, password)


def _list(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.console.accounts import accounts

    with _opened(arguments, environ) as evidence:
        known = accounts(evidence)
    if arguments.json:
        say_json(
            [
                {
                    "name": one.name,
                    "role": one.role.word,
                    "owner_of": one.owner_of,
                    "disabled": one.disabled,
                    "created": one.created,
                }
                for one in known
            ]
        )
        return 0
    rows = [["name", "role", "signs for", "since", ""]]
    rows += [
        [one.name, one.role.word, one.owner_of, one.created[:10], "shut out" * one.disabled]
        for one in known
    ]
    for line in table(rows):
        say(line)
    return 0


def _disable(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return _switch(arguments, environ, disabled=True)


def _enable(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return _switch(arguments, environ, disabled=False)


def _switch(arguments: argparse.Namespace, environ: Mapping[str, str], *, disabled: bool) -> int:
    from remit.console.accounts import disabling
    from remit.evidence import stamp

    _do(arguments, environ, disabling(arguments.name, _user(), stamp(), disabled=disabled))
    return _tell(arguments, {"name": arguments.name, "disabled": disabled})


def _password(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.console.accounts import repassword
    from remit.console.passwords import PasswordError, Passwords
    from remit.evidence import stamp

    try:
        password = _chosen(arguments)
        kept = Passwords().hashed(password)
    except PasswordError as error:
        raise MisuseError(f"people password: {error}") from None
    _do(arguments, environ, repassword(arguments.name, kept, _user(), stamp()))
    return _tell(arguments, {"name": arguments.name}, password)


def _chosen(arguments: argparse.Namespace) -> str:
    """A password of ours, or one typed twice; piped in, its first line."""
    from remit.console.passwords import generated

    if not arguments.ask:
        return generated()
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise MisuseError("people: the two passwords differ; try again")
    return first


def _tell(arguments: argparse.Namespace, told: dict[str, Any], password: str = "") -> int:
    shown = password and not arguments.ask
    if arguments.json:
        say_json({**told, **({"password": password} if shown else {})})
    elif shown:
        say(f"{safe(told['name'])}: the password, shown this once, is")
        say(f"  {password}")
    else:
        say(f"{safe(told['name'])}: done")
    return 0


def _do(arguments: argparse.Namespace, environ: Mapping[str, str], change: AccountChange) -> None:
    from remit.evidence import EvidenceError

    with _opened(arguments, environ) as evidence:
        try:
            evidence.change_sync(change.record(), change)
        except EvidenceError as error:
            raise CannotRunError(str(error)) from None


def _opened(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Evidence:
    from remit.evidence import Evidence, EvidenceError

    url = arguments.evidence or environ.get("REMIT_EVIDENCE") or "remit-evidence.db"
    if arguments.run is not _add:  # nobody is known to a record that is not there
        return opened(url)
    try:
        return Evidence.open(url)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None


def _user() -> str:
    try:
        return f"{getpass.getuser()} (command)"
    except (OSError, KeyError):  # a container's user may have no name
        return "command"
