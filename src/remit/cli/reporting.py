"""`remit report`: the evidence pack for an auditor."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, MisuseError, remit_of, safe, say

if TYPE_CHECKING:
    from remit.report import Report

_EXAMPLES = """\
examples:
  remit report remit.yaml --evidence evidence.db --out pack
  remit report remit.yaml --evidence evidence.db --out pack --verification verify.json --pdf
  remit report remit.yaml --evidence evidence.db --out pack --since 2026-10-01 --until 2027-01-01
  remit report remit.yaml --evidence evidence.db --out pack --earlier remit-2025.yaml --oscal

report.html is always written; its first page is for whoever answers. What is not given is stated
as a gap. The same inputs give the same bytes: the report speaks of the record's last entry, or of
--at.
Exit code 1 where the record is not intact.
"""
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{3})?)?Z)?")


def add(commands: Any) -> None:
    """Adds the command."""
    report = commands.add_parser(
        "report",
        help="the evidence pack for an auditor: HTML, PDF, OSCAL, JSON",
        description="Writes the evidence pack from the remit and the record alone.",
        epilog=_EXAMPLES,
    )
    report.add_argument("remit", metavar="REMIT")
    report.add_argument("--evidence", required=True, metavar="URL", help="the record")
    report.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="a folder to write to"
    )
    many = {"action": "append", "default": []}
    report.add_argument("--verification", metavar="FILE", help="of `verify --json`; repeat", **many)
    report.add_argument("--bias", default="", metavar="FILE", help="of `verify --bias … --json`")
    report.add_argument("--calibration", default="", metavar="FILE", help="of `label … --json`")
    report.add_argument("--data", metavar="DIR", help="of `filter --out`; may be repeated", **many)
    report.add_argument("--earlier", metavar="REMIT", help="the one before; oldest first", **many)
    report.add_argument("--since", default="", metavar="TIME", help="from 2026-11-24 on (UTC)")
    report.add_argument("--until", default="", metavar="TIME", help="before 2026-12-01 (UTC)")
    report.add_argument("--at", default="", metavar="TIME", help="the moment to speak of, or now")
    report.add_argument("--pdf", action="store_true", help="report.pdf too (extra `report`)")
    report.add_argument("--oscal", action="store_true", help="OSCAL assessment results too")
    report.add_argument("--json", action="store_true", help="report.json too")
    report.set_defaults(run=_run)


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.report import Asked, ReportError, compose, gather

    at = _moment(arguments.at)
    for name in ("since", "until"):
        _checked(name, getattr(arguments, name))
    loaded = remit_of(arguments.remit)
    earlier = [(Path(path).name, remit_of(path).policy) for path in arguments.earlier]
    try:
        gathered = gather(
            Asked(
                loaded.policy,
                arguments.remit,
                arguments.evidence,
                arguments.verification,
                arguments.bias,
                arguments.calibration,
                arguments.data,
                earlier,
                arguments.since,
                arguments.until,
                at,
            )
        )
        report = compose(gathered)
        files = _files(report, arguments)
    except ReportError as error:
        raise CannotRunError(str(error)) from None
    arguments.out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, data in files.items():
        _write(arguments.out / name, data)
        say(f"{hashlib.sha256(data).hexdigest()}  {safe(str(arguments.out / name))}")
    gaps, tasks = sum(1 for _ in report.gaps()), sum(1 for _ in report.tasks())
    say(safe(report.front.sentence))
    say(f"{gaps} gaps; {tasks} things for people to add")
    return 0 if gathered.integrity.ok else 1


def _files(report: Report, arguments: argparse.Namespace) -> dict[str, bytes]:
    from remit.report.outputs import html, machine, oscal

    page = html.page(report)
    files = {"report.html": page.encode()}
    if arguments.pdf:
        from remit.report.outputs.pdf import pdf

        files["report.pdf"] = pdf(page)
    if arguments.oscal:
        files["assessment-results.json"] = machine.encoded(oscal.document(report))
    if arguments.json:
        files["report.json"] = machine.encoded(machine.document(report))
    return files


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for its owner's eyes."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _moment(text: str) -> str:
    if text == "now":
        from remit.evidence import stamp

        return stamp()
    return _checked("at", text)


def _checked(name: str, text: str) -> str:
    if text and not _TIME.fullmatch(text):
        raise MisuseError(
            f"report: --{name} {text}: write a time such as 2026-11-24 or 2026-11-24T09:00Z (UTC)"
        )
    return text
