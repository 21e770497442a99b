"""Gateways side by side: the mock alone, a bare aiohttp pass-through, Remit, and LiteLLM's proxy.

In every round each contender is started afresh on one core, with mock and load on another, and
gets the same windows; so a slow moment of the machine touches all. The table gives medians over
the rounds:

    python bench/gateway.py [--quick] [--litellm VENV] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import contenders
from contenders import HERE, BenchError, Contender, Running, on_core, running
from load import Figures
from results import Run, Start, Window, render
from sample import CHUNKS

SLOW = 500.0
"""Below so many answers a second `wrk` would drop much of a window, unfinished at its end."""

WINDOWS: tuple[tuple[str, int], ...] = (
    *(("whole", connections) for connections in (1, 16, 64)),
    *(("stream", connections) for connections in (16, 64)),
    *(("paced", connections) for connections in (1, 16, 64)),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a window asks: seconds long, on which core the load runs, and whether it drains."""

    seconds: int
    core: int | None
    drain: bool = False


def load(url: str, kind: str, connections: int, shape: Shape) -> Figures:
    """Drives one window in a process of its own. Raises BenchError where the load breaks off."""
    asked = ["--connections", str(connections), "--seconds", str(shape.seconds), "--kind", kind]
    asked += ["--drain"] if shape.drain else []
    command = [sys.executable, str(HERE / "load.py"), url, *asked]
    with on_core(shape.core):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the load on {url} broke off:\n{done.stderr[-2000:]}")
    return Figures(**json.loads(done.stdout))


def window(target: Running, number: int, kind: str, connections: int, shape: Shape) -> Window:
    """Measures one window."""
    before = target.cpu_seconds()
    figures = load(target.url, kind, connections, shape)
    spent = target.cpu_seconds() - before
    each = 1e6 * spent / max(figures.completed, 1)
    return Window(
        target.name,
        number,
        kind,
        connections,
        figures,
        cpu_us_per_answer=each,
        cpu_us_per_chunk=each / CHUNKS,
        busy=spent / figures.seconds,
    )


def bout(
    target: Running, number: int, seconds: int, core: int | None, tell: Callable[[str], None]
) -> Iterator[Window]:
    """All windows of one contender in one round, after a second of warming up."""
    warm = load(target.url, "whole", 16, Shape(1, core))
    shape = Shape(seconds, core, drain=warm.per_second < SLOW)
    for kind, connections in WINDOWS:
        tell(f"round {number}: {target.name}, {kind}, {connections} connections")
        yield window(target, number, kind, connections, shape)


def field(flags: argparse.Namespace, upstream: str, folder: Path) -> Iterator[Contender]:
    """The contenders besides the mock. Raises BenchError where one is asked for but absent."""
    yield contenders.aiohttp(upstream)
    if not flags.without_remit:
        if not flags.remit.exists():
            raise BenchError(f"no {flags.remit}: run `make`, or give --remit or --without-remit")
        evidence = folder / "evidence"
        shutil.rmtree(evidence, ignore_errors=True)
        evidence.mkdir()
        policy = flags.policy.resolve()
        yield contenders.remit(flags.remit, policy, upstream, evidence / "evidence.db")
    if flags.litellm:
        if not (flags.litellm / "bin" / "litellm").exists():
            raise BenchError(f"no LiteLLM in {flags.litellm}: see bench/README.md")
        yield contenders.litellm(flags.litellm, upstream, folder)


def run(
    flags: argparse.Namespace, folder: Path, tell: Callable[[str], None]
) -> tuple[list[Window], list[Start]]:
    """All rounds."""
    windows: list[Window] = []
    starts: list[Start] = []
    core, other = contenders.cores()
    with running(contenders.mock(), other, folder) as direct:
        upstream = direct.url.removesuffix("/chat/completions")
        for number in range(1, flags.rounds + 1):
            windows += bout(direct, number, flags.seconds, other, tell)
            for contender in field(flags, upstream, folder):
                tell(f"round {number}: {contender.name} starts")
                with running(contender, core, folder) as target:
                    windows += bout(target, number, flags.seconds, other, tell)
                    starts.append(Start(target.name, number, target.cold, target.resident_mb()))
    return windows, starts


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "pinned": contenders.cores()[0] is not None,
        "load_generator": "wrk" if shutil.which("wrk") else "asyncio",
        "load_average_at_start": os.getloadavg()[0],
    }


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags. `REMIT_BENCH_LITELLM` stands in for `--litellm`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = Path(sys.executable).with_name("remit")
    policy = HERE.parent / "examples" / "accounting" / "remit.yaml"
    peer = os.environ.get("REMIT_BENCH_LITELLM")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each window")
    parser.add_argument("--quick", action="store_true", help="one round of 1 s: to try, not quote")
    parser.add_argument("--remit", type=Path, default=default, help="the command to start")
    parser.add_argument("--without-remit", action="store_true")
    parser.add_argument("--policy", type=Path, default=policy)
    parser.add_argument("--litellm", type=Path, default=peer and Path(peer), metavar="VENV")
    parser.add_argument("--folder", type=Path, help="for evidence and logs; on a disk, not in RAM")
    parser.add_argument("--json", type=Path, metavar="FILE")
    flags = parser.parse_args(argv)
    if flags.quick:
        flags.rounds = flags.seconds = 1
    return flags


def main() -> int:
    """Runs, prints the table, and writes the JSON; 1 where a contender failed."""
    flags = arguments()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="remit-bench-", dir=flags.folder) as folder:
        try:
            windows, starts = run(flags, Path(folder), lambda line: print(line, file=sys.stderr))
        except BenchError as error:
            print(error, file=sys.stderr)
            return 1
    print(render(facts, Run(windows, starts)))
    if flags.json:
        taken = {
            "machine": facts,
            "windows": [asdict(one) for one in windows],
            "starts": [asdict(one) for one in starts],
        }
        flags.json.write_text(json.dumps(taken, indent=1) + "\n")
    return int(any(one.figures.errors for one in windows))


if __name__ == "__main__":
    sys.exit(main())
