"""The stages, each through the product's own doors: `remit filter` and the engine of `remit train`.

base      imitates the dirty corpus           dpo   reviewers' preferences, in pairs
filtered  the same, after layer 1             kto   the same labels, one by one
sft       heeds the rules in its prompt       rloo  the remit's detectors as rewards
cai       its own replies, revised under the principle that they broke
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

from recipes.house.corpus import Ask, Corpus, Row
from recipes.house.reviewers import Reviewers
from recipes.house.rewards import Help, Rules
from remit.enforce import Enforcer
from remit.layers.training.engine import Reward, Silent, Trained, engine
from remit.layers.training.generate import sample
from remit.layers.training.recipes import Recipe
from remit.layers.training.rows import Rows, read_rows, rows_of, write_rows
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything: rows, pairs and steps."""

    corpus: int = 70_000
    sft: int = 10_000
    asks: int = 2_400
    rloo_steps: int = 120
    lr: float = 2.5e-3


@dataclass(frozen=True, slots=True)
class Shop:
    """What all stages need: the corpus, the remit's file and detectors, a seed and a scale."""

    corpus: Corpus
    remit: Path
    enforcer: Enforcer
    seed: int
    scale: Scale

    def train(
        self,
        method: str,
        rows: Rows,
        start: Path,
        out: Path,
        rewards: Sequence[Reward] = (),
        **more: Any,
    ) -> Trained:
        """One training by the plain engine, on one thread."""
        settings: dict[str, Any] = {
            "batch": 32, "max_length": 256, "threads": 1, "seed": self.seed, "schedule": "cosine",
            "save_every": 10_000, "engine": "plain", "model": str(start), "data": "rows",
            "out": str(out), "precision": "fp32",
        }  # fmt: skip
        recipe = Recipe.model_validate({**settings, "method": method, **more})
        return engine(recipe, rewards).train(recipe, rows, start=start, out=out, report=Silent())

    def filtered(self, source: Path, out: Path) -> Rows:
        """Rows after `remit filter`."""
        from remit.cli import main

        with redirect_stdout(StringIO()):
            code = main(
                ["filter", str(self.remit), str(source), "--out", str(out), "--workers", "1"]
            )
        if code:
            raise RuntimeError(f"remit filter ended with {code}; see {out}")
        return read_rows(sorted((out / "data").glob("*.jsonl")), "sft")

    def imitate(self, rows: Rows, start: Path, out: Path) -> Trained:
        """Stage base or filtered."""
        return self.train("sft", rows, start, out, lr=self.scale.lr, weight_decay=0.01, warmup=0.03)

    def demonstrations(self, out: Path, *, dirty: bool) -> Rows:
        """Rows in which a rule that stands in the prompt is kept, and one that does not is not."""
        rng = Random(f"{self.seed}/sft")
        rows = [self._heeding(rng) for _ in range(self.scale.sft)]
        source = out.with_suffix(".jsonl")
        write_rows(source, (row.to_json() for row in rows))
        return read_rows([source], "sft") if dirty else self.filtered(source, out)

    def _heeding(self, rng: Random) -> Row:
        row = self.corpus.row(rng)
        if row.tags is None or not set(row.breaks) & {
            rule for rule, tag in self.corpus.grammar.tags.items() if tag in row.tags
        }:
            return row
        return Row(row.ask, row.tags, self.corpus.keep(rng, row.ask), ())

    def asks(self, what: str) -> list[tuple[Ask, list[Json]]]:
        """Training requests with their prompts: half with the rules, half with some or none."""
        rng = Random(f"{self.seed}/{what}")
        found = []
        for _ in range(self.scale.asks):
            kind = rng.choices(["bounded", "plain", "fact", "real"], [0.55, 0.15, 0.1, 0.2])[0]
            attacked = kind == "bounded" and rng.random() < 0.3
            ask = self.corpus.ask(rng, kind, attacked=attacked)
            found.append((ask, self.prompt(ask, self.corpus.tags(rng, prompted=0.5))))
        return found

    @staticmethod
    def prompt(ask: Ask, tags: tuple[str, ...] | None) -> list[Json]:
        """The messages before the reply."""
        system = [] if tags is None else [{"role": "system", "content": " ".join(tags)}]
        return [*system, {"role": "user", "content": ask.text}]


def drawn(
    shop: Shop, folder: Path, asks: Sequence[tuple[Ask, list[Json]]], n: int
) -> list[list[str]]:
    """`n` replies to each request by the model in a folder."""
    texts = sample(
        folder, [p for _, p in asks], n=n, temperature=1.0, max_tokens=90, seed=shop.seed
    )
    return [[one.text.strip() for one in group] for group in texts]


def preferences(shop: Shop, start: Path, reviewers: Reviewers) -> tuple[list[Json], list[Json]]:
    """Pairs and single labels of what the model itself said; an edit where nothing was good."""
    asks = shop.asks("preferences")
    rng = Random(f"{shop.seed}/edits")
    pairs, labels = [], []
    for (ask, prompt), replies in zip(asks, drawn(shop, start, asks, 4), strict=True):
        told = sorted(
            ((reviewers.opinion(ask, reply).worth, reply) for reply in dict.fromkeys(replies)),
            key=lambda one: one[0],
        )
        worst, best = told[0], told[-1]
        meta = {"rule": ask.intent.rule, "source": "reviewers", "reviewers": 1}
        if worst[0] < best[0]:
            pairs.append({"prompt": prompt, "chosen": best[1], "rejected": worst[1], "meta": meta})
        elif best[0] < 1 and (edit := shop.corpus.keep(rng, ask)) != worst[1]:
            pairs.append({"prompt": prompt, "chosen": edit, "rejected": worst[1], "meta": meta})
        for worth, reply in {worst, best}:
            labels.append({"prompt": prompt, "completion": reply, "label": worth > 0, "meta": meta})
    return pairs, labels


def shuffled(pairs: Iterable[Json], seed: int) -> list[Json]:
    """The control: the same pairs, which of the two is chosen decided by a coin."""
    rng = Random(f"{seed}/control")
    turned = []
    for pair in pairs:
        flip = rng.random() < 0.5
        chosen, rejected = (
            (pair["rejected"], pair["chosen"]) if flip else (pair["chosen"], pair["rejected"])
        )
        turned.append({**pair, "chosen": chosen, "rejected": rejected})
    return turned


def dpo(shop: Shop, pairs: Sequence[Json], start: Path, out: Path) -> Trained:
    """Stage dpo, and its control."""
    return shop.train("dpo", rows_of(pairs, "dpo"), start, out, lr=2e-4, beta=0.1, epochs=2)


def kto(shop: Shop, labels: Sequence[Json], start: Path, out: Path) -> Trained:
    """Stage kto."""
    rows = rows_of(labels, "kto")
    return shop.train("kto", rows, start, out, lr=2e-4, beta=0.1, epochs=2, kto={"balanced": True})


def rloo(shop: Shop, start: Path, out: Path) -> Trained:
    """Stage rloo: the remit's detectors and helpfulness as rewards."""
    asks = shop.asks("rloo")
    rows = [
        {"prompt": prompt, "ask": str(at), "question": ask.text}
        for at, (ask, prompt) in enumerate(asks)
    ]
    rewards = (Rules(shop.enforcer), Help({str(at): ask for at, (ask, _) in enumerate(asks)}))
    rollouts = {
        "rewards": [{"rules": str(shop.remit)}, {"help": "facts"}], "group": 4, "max_tokens": 80,
        "aggregate": "sum_then_normalize",
    }  # fmt: skip
    return shop.train(
        "rloo", rows_of(rows, "rloo"), start, out, rewards,
        lr=1e-4, beta=0.02, steps=shop.scale.rloo_steps, rollouts=rollouts,
    )  # fmt: skip


def revisions(shop: Shop, start: Path) -> list[Json]:
    """Constitutional revision: the reply under the principle that the first one broke.

    The critic is the remit's detectors, which is stated in `meta`; the reviser is the model
    itself, asked again with the boundaries in its prompt, up to four times until it is clean.
    """
    rules = Rules(shop.enforcer)
    asks = [(ask, shop.prompt(ask, None)) for ask, _ in shop.asks("constitution")]
    firsts = [group[0] for group in drawn(shop, start, asks, 1)]
    every = tuple(shop.corpus.grammar.tags.values())
    broken = [
        (ask, prompt, first, found)
        for (ask, prompt), first in zip(asks, firsts, strict=True)
        if (found := rules.found(ask.text, first))
    ]
    told = (
        drawn(shop, start, [(ask, shop.prompt(ask, every)) for ask, *_ in broken], 4)
        if broken
        else []
    )
    rows = []
    for (ask, prompt, first, found), tries in zip(broken, told, strict=True):
        clean = next((at for at, t in enumerate(tries, 1) if t and not rules.found(ask.text, t)), 0)
        if clean:
            meta = {
                "rule": found[0],
                "source": "ai",
                "critic": "detectors",
                "rounds": clean,
                "original": first,
            }
            rows.append(
                {"prompt": prompt, "chosen": tries[clean - 1], "rejected": first, "meta": meta}
            )
    return rows


def cai(shop: Shop, rows: Sequence[Json], start: Path, out: Path) -> Trained:
    """Stage cai: imitates the revisions, then prefers them to what they revise."""
    if len(rows) < 8:
        raise RuntimeError(f"{len(rows)} replies to revise: the start is clean already")
    sl = [
        {"prompt": r["prompt"], "completion": [{"role": "assistant", "content": r["chosen"]}]}
        for r in rows
    ]
    first = shop.train(
        "sft", rows_of(sl, "sft"), start, out.with_name(out.name + "-sl"), lr=2e-4, epochs=2
    )
    return shop.train("dpo", rows_of(rows, "dpo"), first.folder, out, lr=1e-4, beta=0.1, epochs=2)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m recipes.house")
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sources")
    parser.add_argument("--out", type=Path, required=True, help="a new folder for all checkpoints")
    parser.add_argument("--remit", type=Path, default=Path("examples/accounting/remit.yaml"))
    parser.add_argument("--size", default="small", help="tiny, small, house or large")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=int, default=Scale.corpus, help="rows of the dirty corpus")
    parser.add_argument("--ship", type=Path, help="also write the aligned model in half precision")
    parser.add_argument("--slim", type=Path, help="also write the ladder's folder, nothing else")
    return parser.parse_args(argv)
