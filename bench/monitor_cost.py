"""`python bench/monitor_cost.py`: the gateway with the monitor and without, in turns, in one run.

The same remit, upstream and load as `gateway.py`; every second window is of a gateway started with
`--no-monitor`. With it a tenth of the answers is audited, and the record is followed, in the same
process. The figure is the median of the ratios of neighbouring windows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import contenders
from contenders import HERE, Contender, Running, running
from gateway import Shape, load, window

MOST = 0.05
# The accounting remit's auditors are judges; here they are detectors, so that auditing is work.
AUDIT = ("audit: [{judge: default}]", "audit: [{phrases: [beyond all doubt, you will surely win]}]")


def served(folder: Path, upstream: str, *, watched: bool) -> Contender:
    """The gateway, watched or not, with a record of its own."""
    policy = (HERE.parent / "examples" / "accounting" / "remit.yaml").read_text("utf-8")
    file = folder / "remit.yaml"
    file.write_text(policy.replace(*AUDIT), "utf-8")
    name = "watched" if watched else "unwatched"
    program = Path(sys.executable).with_name("remit")
    made = contenders.remit(program, file, upstream, folder / f"{name}.db")
    command = made.command if watched else (*made.command, "--no-monitor")
    return replace(made, name=name, command=command)


def rounds(
    targets: tuple[Running, Running], count: int, shape: Shape
) -> Iterator[tuple[float, float]]:
    """Of each round, what the monitor costs: of the answers a second, and of CPU time an answer."""
    for number in range(count):
        order = targets if number % 2 else targets[::-1]
        found = {t.name: window(t, number, "whole", 16, shape) for t in order}
        on, off = found["watched"], found["unwatched"]
        yield (
            1 - on.figures.per_second / off.figures.per_second,
            on.cpu_us_per_answer / off.cpu_us_per_answer - 1,
        )


def main() -> None:
    """Prints each round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    core, other = contenders.cores()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        mock = stack.enter_context(running(contenders.mock(), other, folder))
        upstream = mock.url.removesuffix("/chat/completions")
        targets = tuple(
            stack.enter_context(running(served(folder, upstream, watched=w), core, folder))
            for w in (True, False)
        )
        for target in targets:
            load(target.url, "whole", 16, Shape(2, other))
        found = []
        for cost, cpu in rounds(targets, arguments.rounds, Shape(arguments.seconds, other)):
            print(f"  answers a second {-cost:+.1%}, CPU an answer {cpu:+.1%}", flush=True)
            found.append((cost, cpu))
    cost, cpu = (median(column) for column in zip(*found, strict=True))
    word = "reached" if cost <= MOST else "MISSED"
    print(f"monitor's cost: {cost:.1%} of the answers a second, {cpu:.1%} of CPU an answer")
    print(f"  ≤ {MOST:.0%} of throughput: {word}")


if __name__ == "__main__":
    main()
