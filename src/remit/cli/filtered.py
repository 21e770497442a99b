"""`remit filter explain`, `erase`, `verify`: what a finished run says of rows, people and files."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from remit.cli.stages import Stages
from remit.cli.terminal import MisuseError, complain, safe, say, say_json

if TYPE_CHECKING:
    from remit.layers.data.lookup import Run


def explain(arguments: argparse.Namespace) -> int:
    from remit.layers.data.lookup import Run

    if len(arguments.inputs) != 2:
        raise MisuseError("filter explain: name the folder of a run and a row")
    folder, row = arguments.inputs
    found = [told.to_json() for told in Run(folder).explain(row)]
    if arguments.json:
        say_json(found)
    else:
        for told in found:
            tell(told)
    if not found:
        complain(f"{folder} knows no row {row}; write SOURCE:NUMBER (from 0), its hash, or its id")
    return int(not found)


def tell(told: Mapping[str, Any]) -> None:
    say(safe(f"{told['source']}:{told['row']} {told['outcome']}"))
    for mark in told.get("marks", ()):
        place = ".".join(str(step) for step in mark.get("path", ()))
        spans = ", ".join(f"{start}-{end}" for start, end, _ in mark.get("spans", ()))
        words = [f"  {mark['step']} ({mark['owner']}) asks {mark['asks']}", place, spans]
        say(safe("; ".join(word for word in [*words, mark.get("reason", "")] if word)))
    if told.get("reason"):
        say(safe(f"  {told['reason']}"))


def erase(arguments: argparse.Namespace) -> int:
    from remit.layers.data.lookup import Run

    if len(arguments.inputs) < 2:
        raise MisuseError("filter erase: name the folders of runs and the person's key")
    *folders, key = arguments.inputs
    runs = [Run(folder) for folder in folders]
    rows: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    unindexed = False
    for run in runs:
        touched = run.touched(key)
        rows += [told.to_json() for told in touched or ()]
        unindexed = unindexed or touched is None
    if unindexed or arguments.search:
        lines = _searched(runs, key)
    if arguments.json:
        say_json({"key": key, "indexed": not unindexed, "rows": rows, "lines": lines})
        return 0
    for told in rows:
        place = f"{told['run']}: {told['source']}:{told['row']}"
        say(safe(f"{place} {told['outcome']} {told['data'] or ''}".rstrip()))
    for found in lines:
        say(safe(f"{found['run']}: {found['file']}, line {found['line']}"))
    say(f"{len(rows):,} rows by index, {len(lines):,} lines by search, in {len(runs)} runs")
    if not arguments.search and not unindexed:
        complain("found by e-mail address, number or id; --search reads all of the output as well")
    return 0


def _searched(runs: Sequence[Run], key: str) -> list[dict[str, Any]]:
    parts = [part for run in runs for part in run.parts]
    size = sum(file["size"] for part in parts for file in part["files"].values())
    stages = Stages()
    stages.stage("searching", size)
    try:
        return [found.to_json() for run in runs for found in run.search(key, stages.seen)]
    finally:
        stages.end()


def verify(arguments: argparse.Namespace) -> int:
    from remit.layers.data import ledger

    if len(arguments.inputs) != 1:
        raise MisuseError("filter verify: name the folder of a run")
    checked = ledger.verify(arguments.inputs[0])
    if arguments.json:
        say_json(
            {"ok": not checked.problems, "head": checked.head, "problems": list(checked.problems)}
        )
        return int(bool(checked.problems))
    for problem in checked.problems:
        say(safe(problem))
    if not checked.problems:
        say(f"intact: {checked.lines:,} lines, {checked.files:,} files, head {checked.head}")
    return int(bool(checked.problems))
