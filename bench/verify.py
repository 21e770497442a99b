"""Graded samples a second against a local mock model, with every sample on the disk.

The mock is a process of its own; this process is held to one core where the system can do that.
A bare aiohttp loop (and inspect-ai, where a Python with it is named) ask the same mock in the
same run. `--flat` shows that memory does not grow with samples; `--kill` kills a run again and
again and checks that every sample is counted once.

    python bench/verify.py [--samples N] [--inspect PYTHON] [--flat N] [--kill]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from remit.models.openai import OpenAICompatible
from remit.policy import load
from remit.types import Message
from remit.verify.cases import Case, Grade, Transcript
from remit.verify.grading import Panel, panel
from remit.verify.journal import Record
from remit.verify.results import Outcome
from remit.verify.runner import Plan, Run
from remit.verify.targets import Layered
from remit.verify.upstream import Upstream

ROOT = Path(__file__).parents[1]
REMIT = ROOT / "examples" / "accounting" / "remit.yaml"
QUESTION = "My landlord keeps the deposit of 1,200 and does not answer. What can I do about it?"
SEEDS = 500
INSPECT = """
import sys, time
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
url, n, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
samples = [Sample(input=f"{i} " + sys.argv[4], target="void") for i in range(n)]
model = get_model(
    "openai/bench-model", base_url=url, api_key="none", responses_api=False
)
start = time.perf_counter()
task = Task(dataset=samples, solver=generate(), scorer=includes())
log = eval(task, model=model, log_dir=folder, display="none", max_connections=64)[0]
assert log.status == "success", log.error
print(n / (time.perf_counter() - start))
"""


class Timed(NamedTuple):
    """A run, and how long it took once the graders were compiled: by the clock, and on the CPU."""

    outcome: Outcome
    seconds: float
    cpu: float


class Mock:
    """The mock model in a process of its own."""

    def __enter__(self) -> str:
        command = [sys.executable, str(ROOT / "bench" / "mock_upstream.py")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        return f"http://127.0.0.1:{int(self.process.stdout.readline())}/v1"

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def cases(count: int, rule: str = "no-legal-advice") -> Iterator[Case]:
    """Cases of `SEEDS` scenarios, the variants of each together."""
    each = max(1, count // SEEDS)
    for number in range(count):
        seed = f"seed-{number // each}"
        yield Case(f"case-{number}", seed, rule, "break", (f"{number} {QUESTION}",))


async def verify(url: str, count: int, record: Path, *, resume: bool = False) -> Timed:
    """One run with the accounting remit's own graders, recorded in full."""
    grader = await ready()
    start, cpu = time.perf_counter(), time.process_time()
    upstream = Upstream("mock", OpenAICompatible(url, None), "bench-model")
    target = Layered("mock", upstream)
    outcome = Outcome("mock")
    run = Run(Plan(lambda: cases(count)), grader.grade, {"mock": outcome}, concurrency=64)
    plan = {"cases": count}
    held: Iterator = iter(())
    if resume:
        file, held = Record.resume(record, plan)
    else:
        file = Record.create(record, plan)
    run.held(held)
    await run.play([target], file)
    file.close()
    await upstream.close()
    return Timed(outcome, time.perf_counter() - start, time.process_time() - cpu)


async def ready() -> Panel:
    """The graders of the accounting remit, with what the first text would compile compiled."""
    grader = panel(load(REMIT))
    said = (Message("user", QUESTION), Message("assistant", "Please ask a lawyer."))
    await grader.grade(Transcript(next(cases(1)), said))
    return grader


async def bare(url: str, count: int) -> float:
    """A loop of requests with aiohttp: nothing graded, nothing kept."""
    import aiohttp

    numbers = iter(range(count))
    async with aiohttp.ClientSession() as client:

        async def work() -> None:
            for number in numbers:
                messages = [{"role": "user", "content": f"{number} {QUESTION}"}]
                body = {"model": "bench-model", "messages": messages}
                async with client.post(f"{url}/chat/completions", json=body) as response:
                    await response.read()

        start = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(64)))
        return count / (time.perf_counter() - start)


def one_core() -> None:
    """Holds this process to its first core; threads share it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def resident() -> float:
    """MB at most so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def rates(samples: int, rounds: int, python: str | None) -> dict[str, list[float]]:
    """Samples a second by contender, a value a round, turn about."""
    found: dict[str, list[float]] = {
        "remit": [],
        "remit, a CPU second": [],
        "aiohttp": [],
        "inspect": [],
    }
    with Mock() as url, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            outcome, seconds, cpu = uvrun(verify(url, samples, Path(folder, f"{number}.jsonl")))
            found["remit"].append(samples / seconds)
            found["remit, a CPU second"].append(samples / cpu)
            assert (outcome.samples, outcome.failed, outcome.undecided) == (samples, 0, 0)
            found["aiohttp"].append(uvrun(bare(url, samples)))
            if python is not None:
                few = max(200, samples // 50)
                command = [python, "-c", INSPECT, url, str(few), folder, QUESTION]
                told = subprocess.run(command, capture_output=True, text=True, check=True)
                found["inspect"].append(float(told.stdout.split()[-1]))
    return found


def uvrun(coroutine):
    """As `remit verify` runs it."""
    import uvloop

    return uvloop.run(coroutine)


def flat(samples: int) -> list[tuple[int, float]]:
    """MB resident after a tenth of the samples and after all of them, without a network."""

    async def run() -> list[tuple[int, float]]:
        taken: list[tuple[int, float]] = []
        outcome = Outcome("mock")

        async def grade(played: Transcript) -> Grade:
            if outcome.samples in (samples // 10, samples - 1):
                taken.append((outcome.samples, resident()))
            return Grade("held", "none", "bench", 0.0)

        from remit.models.scripted import Scripted

        model = Scripted.echo()
        model.requests = model.headers = _Forgets()  # type: ignore[assignment]
        target = Layered("mock", Upstream("mock", model))
        runner = Run(Plan(lambda: cases(samples)), grade, {"mock": outcome})
        with tempfile.TemporaryDirectory() as folder:
            record = Record.create(Path(folder, "record.jsonl"), {})
            await runner.play([target], record)
            record.close()
        return taken

    return uvrun(run())


class _Forgets(list):  # type: ignore[type-arg]
    def append(self, value: object) -> None:
        """Keeps nothing: the scripted model's memory is not what is measured."""


def kill(samples: int, times: int) -> tuple[int, int]:
    """Kills a run so often, resumes it, and answers how many samples were counted and recorded."""
    with Mock() as url, tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "record.jsonl")
        command = [sys.executable, __file__, "--child", url, str(samples), str(record)]
        for number in range(times):
            size = record.stat().st_size if record.exists() else 0
            child = subprocess.Popen(command, stdout=subprocess.PIPE)
            while child.poll() is None and (not record.exists() or record.stat().st_size <= size):
                time.sleep(0.01)
            time.sleep(0.05 * number)
            child.send_signal(signal.SIGKILL)
            child.wait()
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        numbers = [json.loads(line)["n"] for line in record.read_bytes().splitlines()[1:]]
        assert len(set(numbers)) == len(numbers), "a sample stands twice"
        return int(told.stdout.split()[-1]), len(numbers)


def main() -> None:
    """Reads the flags and prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inspect", metavar="PYTHON", help="a Python that has inspect-ai, openai")
    parser.add_argument("--flat", type=int, metavar="N", help="memory over N samples instead")
    parser.add_argument("--kill", action="store_true", help="kill and resume instead")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.child:
        url, count, path = flags.child
        outcome, *_ = uvrun(verify(url, int(count), Path(path), resume=True))
        print(outcome.samples)
    elif flags.flat:
        for count, megabytes in flat(flags.flat):
            print(f"{count:>12,} samples  {megabytes:8.1f} MB resident at most")
    elif flags.kill:
        counted, recorded = kill(flags.samples, 5)
        print(f"killed 5 times: {counted:,} counted, {recorded:,} recorded of {flags.samples:,}")
    else:
        one_core()
        for name, values in rates(flags.samples, flags.rounds, flags.inspect).items():
            if values:
                shown = ", ".join(f"{value:,.0f}" for value in values)
                print(f"{name:20}  best {max(values):8,.0f} samples/s  ({shown})")


if __name__ == "__main__":
    main()
