"""The one function that filters a shard: in this process, another one, or on another machine.

Pure but for its files: the same shard and job give the same bytes wherever and however often it
runs. What it needs is a descriptor; what it leaves is on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson

from remit.layers.data.apply import Applied
from remit.layers.data.batches import Break, Piece
from remit.layers.data.parts import Part, part_note
from remit.layers.data.plan import Job, Plan, steps, surveys
from remit.layers.data.reading import Block, Measure, Reading, read
from remit.layers.data.rows import Mark, Row, Step
from remit.layers.data.sources import Shard, Source
from remit.layers.data.streams import Seen
from remit.layers.data.writers import rewrites, wanted
from remit.layers.data.writing import sha256_of, whole


def run_shard(shard: Shard, job: Job, seen: Seen) -> None:
    """Filters a shard, part by part; parts that are done already are passed over."""
    asked = steps(job)
    done = _done(shard, job)
    parts: list[int] = []
    measure = Measure()
    part: Part | None = None
    try:
        for reading in read(shard, job.plan, seen, frozenset(done), measure):
            if part is None and done and isinstance(reading.item, Break):
                continue  # told by the last part, which is done
            if part is None or (reading.part != part.number and not _same(reading, part)):
                if part is not None:
                    part.commit()
                part = Part(job, shard.source, reading.part)
                parts.append(part.number)
            _take(part, reading, asked)
        if part is None and not done:
            part = Part(job, shard.source, shard.part)
            parts.append(part.number)
        if part is not None:
            part.commit()
            part = None
    finally:
        if part is not None:
            part.discard()
    note = {"parts": sorted({*done, *parts}), "lines": measure.lines, "bytes": measure.bytes}
    whole(shard_note(job, shard), orjson.dumps(note), lasting=False)


def _same(reading: Reading, part: Part) -> bool:
    """A row longer than a part, and a damaged end, belong to the part they began in."""
    return part.torn or isinstance(reading.item, Break)


def _take(part: Part, reading: Reading, asked: Sequence[Step]) -> None:
    item = reading.item
    if isinstance(item, Piece):
        part.piece(item)
    elif isinstance(item, Break):
        part.broken(item)
    else:
        marks = judged(item, asked)
        part.take(item, marks, _rewritten(part.job.plan, item, marks, asked))


def _rewritten(
    plan: Plan, block: Block, marks: Sequence[tuple[Mark, ...]], asked: Sequence[Step]
) -> Mapping[int, Applied]:
    """What the rows become that a model says anew."""
    if plan.writer is None or not any(map(wanted, marks)):
        return {}
    rows = [row for row in block.rows if isinstance(row, Row)]
    chosen = [(row, mine) for row, mine in zip(rows, marks, strict=True) if wanted(mine)]
    return rewrites(plan.writer, chosen, All(tuple(asked)), plan.policy, plan.shape)


@dataclass(frozen=True, slots=True)
class All:
    """All steps as one."""

    steps: tuple[Step, ...]
    name: str = "all"

    def judge(self, rows: Sequence[Row]) -> list[tuple[Mark, ...]]:
        """The marks of all steps, in their order."""
        answers = [step.judge(rows) for step in self.steps]
        if len(answers) == 1:
            return answers[0]
        return [sum(given, ()) for given in zip(*answers, strict=True)]


def judged(block: Block, asked: Sequence[Step]) -> list[tuple[Mark, ...]]:
    """What all steps say of the readable rows of a block, in their order."""
    rows = [row for row in block.rows if isinstance(row, Row)]
    return All(tuple(asked)).judge(rows) if rows else []


def _done(shard: Shard, job: Job) -> set[int]:
    if shard.stop is not None:
        return {shard.part} if part_note(job, shard.source, shard.part).exists() else set()
    folder = job.work / "parts"
    noted = folder.glob(f"{shard.source.number:06d}-*") if folder.exists() else ()
    return {int(path.name.partition("-")[2]) for path in noted}


def shard_note(job: Job, shard: Shard) -> Path:
    """Where it is noted that a shard is done, and which parts it came to."""
    return job.work / "shards" / shard.key


def note_shard(shard: Shard, job: Job, seen: Seen) -> None:
    """What a shard contributes to each survey, in files that appear whole."""
    asked = surveys(job.plan)
    targets = [job.note(survey.name, shard.key) for survey in asked]
    owns = [path.with_name(f".{path.name}.{os.getpid()}.fresh") for path in targets]
    with ExitStack() as stack:
        for own in owns:
            own.parent.mkdir(parents=True, exist_ok=True)
        files = [stack.enter_context(own.open("wb")) for own in owns]
        for reading in read(shard, job.plan, seen):
            if isinstance(reading.item, Block):
                rows = [row for row in reading.item.rows if isinstance(row, Row)]
                for survey, file in zip(asked, files, strict=True):
                    survey.note(rows, file)
        for file in files:
            file.flush()
            os.fsync(file.fileno())
    for own, target in zip(owns, targets, strict=True):
        own.replace(target)
    whole(job.work / "noted" / shard.key, b"")


def settle(survey: str, shards: Sequence[Shard], job: Job, seen: Seen) -> None:
    """Merges the notes of all shards, in their order, into a survey's outcome."""
    (asked,) = (one for one in surveys(job.plan) if one.name == survey)
    outcome = job.outcome(survey)
    own = outcome.with_name(f".{outcome.name}.{os.getpid()}.fresh")
    asked.settle([job.note(survey, shard.key) for shard in shards], own)
    own.replace(outcome)
    whole(job.work / "settled" / survey, b"")


def count_lines(shard: Shard, job: Job, seen: Seen) -> None:
    """Notes how many lines end before the next shard's first row can begin."""
    total, left = 0, 0
    start = max(shard.start - 1, 0)
    with Path(shard.source.path).open("rb") as file:
        file.seek(start)
        left = (shard.stop or 0) - 1 - start
        while left > 0 and (data := file.read(min(left, 1 << 20))):
            total += data.count(b"\n")
            left -= len(data)
            seen(len(data))
    whole(job.work / "counted" / shard.key, b"%d" % total, lasting=False)


def hash_source(shard: Shard, job: Job, seen: Seen) -> None:
    """Notes the SHA-256 of a shard's source."""
    digest = sha256_of(shard.source.path)
    whole(hash_note(job, shard.source), digest.encode(), lasting=False)


def hash_note(job: Job, source: Source) -> Path:
    """Where a source's SHA-256 is noted."""
    return job.work / "hashed" / f"{source.number:06d}"
