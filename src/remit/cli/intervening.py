"""`remit interventions`: what is in force beside the remit, begun and undone by people."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, MisuseError, safe, say, say_json, table

if TYPE_CHECKING:
    from remit.evidence import Evidence
    from remit.layers.monitor.interventions import Intervention

_EXAMPLES = """\
examples:
  remit interventions list --evidence evidence.db                         what is in force
  remit interventions begin pause --why "Wrong tariffs" \\
      --owner "Managing partner" --evidence evidence.db
  remit interventions begin tighten 0.3 --rule no-legal-advice --hours 48 \\
      --why "Three complaints" --owner "Compliance officer" --evidence evidence.db
  remit interventions undo int_0198… --why "Tariffs are right again" --evidence evidence.db

kinds, the easiest to undo first, and what each is set to:
  tighten 0.3         a rule's threshold            regenerate 1     ask the model so often again
  sample 50%          the share that is judged      reply "Call us." words in the model's place
  approve [0.2]       a person lets each answer go, or those a rule scores from 0.2 on
  fallback [MODEL]    another model serves          throttle 30      requests a minute
  pause ["We are back at nine."]                    kill             until an admin undoes it

It is in force in every worker of the gateway within a second.
environment: REMIT_EVIDENCE, where --evidence is not given
"""


def add(commands: Any) -> None:
    """Adds the commands."""
    group = commands.add_parser(
        "interventions",
        help="what is in force beside the remit: list, begin, undo",
        description="Intervenes in a running assistant: reversible, on record, with a reason.",
        epilog=_EXAMPLES,
    )
    actions = group.add_subparsers(metavar="ACTION", title="actions", required=True)

    def action(name: str, help: str) -> Any:
        parser = actions.add_parser(name, help=help, epilog=_EXAMPLES)
        parser.add_argument("--evidence", metavar="URL", help="the record that serve writes to")
        parser.add_argument("--json", action="store_true", help="as JSON")
        return parser

    listed = action("list", "those in force")
    listed.add_argument("--all", action="store_true", help="those that are over too")
    listed.set_defaults(run=_list)
    begin = action("begin", "put one in force")
    begin.add_argument("kind", metavar="KIND", help="tighten, pause, …: see below")
    begin.add_argument("setting", nargs="?", metavar="SETTING", help="what it is set to")
    begin.add_argument("--rule", default="", metavar="ID", help="default: the whole assistant")
    begin.add_argument("--why", required=True, metavar="TEXT", help="the reason, on record")
    begin.add_argument("--owner", required=True, metavar="TITLE", help="who answers for it")
    begin.add_argument(
        "--hours", type=float, default=24.0, metavar="N", help="when it ends by itself; default 24"
    )
    begin.add_argument("--who", metavar="NAME", help="default: who is logged in")
    begin.set_defaults(run=_begin)
    undo = action("undo", "end one")
    undo.add_argument("id", metavar="ID")
    undo.add_argument("--why", required=True, metavar="TEXT", help="the reason, on record")
    undo.add_argument("--who", metavar="NAME", help="default: who is logged in")
    undo.set_defaults(run=_undo)


def evidence_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Which record is meant. Raises MisuseError where none is named."""
    url = arguments.evidence or environ.get("REMIT_EVIDENCE")
    if not url:
        raise MisuseError("which record? give --evidence URL, or set REMIT_EVIDENCE")
    return str(url)


def opened(url: str, keys: str | None = None) -> Evidence:
    """A record that is there already, to write to; `keys` is the file of persons' keys.

    Raises CannotRunError.
    """
    from pathlib import Path

    from remit.evidence import Evidence, EvidenceError

    path = url.removeprefix("sqlite:///")
    if "://" not in path and not Path(path).is_file():
        raise CannotRunError(f"evidence {path}: no such file; give the one that serve writes to")
    try:
        return Evidence.open(url, keys=keys)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None


def logged_in(named: str | None) -> str:
    """The name given, or that of whoever runs the command. Raises MisuseError without either."""
    import getpass

    try:
        return named or getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise MisuseError("who does this? give --who NAME") from None


def setting_of(text: str | None) -> Any:
    """A setting as it was typed: a number, a text, or true where there is none."""
    if text is None:
        return True
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _list(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.monitor.interventions import read_interventions

    with opened(evidence_of(arguments, environ)) as evidence:
        found = read_interventions(evidence, active=not arguments.all)
    if arguments.json:
        say_json([asdict(it) for it in found])
        return 0
    rows = [["id", "kind", "about", "set to", "until", "by", "why"]]
    rows += [_row(it) for it in found]
    for line in table(rows) if found else ["nothing is in force beside the remit"]:
        say(line)
    return 0


def _row(it: Intervention) -> list[str]:
    setting = ", ".join(f"{name} {value}" for name, value in it.setting.items())
    until = f"ended {it.ended}" if it.state == "ended" else it.expires or "an admin undoes it"
    return [it.id, it.kind.value, it.rule or "the assistant", setting, until, it.who, it.why]


def _begin(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError
    from remit.layers.monitor.interventions import by_hand
    from remit.layers.monitor.people import Person
    from remit.policy.intervening import Kind

    try:
        kind = Kind(arguments.kind)
    except ValueError:
        raise MisuseError(f"no kind '{arguments.kind}'; have {', '.join(Kind)}") from None
    setting = setting_of(arguments.setting)
    if kind is Kind.APPROVE and isinstance(setting, int | float) and setting is not True:
        setting = {"from": setting}
    try:
        person = Person(logged_in(arguments.who), "command", admin=True)
        change = by_hand(
            person,
            kind,
            setting,
            owner=arguments.owner,
            why=arguments.why,
            rule=arguments.rule,
            hours=arguments.hours,
        )
        with opened(evidence_of(arguments, environ)) as evidence:
            evidence.change_sync(change.record(), change)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    it = change.intervention
    if arguments.json:
        say_json(asdict(it))
    else:
        say(safe(f"{it.id}: {kind} in force until {it.expires or 'an admin undoes it'}"))
    return 0


def _undo(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError
    from remit.layers.monitor.interventions import undo
    from remit.layers.monitor.people import Person

    try:
        person = Person(logged_in(arguments.who), "command", admin=True)
        change = undo(arguments.id, person, arguments.why)
        with opened(evidence_of(arguments, environ)) as evidence:
            evidence.change_sync(change.record(), change)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        say_json({"id": arguments.id, "undone": change.time, "by": person.name})
    else:
        say(safe(f"{arguments.id}: undone by {person.name}"))
    return 0
