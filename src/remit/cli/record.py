"""`remit evidence`: is the record as it was written, and what does it say?"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli import record_kept
from remit.cli.terminal import CannotRunError, MisuseError, complain, safe, say, say_json, table

if TYPE_CHECKING:
    from remit.evidence import Keys, Stored

_EXAMPLES = """\
examples:
  remit evidence verify evidence.db                     recomputes every hash
  remit evidence anchor evidence.db > anchor.json       keep it out of its keeper's reach
  remit evidence verify evidence.db --anchor anchor.json
  remit evidence show evidence.db                       the newest entries
  remit evidence show evidence.db --rule no-client-data --limit 50
  remit evidence show evidence.db ID                    one answer, and what was checked
  remit evidence export evidence.db --out evidence.jsonl
  remit evidence checkpoint evidence.db --key audit.pem --make-key --out checkpoints.jsonl
  remit evidence verify evidence.db --checkpoint checkpoints.jsonl --public audit.pem.pub
  remit evidence retain evidence.db --older-than answers=365d --who DPO --why "a year is enough"
  remit evidence forget evidence.db --subject p-81f3 --keys keys.db --who DPO --why "asked to"
  remit evidence move evidence.db postgresql://remit@db/remit
  remit evidence migrate postgresql://remit@db/remit    after an update of Remit

URL is a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE, whose password belongs into
PGPASSWORD or ~/.pgpass. `verify` gives exit code 1 where the record is not intact.
Only the first checkpoint needs --make-key; keep its key and its file out of the keeper's reach.
"""


def add(commands: Any) -> None:
    """Adds the commands."""
    evidence = commands.add_parser(
        "evidence",
        help="the record: verify, show, export, checkpoint, retain, forget, move",
        description="Looks at the append-only record of what was decided.",
        epilog=_EXAMPLES,
    )
    actions = evidence.add_subparsers(metavar="ACTION", title="actions", required=True)

    def action(name: str, help: str) -> Any:
        parser = actions.add_parser(name, help=help, epilog=_EXAMPLES)
        parser.add_argument("url", metavar="URL")
        return parser

    verify = action("verify", "is it as it was written?")
    verify.add_argument("--anchor", metavar="FILE", help="must agree with what `anchor` printed")
    verify.add_argument("--checkpoint", metavar="FILE", help="must agree with these checkpoints")
    verify.add_argument("--public", metavar="FILE", help="the public key that signed them")
    verify.add_argument("--keys", metavar="FILE", help="the persons' keys, to compare their cases")
    verify.add_argument("--json", action="store_true", help="the report as JSON")
    verify.set_defaults(run=_verify)
    show = action("show", "one entry by its id, or the newest ones")
    show.add_argument("id", nargs="?", metavar="ID")
    show.add_argument("--limit", type=int, default=20, metavar="N", help="how many; default 20")
    show.add_argument("--rule", metavar="ID", help="where this rule was not kept")
    show.add_argument("--action", metavar="WORD", help="block, redact, hand_over, …")
    show.add_argument("--since", metavar="TIME", help="from 2026-11-24T09:00 on (UTC)")
    show.add_argument("--keys", metavar="FILE", help="the persons' keys")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=_show)
    export = action("export", "every entry as a line of JSON")
    export.add_argument("--out", metavar="FILE", help="a new file; default standard output")
    export.add_argument("--keys", metavar="FILE", help="the persons' keys: opens what is sealed")
    export.set_defaults(run=_export)
    anchor = action("anchor", "where all chains end now, as a line of JSON")
    anchor.set_defaults(run=_anchor)
    record_kept.add(action)


def _verify(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import Anchor, EvidenceError, checkpoint, verify

    if bool(arguments.checkpoint) != bool(arguments.public):
        raise MisuseError("evidence verify: --checkpoint and --public go together")
    try:
        anchor, checkpoints = None, []
        if arguments.anchor:
            anchor = Anchor.from_json(Path(arguments.anchor).read_bytes())
        if arguments.checkpoint:
            public = checkpoint.public_key(Path(arguments.public))
            checkpoints = checkpoint.load(Path(arguments.checkpoint), public)
        with _keys(arguments) as keys:
            report = verify(arguments.url, anchor=anchor, checkpoints=checkpoints, keys=keys)
    except (EvidenceError, OSError) as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        say_json(report.to_dict())
    else:
        for line in report.lines():
            say(safe(line))
    return 0 if report.ok else 1


def _show(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError, show

    if arguments.limit < 1:
        raise MisuseError("evidence show: --limit must be 1 or more")
    try:
        if arguments.id is not None:
            with _keys(arguments) as keys:
                _show_one(show(arguments.url, arguments.id, keys=keys), as_json=arguments.json)
        else:
            _show_newest(deque(_entries(arguments), arguments.limit), as_json=arguments.json)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    return 0


def _show_one(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    record, chain = found["record"], found["chain"]
    for key in ("id", "time", "kind", "action", "writer", "seq", "hash"):
        say(f"{key:8} {safe(str(chain[key]))}")
    if record is None:
        say("record   erased, or sealed: then give --keys")
        return
    rules = record.get("rules")
    if isinstance(rules, Mapping) and rules:
        say()
        rows = [["rule", "action", "score"]]
        for name, result in rules.items():
            fields = result if isinstance(result, Mapping) else {"action": result}
            rows.append([name, str(fields.get("action", "")), str(fields.get("score", ""))])
        for line in table(rows):
            say(line)
    say()
    say_json(record)


def _show_newest(entries: deque[Stored], *, as_json: bool) -> None:
    if as_json:
        say_json(
            [{"id": e.id, "time": e.time, "kind": e.kind, "action": e.action} for e in entries]
        )
        return
    rows = [["time", "kind", "action", "id"]]
    rows += [[entry.time, entry.kind, entry.action, entry.id] for entry in entries]
    for line in table(rows):
        say(line)
    if not entries:
        complain("no entry of that description")


def _entries(arguments: argparse.Namespace) -> Iterator[Stored]:
    """Every entry asked for, oldest first, a page at a time, without opening it for writing."""
    from remit.evidence import EvidenceError
    from remit.evidence.ledger import ledger_of
    from remit.evidence.lookup import walk

    place = ledger_of(arguments.url)
    reading = place.open_to_read()
    try:
        after = 0
        if not (arguments.rule or arguments.action or arguments.since):
            # Only the end is wanted; a position may be left out where a commit failed.
            (last,) = reading.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()
            after = max(0, last - 10 * arguments.limit)
        yield from walk(
            lambda look: look(reading),
            after=after,
            rule=arguments.rule,
            action=arguments.action,
            since=arguments.since,
        )
    except place.faults as error:
        raise EvidenceError(place.explain(error)) from error
    finally:
        reading.close()


def _export(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError, export

    try:
        with _keys(arguments) as keys:
            count = export(arguments.url, arguments.out or sys.stdout.buffer, keys=keys)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    complain(f"{count} entries exported")
    return 0


def _anchor(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError, anchor_of

    try:
        say(anchor_of(arguments.url).to_json())
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    return 0


@contextmanager
def _keys(arguments: argparse.Namespace) -> Iterator[Keys | None]:
    from remit.evidence import EvidenceError, Keys

    if not arguments.keys:
        yield None
        return
    if not Path(arguments.keys).is_file():
        raise EvidenceError(f"keys {arguments.keys}: no such file; give the one that serve uses")
    keys = Keys(arguments.keys)
    try:
        yield keys
    finally:
        keys.close()
