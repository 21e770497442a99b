"""`remit evidence`, what changes or moves a record: migrate, move, checkpoint, retain, forget."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from remit.cli.terminal import CannotRunError, MisuseError, complain, safe, say

Action = Callable[[str, str], Any]


def add(action: Action) -> None:
    """Adds the commands."""
    migrate = action("migrate", "brings its tables to the version of this Remit")
    migrate.set_defaults(run=_migrate)
    move = action("move", "copies all of it into an empty store, and verifies it there")
    move.add_argument("target", metavar="TARGET-URL", help="a new file, or an empty database")
    move.set_defaults(run=_move)
    checkpoint = action("checkpoint", "signs where all chains end, for a place out of reach")
    checkpoint.add_argument("--key", metavar="FILE", required=True, help="private, of Ed25519")
    checkpoint.add_argument("--make-key", action="store_true", help="make it first, and its .pub")
    checkpoint.add_argument("--out", metavar="FILE", required=True, help="gets a line more")
    checkpoint.set_defaults(run=_checkpoint)
    retain = action("retain", "erases what is older than it may be kept")
    retain.add_argument(
        "--older-than", metavar="[CLASS=]DAYSd", action="append", default=[],
        help="answers=365d, cases, judgements, access; or 365d for all; default 183d",
    )  # fmt: skip
    retain.add_argument("--shorter-because", metavar="TEXT", help="why less than six months")
    forget = action("forget", "erases all that is kept of a person, and their key")
    whom = forget.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", metavar="NAME", help="as the program names them in `user`")
    whom.add_argument("--subject", metavar="ID", help="the pseudonym in the record")
    forget.add_argument("--keys", metavar="FILE", help="the persons' keys")
    for parser in (retain, forget):
        parser.add_argument("--who", required=True, help="who decided it")
        parser.add_argument("--why", required=True, help="what for; both go on record")
    retain.set_defaults(run=_retain)
    forget.set_defaults(run=_forget)


def _migrate(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError
    from remit.evidence.ledger import ledger_of

    try:
        place = ledger_of(arguments.url)
        place.migrate()
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    say(f"{safe(place.name)}: up to date")
    return 0


def _move(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import EvidenceError
    from remit.evidence.move import move

    try:
        report = move(arguments.url, arguments.target)
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    for line in report.lines():
        say(safe(line))
    return 0


def _checkpoint(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.evidence import Evidence, EvidenceError, checkpoint, new_id, stamp

    key, out = Path(arguments.key), Path(arguments.out)
    try:
        if arguments.make_key:
            complain(f"the public key is in {checkpoint.make_key(key)}")
        private = checkpoint.private_key(key)
        with Evidence.open(arguments.url) as evidence:
            made = checkpoint.sign(evidence.anchor(), private, checkpoint.last_in(out))
            checkpoint.add_to(out, made)
            record = {"id": new_id(), "time": stamp(), "kind": "checkpoint", "root": made.root}
            evidence.append_sync({**record, "digest": made.digest(), "key": made.key})
    except (EvidenceError, OSError) as error:
        raise CannotRunError(str(error)) from None
    say(f"{made.anchor.entries} entries, root {made.root}")
    return 0


def _retain(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    import asyncio

    from remit.evidence import Evidence, EvidenceError
    from remit.evidence.record import stamp
    from remit.evidence.retention import KEPT_DAYS_LEAST

    days = _days(arguments.older_than)
    if min(days.values()) < KEPT_DAYS_LEAST and not arguments.shorter_because:
        raise MisuseError(
            f"evidence retain: the EU's AI Act wants logs kept for six months ({KEPT_DAYS_LEAST} "
            "days); give --shorter-because TEXT where it does not bind you"
        )
    because = arguments.shorter_because
    why = f"{arguments.why} ({because})" if because else arguments.why
    now = datetime.now(UTC)
    before = {name: stamp(now - timedelta(days=number)) for name, number in days.items()}
    try:
        with Evidence.open(arguments.url) as evidence:
            count = asyncio.run(evidence.retain(before, who=arguments.who, why=why))
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    say(f"{count} entries erased")
    return 0


def _days(given: list[str]) -> dict[str, int]:
    from remit.evidence.retention import CLASSES, KEPT_DAYS_LEAST

    days: dict[str, int] = {}
    for text in given or [f"{KEPT_DAYS_LEAST}d"]:
        match = re.fullmatch(r"(?:([a-z]+)=)?([0-9]{1,5})d", text)
        if match is None or (match[1] and match[1] not in CLASSES):
            raise MisuseError(
                f"evidence retain: --older-than {text}: give days, such as 365d, or "
                f"CLASS=365d with a class of {', '.join(CLASSES)}"
            )
        days |= dict.fromkeys([match[1]] if match[1] else CLASSES, int(match[2]))
    return days


def _forget(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    import asyncio

    from remit.evidence import Evidence, EvidenceError, subject_of

    who, why = arguments.who, arguments.why
    subject = arguments.subject or subject_of(arguments.user)
    try:
        with Evidence.open(arguments.url, keys=arguments.keys) as evidence:
            count = asyncio.run(evidence.forget(subject, who=who, why=why))
    except EvidenceError as error:
        raise CannotRunError(str(error)) from None
    say(f"{count} entries erased")
    if arguments.keys is None:
        complain("without --keys: copies and backups of the record still hold what it said")
    return 0
