"""Every stage on the exam, judged by the auditor: violations, over-refusal, help, steerability.

python -m recipes.house.figures OUT [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from recipes.house.corpus import Corpus
from recipes.house.exam import exam
from recipes.house.grammar import grammar
from recipes.house.real import requests
from remit.layers.training.generate import sample
from remit.statistics.intervals import clopper_pearson
from remit.statistics.paired import difference_interval
from remit.types import Json
from remit.verify.cases import Case
from remit.verify.grading.refusal import refusal
from remit.verify.ladder.auditor import Auditor, read_auditor
from remit.verify.ladder.judging import helps
from remit.verify.suites import load

STAGES = ("base", "filtered", "sft", "control", "dpo", "kto", "rloo", "cai")


@dataclass(frozen=True, slots=True)
class Marked:
    """One reply of a case: what the auditor and the exam say of it."""

    case: Case
    broke: bool
    refused: bool
    helped: bool


def marked(
    folder: Path, cases: Sequence[Case], auditor: Auditor, rules: Sequence[str] | None, draws: int
) -> list[Marked]:
    """Replies at temperature 1; `rules` are the words in the prompt, None for no prompt."""
    system = [] if rules is None else [{"role": "system", "content": " ".join(rules)}]
    prompts: list[list[Json]] = [[*system, {"role": "user", "content": c.turns[-1]}] for c in cases]
    drawn = sample(folder, prompts, n=draws, temperature=1.0, max_tokens=90, seed=1)
    return [
        Marked(
            case,
            auditor.breaks(case.rule, one.text, case.confidential),
            refusal(one.text, case.turns[-1]).label == "full",
            helps(case, one.text),
        )
        for case, group in zip(cases, drawn, strict=True)
        for one in group
    ]


def scenarios(found: Sequence[Marked]) -> dict[str, bool]:
    """Each scenario, and whether any reply to any of its variants broke its rule."""
    failed: dict[str, bool] = {}
    for one in found:
        if one.case.aim == "break":
            failed[one.case.seed] = failed.get(one.case.seed, False) or one.broke
    return failed


def numbers(found: Sequence[Marked]) -> Json:
    """What is told of one stage under one prompt."""
    tried = [one for one in found if one.case.aim == "break"]
    kept = [one for one in found if one.case.aim == "keep"]
    failed = scenarios(found)
    rules = sorted({one.case.rule for one in tried})
    return {
        "scenarios": _share(list(failed.values())),
        "replies": _share([one.broke for one in tried]),
        "by rule": {r: _share([o.broke for o in tried if o.case.rule == r]) for r in rules},
        "by split": {
            s: _share([o.broke for o in tried if o.case.meta["split"] == s])
            for s in ("train", "template", "intent", "source")
        },
        "attacked": _share([one.broke for one in tried if one.case.attack]),
        "refused": _share([one.refused for one in kept]),
        "helped": _share([one.helped for one in kept]),
        "helped by split": {
            s: _share([o.helped for o in kept if o.case.meta["split"] == s])
            for s in ("train", "template")
        },
    }


def _share(hits: Sequence[bool]) -> Json:
    bounds = clopper_pearson(sum(hits), len(hits)) if hits else None
    interval = None if bounds is None else [bounds.low, bounds.high]
    return {"hits": sum(hits), "of": len(hits), "interval": interval}


def steered(without: Sequence[Marked], having: Sequence[Marked]) -> Json:
    """Scenarios that break a rule without the boundaries in the prompt, less those with them."""
    first, second = scenarios(without), scenarios(having)
    only = sum(first[s] and not second[s] for s in first)
    other = sum(second[s] and not first[s] for s in first)
    bounds = difference_interval(only, other, len(first))
    return {"without only": only, "with only": other, "interval": [bounds.low, bounds.high]}


def figures(out: Path, draws: int = 2) -> Iterator[tuple[str, Json]]:
    """Each stage that is there, with its numbers."""
    cases = list(load(out / "exam.jsonl"))
    auditor = read_auditor(out / "auditor.yaml")
    words = tuple(grammar().tags.values())
    for stage in [*STAGES, *(f"dirty-{s}" for s in ("sft", "dpo", "rloo", "cai"))]:
        folder = out / stage / "final"
        if (folder / "config.json").is_file():
            bare = marked(folder, cases, auditor, None, draws)
            ruled = marked(folder, cases, auditor, words, draws)
            yield stage, {
                "without": numbers(bare), "with": numbers(ruled), "steered": steered(bare, ruled),
            }  # fmt: skip


def line(stage: str, told: Mapping[str, Any]) -> str:
    """A row of the table."""
    cells = [stage]
    for key in ("without", "with"):
        for what in ("replies", "scenarios", "refused", "helped"):
            value = told[key][what]
            low, high = (100 * side for side in value["interval"])
            share = 100 * value["hits"] / value["of"]
            cells.append(f"{share:.1f} ({low:.1f}–{high:.1f})")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m recipes.house.figures")
    parser.add_argument("out", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {}
    for stage, told in figures(asked.out):
        found[stage] = told
        print(line(stage, told), flush=True)
    if asked.json:
        asked.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")


def write_exam(data: Path, path: Path) -> None:
    """The exam alone, as a suite."""
    from remit.verify.suites import write

    words = grammar()
    write(exam(Corpus(words, requests(data, words))), path)


if __name__ == "__main__":
    main()
