"""The end of a run: every part in the chained ledger, and law 5 checked against what came in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from remit.layers.data import ledger
from remit.layers.data.accounts import Account, Tally
from remit.layers.data.card import measures
from remit.layers.data.card import page as card
from remit.layers.data.card.sketch import Sketch
from remit.layers.data.parts import part_note
from remit.layers.data.plan import Job
from remit.layers.data.processes import WorkError
from remit.layers.data.shard import hash_note, shard_note
from remit.layers.data.sources import Found, Shard, Source
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Finished:
    """The totals of a run, the head of its ledger, and whether it had been finished before.

    `damaged` says of which files not all could be read, and why.
    """

    account: Account
    head: str
    sources: int
    parts: int
    passed_over: tuple[str, ...]
    damaged: tuple[str, ...]
    before: bool

    def to_json(self) -> Json:
        """As JSON."""
        about = {"sources": self.sources, "parts": self.parts, "head": self.head}
        told = {"passed_over": list(self.passed_over), "damaged": list(self.damaged)}
        return {**about, **told, **self.account.to_json()}


def account(job: Job, found: Found, cut: Sequence[Shard]) -> Finished:
    """Writes the ledger and checks law 5. Raises WorkError where something is not accounted for."""
    folder = Path(job.folder)
    _unchanged(found)
    measures.note_inputs(job, found)
    ledger.chain(folder, _lines(job, found, cut))
    card.write(folder)
    done = finished(folder, found, before=False)
    shutil.rmtree(job.work, ignore_errors=True)
    return done


def _unchanged(found: Found) -> None:
    for source in found.sources:
        status = Path(source.path).stat()
        if (status.st_size, status.st_mtime_ns) != (source.size, source.changed):
            raise WorkError(f"{source.path}: was changed while it was read; run it again elsewhere")


def _lines(job: Job, found: Found, cut: Sequence[Shard]) -> Iterator[Json]:
    policy = job.plan.policy
    yield {
        "kind": "start",
        "format": 1,
        "organisation": policy.organisation,
        "policy": policy.digest,
        "salt": job.salt.hex(),
        "plan": job.plan.to_json(),
        "passed_over": list(found.passed_over),
    }
    tally = Tally()
    merged = Sketch(job.salt, job.plan.samples)
    by_source: dict[int, list[Shard]] = {}
    for one in cut:
        by_source.setdefault(one.source.number, []).append(one)
    for source in found.sources:
        notes = [
            orjson.loads(shard_note(job, one).read_bytes()) for one in by_source[source.number]
        ]
        came = {"lines": sum(n["lines"] for n in notes), "bytes": sum(n["bytes"] for n in notes)}
        own = {"lines": 0, "bytes": 0}
        for number in (part for note in notes for part in note["parts"]):
            part = orjson.loads(part_note(job, source, number).read_bytes())
            merged.plus(part.pop("sketch"))
            counted = Account.from_json(part)
            tally.plus(counted)
            own["lines"] += sum(counted.rows.values())
            own["bytes"] += counted.bytes_in
            yield {"kind": "part", **part}
        line = _source(job, source, came)
        for name, text in ledger.unbalanced(
            {source.name: line}, {source.name: own["lines"]}, {source.name: own["bytes"]}
        ):
            raise WorkError(f"{name}: {text}; this is a fault of Remit, please tell us")
        yield line
    yield measures.line(job, merged)
    yield {"kind": "end", "totals": tally.account().to_json()}


def _source(job: Job, source: Source, came: dict[str, int]) -> Json:
    table = source.format == "parquet"
    plain = not table and not source.packing
    return {
        "kind": "source",
        "name": source.name,
        "format": source.format,
        "packing": source.packing or None,
        "size": source.size,
        "sha256": hash_note(job, source).read_text(),
        "lines": came["lines"],
        # Of a plain file the disk says how many bytes came in, and not our own reading of it.
        "unpacked": None if table else source.size if plain else came["bytes"],
    }


def finished(folder: Path, found: Found, *, before: bool) -> Finished:
    lines = list(ledger.read(folder))
    parts = [line for line in lines if line["kind"] == "part"]
    damaged = tuple(f"{p['source']}: {p['damage']['reason']}" for p in parts if "damage" in p)
    totals = Account.from_json(lines[-1]["totals"])
    sources, head = len(found.sources), ledger.head(folder)
    return Finished(totals, head, sources, len(parts), found.passed_over, damaged, before)
