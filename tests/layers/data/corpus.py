"""A small remit that only drops, rows to filter, and a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from remit.layers.data.plan import Plan
from remit.layers.data.run import Finished, filter_corpus

REMIT = b"""\
remit: 1
organisation: Test
responsible: {owner: Someone}
rules:
  - id: no-advice
    says: Does not give advice.
    because: It is not ours to give.
    owner: Counsel
    then: {data: drop, output: block}
    detect: [{phrases: [you should sue]}]
    audit: [{judge: default}]
    breaks: [You should sue him.]
    keeps: [A colleague will call you.]
"""
BAD = "Then you should sue him."


def lines(count: int, *, bad_every: int = 7) -> bytes:
    """Rows of JSON, each with an id; some break the rule."""
    rows = []
    for number in range(count):
        text = BAD if number % bad_every == 3 else f"An ordinary text, number {number}. " * 3
        rows.append(f'{{"id": "r{number}", "text": "{text}", "n": {number}.50}}\n')
    return "".join(rows).encode()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what names the machine's own times."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name != "plan.json"
    }


def output(folder: Path) -> bytes:
    """All rows that were let through, in order."""
    return b"".join(path.read_bytes() for path in sorted((folder / "data").rglob("*.jsonl")))


def plan(part_bytes: int = 20_000, remit: bytes = REMIT) -> Plan:
    """A plan with small parts."""
    return Plan(remit, part_bytes=part_bytes)


def filtered(out: Path, *inputs: Path, workers: int = 1, part_bytes: int = 20_000) -> Finished:
    """A run with small parts."""
    given = [str(path) for path in inputs]
    return filter_corpus(plan(part_bytes), given, out, workers=workers)


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """A folder with files."""
    for name, data in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
