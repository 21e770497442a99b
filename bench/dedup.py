"""MinHash de-duplication beside datatrove's and text-dedup's, on the same file, in one run.

    python bench/dedup.py [--data FOLDER] [--datatrove VENV] [--text-dedup VENV] [--mb 8]

Documents are public texts (medical answers, encyclopedia, speeches, plays) of the folder named
by `--data` (or REMIT_DATA), a fifth of them written again with up to a twelfth of their words
changed. One process is at work at a time; reading the file counts for everyone. Each contender
runs in a process of its own, `--repeats` times in turn. Rates are of the least CPU time (user and
system, of the process and its children) and of the least wall time; ratios are of CPU time,
which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("REMIT_DATA", HERE.parent.parent / "shared" / "data"))
BATCH = 1000
RATIO = 3.0
"""What Remit asks of itself: so many times the rate of the faster peer."""


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's run: wall and CPU seconds, peak MB, rows removed, groups if it tells them."""

    seconds: float
    cpu: float
    peak_mb: float
    removed: int
    groups: list[list[int]] | None


def texts(data: Path) -> Iterator[str]:
    """Public documents: answers as they are, running text in parts of 300 words."""
    for path in sorted((data / "medquad").glob("*answer*")) or sorted((data / "medquad").glob("*")):
        for line in _lines(path):
            value = json.loads(line) if line.startswith("{") else {}
            if answer := value.get("answer"):
                yield answer
    for path in sorted((data / "plain-text").glob("*.txt*")):
        words = " ".join(_lines(path)).split(" ")
        for start in range(0, len(words), 300):
            yield " ".join(words[start : start + 300])


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from file


def corpus(data: Path, size: int) -> list[str]:
    """Documents of about `size` bytes, always the same ones."""
    draw = random.Random(20240615)
    base = list(texts(data))
    if not base:
        sys.exit(f"no texts in {data}; name the data folder with --data or REMIT_DATA")
    draw.shuffle(base)
    found: list[str] = []
    while size > 0:
        if found and draw.random() < 0.2:
            words = draw.choice(found).split(" ")
            for _ in range(draw.randrange(len(words) // 12 + 1)):
                words[draw.randrange(len(words))] = draw.choice(words)
            found.append(" ".join(words))
        else:
            found.append(base[len(found) % len(base)])
        size -= len(found[-1].encode())
    return found


def remit(file: Path, folder: Path) -> dict[str, Any]:
    """One note, one outcome, all rows judged."""
    from remit.layers.data import dedup
    from remit.layers.data.rows import Row, Segment

    survey = dedup.minhash()
    start, cpu = time.perf_counter(), time.process_time()
    rows: list[Row] = []
    judged: list[tuple[int, str]] = []
    with (folder / "note").open("wb") as note, file.open("rb") as lines:
        for number, line in enumerate(lines):
            text = orjson.loads(line)["text"]
            rows.append(Row("corpus", number, b"", {}, (Segment("document", ("text",), text),)))
            if len(rows) == BATCH:
                survey.note(rows, note)
                judged += [(row.number, "") for row in rows]
                rows.clear()
        survey.note(rows, note)
        judged += [(row.number, "") for row in rows]
    survey.settle([folder / "note"], folder / "outcome")
    blank = [Row("corpus", number, b"", {}, ()) for number, _ in judged]
    marks = survey.step(folder / "outcome").judge(blank)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    groups: dict[int, list[int]] = {}
    for row, found in zip(blank, marks, strict=True):
        for mark in found:
            kept = int(mark.reason.rsplit(" ", 1)[1])
            groups.setdefault(kept, [kept]).append(row.number)
    return {
        "seconds": seconds,
        "cpu": cpu,
        "removed": sum(map(bool, marks)),
        "groups": sorted(map(sorted, groups.values())),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def once(command: list[str], file: Path) -> Run:
    """Runs a contender in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, str(file), folder], capture_output=True, text=True, check=False, cwd=folder
        )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    value = json.loads(done.stdout.splitlines()[-1])
    value.setdefault("groups", None)
    return Run(**value)


def differing(ours: list[list[int]], theirs: list[list[int]]) -> tuple[int, int]:
    """Groups that only we, and that only they found just so."""
    left, right = set(map(tuple, ours)), set(map(tuple, theirs))
    return len(left - right), len(right - left)


def main() -> None:
    """Runs all contenders in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--datatrove", type=Path, help="an environment with datatrove[processing]")
    parser.add_argument("--text-dedup", type=Path, help="an environment with text-dedup")
    parser.add_argument("--mb", type=float, default=8.0, help="size of the corpus")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write every run")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(remit(*options.one)))
        return
    contenders = {"remit": [sys.executable, str(Path(__file__).resolve()), "--one"]}
    for name, venv in (("datatrove", options.datatrove), ("text-dedup", options.text_dedup)):
        for peer in ((name, "datatrove-plain") if name == "datatrove" else (name,)) if venv else ():
            python = str(venv.resolve() / "bin" / "python")
            contenders[peer] = [python, str(HERE / "dedup_peers.py"), peer]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "corpus.jsonl"
        documents = corpus(options.data, int(options.mb * 1e6))
        file.write_bytes(b"".join(orjson.dumps({"text": t}) + b"\n" for t in documents))
        runs = {name: [] for name in contenders}  # type: dict[str, list[Run]]
        for _ in range(options.repeats):
            for name, command in contenders.items():
                runs[name].append(once(command, file))
        report(runs, len(documents), file.stat().st_size / 1e6)
    if options.json:
        options.json.write_text(json.dumps({n: [_plain(r) for r in rs] for n, rs in runs.items()}))


def report(runs: dict[str, list[Run]], count: int, megabytes: float) -> None:
    """The table, how groups differ, and whether the aim is reached."""
    print(f"{count} documents, {megabytes:.1f} MB; load {os.getloadavg()[0]:.1f}")
    print(
        f"{'':16}{'MB/s CPU':>10}{'MB/s wall':>11}{'peak MB':>9}{'removed':>9}  groups that differ"
    )
    for name, some in runs.items():
        ours, theirs = runs["remit"][0].groups, some[0].groups
        differ = (
            "" if ours is None or theirs is None else "{} / {}".format(*differing(ours, theirs))
        )
        print(
            f"{name:16}{megabytes / min(run.cpu for run in some):10.2f}"
            f"{megabytes / min(run.seconds for run in some):11.2f}"
            f"{max(run.peak_mb for run in some):9.0f}{some[0].removed:9}  {differ}"
        )
    least = {name: min(run.cpu for run in some) for name, some in runs.items()}
    peers = [cpu for name, cpu in least.items() if name in ("datatrove", "text-dedup")]
    if peers:
        ratio = min(peers) / least["remit"]
        word = "reached" if ratio >= RATIO else "MISSED"
        print(f"{ratio:.1f} x the faster peer (aim: {RATIO:.0f} x): {word}")


def _plain(run: Run) -> dict[str, float]:
    return {"seconds": run.seconds, "cpu": run.cpu, "peak_mb": run.peak_mb, "removed": run.removed}


if __name__ == "__main__":
    main()
