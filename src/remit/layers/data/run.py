"""A whole run: find, count, survey, filter, account. Whatever is done already is not done again."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import orjson

from remit.layers.data import cluster, ledger, processes, shard
from remit.layers.data.card import page as card
from remit.layers.data.closing import Finished, account, finished
from remit.layers.data.plan import Job, Plan, direct, surveys
from remit.layers.data.processes import Task
from remit.layers.data.sources import Found, Shard, find, ranged, shards, starts
from remit.layers.data.streams import Seen
from remit.layers.data.writing import noted, whole

PLAN = "plan.json"
# Bytes that are counted before another process has even started.
_SOON = 1_000_000_000


class RunError(Exception):
    """The run cannot be done as asked; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a run tells how it goes: `stage` begins a stage of so many bytes, `seen` adds some."""

    stage: Callable[[str, int], None] = lambda name, size: None
    seen: Seen = lambda size: None


def filter_corpus(
    plan: Plan,
    inputs: Sequence[str],
    out: str | Path,
    *,
    workers: int = 1,
    ray: str = "",
    listener: Listener = Listener(),
) -> Finished:
    """Filters files, folders and globs into the folder `out`; goes on where an earlier run stopped.

    `workers` processes (with more than one, the calling script needs its `__main__` guard), or the
    Ray cluster at the address `ray`. Raises SourceError for inputs that cannot be used, PolicyError
    for a remit that is refused, RunError where `out` holds something else, WorkError where a task
    fails, MissingExtraError where a format needs an optional part.
    """
    found = find(inputs, str(out))
    job = Job(plan, str(Path(out).absolute()))
    with _locked(Path(out)):
        if (before := _resumed(job, found)) is not None:
            return before
        if workers > 1 and not ray:
            processes.warm()
        direct(plan), surveys(plan)  # refused before any work is done
        crew = _crew(job, workers, ray, listener)
        cut = _shards(job, found, crew)
        _survey(job, cut, crew)
        size = sum(source.size for source in found.sources)
        # Hashes first: that of a large file takes one worker long, and the others have the shards.
        unhashed = [s for s in found.sources if not noted(shard.hash_note(job, s))]
        left = [Task(shard.hash_source, Shard(source, 0)) for source in unhashed]
        left += [Task(shard.run_shard, s) for s in cut if not noted(shard.shard_note(job, s))]
        crew("filtering", size, left)
        return account(job, found, cut)


# --- Beginning and going on ----------------------------------------------------------------------


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    out.mkdir(parents=True, exist_ok=True)
    path = out / ".lock"
    while True:
        with path.open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(
                    f"{out}: another run writes there; wait for it or choose another --out"
                ) from None
            # Between opening and locking, the one before may have ended and taken the file away.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


def _resumed(job: Job, found: Found) -> Finished | None:
    """The totals of a run that was finished; None where there is something left to do."""
    folder = Path(job.folder)
    asked = orjson.dumps(
        {
            "plan": job.plan.to_json(),
            "sources": [{**asdict(source), "path": None} for source in found.sources],
        },
        option=orjson.OPT_INDENT_2,
    )
    path = folder / PLAN
    if not path.exists():
        if any(name.name != ".lock" for name in folder.iterdir()):
            raise RunError(f"{folder}: is not empty and holds no run; choose another --out")
        whole(path, asked)
    elif path.read_bytes() != asked:
        if _begun(folder):
            raise RunError(
                f"{folder}: holds a run with another remit, other options or other inputs; "
                "choose another --out, or remove the folder"
            )
        shutil.rmtree(job.work, ignore_errors=True)
        whole(path, asked)
    if (folder / ledger.NAME).exists():
        shutil.rmtree(job.work, ignore_errors=True)
        if not (folder / card.PAGE).exists():
            card.write(folder)
        return finished(folder, found, before=True)
    for stale in folder.rglob(".*.fresh"):
        stale.unlink(missing_ok=True)
    return None


def _begun(folder: Path) -> bool:
    """True where something of a run is there that another one must not write over."""
    return any((folder / name).exists() for name in (ledger.NAME, "ledger", ".work/parts"))


Crew = Callable[[str, int, Iterable[Task]], None]


def _crew(job: Job, workers: int, ray: str, listener: Listener) -> Crew:
    def do(stage: str, size: int, tasks: Iterable[Task]) -> None:
        listener.stage(stage, size)
        if stage == "counting" and size < _SOON:
            processes.alone(tasks, job, listener.seen)
        elif ray:
            cluster.spread(tasks, job, listener.seen, ray)
        elif workers > 1:
            processes.spread(tasks, job, listener.seen, workers)
        else:
            processes.alone(tasks, job, listener.seen)

    return do


def _shards(job: Job, found: Found, crew: Crew) -> list[Shard]:
    """All shards in corpus order. Rows of a large plain file are counted first, to be numbered."""
    size = job.plan.part_bytes
    large = [source for source in found.sources if ranged(source) and source.size > size]
    counts = [
        Shard(source, part, start, min(start + size, source.size))
        for source in large
        for part, start in enumerate(starts(source, size))
    ]
    left = [one for one in counts if not noted(_counted(job, one))]
    if left:
        crew("counting", sum(s.size for s in large), [Task(shard.count_lines, s) for s in left])
    cut: list[Shard] = []
    by_source: dict[int, list[Shard]] = {}
    for one in counts:
        by_source.setdefault(one.source.number, []).append(one)
    for source in found.sources:
        if source.format == "parquet":
            from remit.layers.data import tables

            cut += tables.shards(source, size)
            continue
        mine = by_source.get(source.number, ())
        ended = [int(_counted(job, one).read_bytes()) for one in mine]
        first_rows = [0, *(total + 1 for total in accumulate(ended[:-1]))]
        cut += shards(source, size, first_rows)
    return cut


def _survey(job: Job, cut: Sequence[Shard], crew: Crew) -> None:
    asked = surveys(job.plan)
    if not asked:
        return
    left = [one for one in cut if not (job.work / "noted" / one.key).exists()]
    if left:
        size = sum({one.source.number: one.source.size for one in left}.values())
        crew("surveying", size, [Task(shard.note_shard, one) for one in left])
    for survey in asked:
        if not (job.work / "settled" / survey.name).exists():
            crew(
                f"settling {survey.name}",
                0,
                [Task(partial(_settle, survey.name, tuple(cut)), cut[0])],
            )


def _settle(survey: str, cut: tuple[Shard, ...], _: Shard, job: Job, seen: Seen) -> None:
    shard.settle(survey, cut, job, seen)


def _counted(job: Job, one: Shard) -> Path:
    return job.work / "counted" / one.key
