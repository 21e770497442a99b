"""What filtering costs: MB/s a core, two workers beside one, memory, look-ups, and 200 kills.

All of it on one corpus of public prose in rows of about 3 KB (REMIT_DATA, else ../shared/data):

    python bench/filter.py [--megabytes 100] [--kills 0] [--json FILE]

`--kills 200` kills a run at 200 random moments with SIGKILL and compares the bytes that come out.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import yaml

import further
from remit.layers.data.plan import Plan, enforcer
from remit.layers.data.run import filter_corpus
from remit.types import Stage
from results import Aim

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("REMIT_DATA", ROOT.parent / "shared" / "data"))
ACCOUNTING = ROOT / "examples" / "accounting" / "remit.yaml"
SCAN_SECONDS = 3.0
# Small, so that two workers have something to share.
PART_BYTES = 8_000_000


def remit() -> bytes:
    """The accounting remit and 300 further patterns in ten rules, which drop."""
    value = yaml.safe_load(ACCOUNTING.read_text("utf-8"))
    then = {"data": "drop", "output": "block"}
    value["rules"] += [{**rule, "then": then} for rule in further.as_a_firm_writes_them()]
    return json.dumps(value, sort_keys=True).encode()


def prose() -> str:
    """The public texts one after the other."""
    parts = []
    for path in sorted((DATA / "plain-text").iterdir()):
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        parts.append(data.decode("utf-8", "replace"))
    return "\n".join(parts)


def corpus(path: Path, megabytes: int) -> int:
    """Rows of about 3 KB cut from the prose at random; answers how many."""
    text, chance, size, rows = prose(), random.Random(1), 0, 0
    with path.open("wb") as file:
        while size < megabytes * 1_000_000:
            start = chance.randrange(len(text) - 6_000)
            cut = text[start : start + chance.randrange(500, 5_500)]
            row = {"id": f"row-{rows}", "text": cut, "meta": {"source": "prose"}}
            size += file.write(orjson.dumps(row) + b"\n")
            rows += 1
    return rows


# --- Rates ---------------------------------------------------------------------------------------


def run(source: Path, out: Path, workers: int, cache: str) -> float:
    """Seconds that a whole run took, from nothing to a checked ledger."""
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    plan = Plan(remit(), cache=cache, part_bytes=PART_BYTES)
    filter_corpus(plan, [str(source)], out, workers=workers)
    return time.perf_counter() - start


def bare(path: Path, out: Path) -> float:
    """MB/s of the bound: lines in, parsed, one scan of the buffer, lines out. It judges nothing."""
    scan = _gate()
    size = path.stat().st_size
    start = time.perf_counter()
    with path.open("rb") as file, out.open("wb") as target:
        while lines := file.readlines(4_000_000):
            texts = [orjson.loads(line)["text"] for line in lines]
            scan("\n".join(texts).encode())
            target.writelines(lines)
    return size / 1e6 / (time.perf_counter() - start)


def _gate() -> Callable[[bytes], object]:
    """One scan with the remit's patterns, in the gate's mode."""
    stage = enforcer(Plan(remit())).asked(Stage.DATA)
    matchers = [asked.matcher for asked in stage if asked.kind == "pattern"]
    database = matchers[0]._engine._gate  # noqa: SLF001  the bound is our own gate, bare
    return lambda data: database.scan(data, match_event_handler=lambda *_: None)


def spin(path: str, until: float, done: object) -> None:
    """Scans over and over until a moment; puts how many bytes that was."""
    scan, data, count = _gate(), Path(path).read_bytes()[:8_000_000], 0
    while time.time() < until - SCAN_SECONDS:
        time.sleep(0.01)
    while time.time() < until:
        scan(data)
        count += len(data)
    done.put(count)  # type: ignore[attr-defined]


def scan_scaling(path: Path) -> float:
    """How much more two processes scan than one: what this machine's cores are worth."""
    rates = []
    for workers in (1, 2):
        context = multiprocessing.get_context("spawn")
        done = context.Queue()
        until = time.time() + 6.0 + SCAN_SECONDS
        crew = [context.Process(target=spin, args=(str(path), until, done)) for _ in range(workers)]
        for one in crew:
            one.start()
        rates.append(sum(done.get() for _ in crew))
        for one in crew:
            one.join()
    return rates[1] / rates[0]


def peak_megabytes(source: Path, out: Path) -> float:
    """The most memory that a worker held, in MB."""
    code = "import sys, filter; filter.one(*sys.argv[1:])"
    subprocess.run(
        [sys.executable, "-c", code, str(source), str(out)], cwd=ROOT / "bench", check=True
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return used / (1e6 if sys.platform == "darwin" else 1e3)


def one(source: str, out: str) -> None:
    """A run in this process."""
    shutil.rmtree(out, ignore_errors=True)
    filter_corpus(Plan(remit()), [source], out)


def lookup_seconds(out: Path, rows: int) -> float:
    """The median second that `explain` and `erase` take, from the command line."""
    taken = []
    for words in (["explain", str(out), f"row-{rows // 2}"], ["erase", str(out), "a@b.example"]):
        start = time.perf_counter()
        command = [sys.executable, "-m", "remit.cli", "filter", *words]
        subprocess.run(command, capture_output=True, check=False)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


# --- Kills ---------------------------------------------------------------------------------------


def digest(folder: Path) -> str:
    """The hash of all files of a run, but for its plan, which names the sources' times."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "plan.json":
            whole.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return whole.hexdigest()


def small(source: str, out: str, workers: str) -> None:
    """A run in small parts."""
    filter_corpus(Plan(b"remit: 1\norganisation: Bench\n", part_bytes=200_000), [source], out,
                  workers=int(workers))  # fmt: skip


def killed(folder: Path, work: Path, kills: int) -> tuple[int, bool]:
    """Kills runs at random moments; answers how many times, and whether the bytes are the same."""
    code = "import sys, filter; filter.small(*sys.argv[1:])"
    small(str(folder), str(work / "whole"), "1")
    wanted, count, same, chance = digest(work / "whole"), 0, True, random.Random(2)
    while count < kills:
        out = work / "killed"
        shutil.rmtree(out, ignore_errors=True)
        while True:
            workers = str(chance.choice((1, 2)))
            command = [sys.executable, "-c", code, str(folder), str(out), workers]
            process = subprocess.Popen(command, cwd=ROOT / "bench", start_new_session=True)
            try:
                process.wait(timeout=chance.uniform(0.3, 2.5) if count < kills else None)
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                count += 1
        same = same and digest(out) == wanted
    return count, same


def kill_corpus(folder: Path) -> Path:
    """Plain, packed, broken and cut-off files."""
    folder.mkdir()
    corpus(folder / "a.jsonl", 6)
    data = (folder / "a.jsonl").read_bytes()
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(data[:4_000_000] + b"{broken\n" + data, 1))
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(data, 1)[:-500_000])
    return folder


# --- The table -----------------------------------------------------------------------------------


def measured(flags: argparse.Namespace, work: Path) -> dict[str, float]:
    """All figures but the kills."""
    source, out = work / "corpus.jsonl", work / "out"
    rows = corpus(source, flags.megabytes)
    size = source.stat().st_size / 1e6
    cache = str(work / "cache")
    run(source, out, 1, cache)  # compiles and keeps the patterns
    single = [run(source, out, 1, cache) for _ in range(flags.repeats)]
    double = [run(source, out, 2, cache) for _ in range(flags.repeats)]
    bound = [bare(source, work / "bare") for _ in range(flags.repeats)]
    return {
        "rows": rows,
        "megabytes": size,
        "one worker, MB/s": size / min(single),
        "one worker, MB/s, median": size / statistics.median(single),
        "bare read + parse + scan + write, MB/s": max(bound),
        "two workers beside one": min(single) / min(double),
        "two bare scans beside one": scan_scaling(source),
        "peak memory of a worker, MB": peak_megabytes(source, out),
        "explain and erase, s": lookup_seconds(out, rows),
        "load at the start": os.getloadavg()[0],
    }


def aims(figures: dict[str, float]) -> Sequence[Aim]:
    """What Remit sets itself."""
    return (
        Aim("one worker, MB/s", figures["one worker, MB/s"], 30, "≥"),
        Aim("two workers beside one", figures["two workers beside one"], 1.8, "≥"),
        Aim("peak memory of a worker, MB", figures["peak memory of a worker, MB"], 400),
        Aim("explain and erase, s", figures["explain and erase, s"], 1),
    )


def main() -> int:
    """Measures, and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if flags.kills:
            count, same = killed(kill_corpus(Path(name, "in")), Path(name), flags.kills)
            print(f"{count} kills: the bytes are {'the same' if same else 'NOT THE SAME'}")
            return int(not same)
        figures = measured(flags, Path(name))
    for what, value in figures.items():
        print(f"{what:42} {value:>10.2f}")
    for aim in aims(figures):
        print(aim.line())
    if flags.json:
        flags.json.write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
