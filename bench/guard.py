"""What one check costs: Remit's guard, whole and streaming, beside Presidio and Python's `re`.

All get the same texts of about 1 KB, each of them different, in the same run; a figure is the
median of the repeats:

    python bench/guard.py [--quick] [--presidio VENV] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import further
from labelled import KINDS, LINES, REGIONS, Agreement, agreement
from remit.layers.guard import Guard
from remit.types import Action
from results import Aim, number, table
from sample import ANSWER, QUESTION

HERE = Path(__file__).resolve().parent
EXTRA = "accounting remit + 300 patterns in 10 rules"
SAME_KINDS = f"remit of the {len(KINDS)} kinds that Presidio has too"


class BenchError(RuntimeError):
    """A run cannot go on; the message names the thing and the cure."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds for each unit (a check of a text, or a streamed token), once a repeat."""

    what: str
    unit: str
    repeats: tuple[float, ...]

    @property
    def median(self) -> float:
        """In microseconds."""
        return statistics.median(self.repeats)


def texts(count: int) -> list[str]:
    """`count` different texts of about 1 KB that break no rule: the answer's sentences, turned."""
    sentences = ANSWER.split(". ")
    turns = len(sentences)
    return [
        ". ".join(sentences[n % turns :] + sentences[: n % turns]) + f" Note {n}."
        for n in range(count)
    ]


def tokens(text: str) -> list[str]:
    """Words with the space before them: about what a model streams."""
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def conversation(text: str) -> list[dict[str, str]]:
    """The question and `text` as its answer."""
    return [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": text}]


def timed(work: Callable[[], int], repeats: int) -> tuple[float, ...]:
    """Microseconds a unit, of which `work` tells how many it did. A first run warms up."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        units = work()
        taken.append(1e6 * (time.perf_counter() - start) / units)
    return tuple(taken[1:])


def whole_cost(what: str, guard: Guard, samples: Sequence[str], repeats: int) -> Cost:
    """Of `guard.output`. Raises BenchError where a text is not let through."""
    conversations = [conversation(text) for text in samples]
    for messages in conversations:
        if (result := guard.output(messages)).action is not Action.ALLOW:
            raise BenchError(f"{what}: {result.action.word} on an ordinary text: {result.text}")

    def work() -> int:
        for messages in conversations:
            guard.output(messages)
        return len(conversations)

    return Cost(what, "check of 1 KB", timed(work, repeats))


def stream_cost(what: str, guard: Guard, samples: Sequence[str], repeats: int) -> Cost:
    """Of `guard.stream`, a word at a time. Raises BenchError where the text comes out changed."""
    asked = conversation("")[:1]
    streams = [tokens(text) for text in samples]
    for text, words in zip(samples, streams, strict=True):
        if "".join(guard.stream(asked, words)) != text:
            raise BenchError(f"{what}: an ordinary text did not come through the stream unchanged")

    def work() -> int:
        for words in streams:
            for _ in guard.stream(asked, words):
                pass
        return sum(map(len, streams))

    return Cost(what, "streamed token", timed(work, repeats))


def guards(policy: Path, folder: Path) -> tuple[dict[str, Guard], dict[str, float]]:
    """The remits under test, loaded, and the seconds that each took to load."""
    remits = {
        "accounting remit": policy,
        EXTRA: further.with_rules(policy, further.as_a_firm_writes_them(), folder / "ten.yaml"),
        "accounting remit + 300 patterns in 300 rules": further.with_rules(
            policy, further.one_rule_each(), folder / "each.yaml"
        ),
        SAME_KINDS: further.of_kinds(tuple(KINDS), REGIONS, folder / "kinds.yaml"),
    }
    loaded: dict[str, Guard] = {}
    taken: dict[str, float] = {}
    for what, path in remits.items():
        start = time.perf_counter()
        loaded[what] = Guard.load(path)
        taken[what] = time.perf_counter() - start
    return loaded, taken


def guard_costs(flags: argparse.Namespace, loaded: Mapping[str, Guard]) -> Iterator[Cost]:
    """Whole, then streaming."""
    samples = texts(flags.texts)
    for what, guard in loaded.items():
        yield whole_cost(what, guard, samples, flags.repeats)
    for what, guard in loaded.items():
        yield stream_cost(what, guard, samples[: max(1, flags.texts // 10)], flags.repeats)


def re_costs(flags: argparse.Namespace) -> Iterator[Cost]:
    """Python's `re` on the 300 further patterns, which find nothing."""
    patterns = further.compiled()
    samples = texts(max(1, flags.texts // 20))

    def work() -> int:
        for text in samples:
            for pattern in patterns:
                if pattern.search(text):
                    raise BenchError(f"{pattern.pattern} is in an ordinary text")
        return len(samples)

    yield Cost(
        "Python re, the 300 patterns one by one", "check of 1 KB", timed(work, flags.repeats)
    )


def remit_agreement(guard: Guard) -> Agreement:
    """Remit's rules of one kind each on the labelled lines."""
    results = (guard.output([{"role": "assistant", "content": text}]) for text, _ in LINES)
    found = (
        frozenset(rule for rule, one in result.verdict.rules.items() if one.action > Action.ALLOW)
        for result in results
    )
    return agreement("remit", found)


def presidio(flags: argparse.Namespace) -> tuple[list[Cost], list[Agreement]]:
    """Asks the worker in Presidio's environment."""
    python = flags.presidio / "bin" / "python"
    if not python.exists():
        raise BenchError(f"no Presidio in {flags.presidio}: see bench/README.md")
    asked = {
        "texts": texts(max(1, flags.texts // 10)),
        "lines": [text for text, _ in LINES],
        "kinds": list(KINDS.values()),
        "regions": REGIONS,
        "repeats": flags.repeats,
    }
    command = [str(python), str(HERE / "presidio_worker.py")]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"Presidio's worker broke off:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    name = f"Presidio {answer['version']}, the {len(KINDS)} kinds"
    costs = [
        Cost(f"{name}, blank spaCy", "check of 1 KB", tuple(answer["blank"])),
        Cost(f"{name}, no language engine", "check of 1 KB", tuple(answer["none"])),
    ]
    ours = {theirs: mine for mine, theirs in KINDS.items()}
    agreements = [
        agreement(
            f"Presidio at score {threshold}",
            [frozenset(ours[kind] for kind in one) for one in found],
        )
        for threshold, found in answer["found"].items()
    ]
    return costs, agreements


def aims(costs: Sequence[Cost]) -> Iterator[Aim]:
    """The figures that Remit sets itself; Presidio's is the faster of its two set-ups."""
    taken = {(cost.what, cost.unit): cost.median for cost in costs}
    yield Aim(f"check, {EXTRA}, us", taken.get((EXTRA, "check of 1 KB")), 60)
    yield Aim(f"token, {EXTRA}, us", taken.get((EXTRA, "streamed token")), 5)
    mine = taken.get((SAME_KINDS, "check of 1 KB"))
    theirs = [median for (what, _), median in taken.items() if what.startswith("Presidio")]
    times = min(theirs) / mine if theirs and mine else None
    yield Aim("times faster than Presidio on the same kinds", times, 50, "≥")


def render(
    costs: Sequence[Cost], agreements: Sequence[Agreement], loads: Mapping[str, float]
) -> str:
    """The tables as text."""
    cost_rows = [
        [
            cost.what,
            cost.unit,
            number(cost.median),
            f"{number(min(cost.repeats))}-{number(max(cost.repeats))}",
        ]
        for cost in costs
    ]
    agreement_rows = [
        [one.who, f"{one.right} of {one.lines}", str(one.missed), str(one.false)]
        for one in agreements
    ]
    return "\n\n".join(
        [
            table("Cost", ("what", "unit", "median us", "range"), cost_rows),
            table("Load", ("what", "s"), ([what, number(took)] for what, took in loads.items())),
            table("Labelled lines", ("who", "lines right", "missed", "false"), agreement_rows),
            "\n".join(["Aims", *(aim.line() for aim in aims(costs))]),
        ]
    )


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags. `REMIT_BENCH_PRESIDIO` stands in for `--presidio`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    policy = HERE.parent / "examples" / "accounting" / "remit.yaml"
    peer = os.environ.get("REMIT_BENCH_PRESIDIO")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--texts", type=int, default=500, help="in each repeat")
    parser.add_argument("--quick", action="store_true", help="5 repeats of 100 texts")
    parser.add_argument("--policy", type=Path, default=policy)
    parser.add_argument("--presidio", type=Path, default=peer and Path(peer), metavar="VENV")
    parser.add_argument("--json", type=Path, metavar="FILE")
    flags = parser.parse_args(argv)
    if flags.quick:
        flags.repeats, flags.texts = 5, 100
    return flags


def main() -> int:
    """Runs, prints the tables, and writes the JSON; 1 where the run could not go on."""
    flags = arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="remit-bench-") as folder:
            loaded, seconds = guards(flags.policy, Path(folder))
        costs = [*guard_costs(flags, loaded), *re_costs(flags)]
        agreements = [remit_agreement(loaded[SAME_KINDS])]
        if flags.presidio:
            theirs, agreed = presidio(flags)
            costs += theirs
            agreements += agreed
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(render(costs, agreements, seconds))
    if flags.json:
        taken = {
            "costs": [{**asdict(cost), "median": cost.median} for cost in costs],
            "load_seconds": seconds,
            "agreement": [asdict(one) for one in agreements],
        }
        flags.json.write_text(json.dumps(taken, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
