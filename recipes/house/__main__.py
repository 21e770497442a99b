"""Rebuilds the house model, all its checkpoints and the ladder's folder: one command, seeded.

    python -m recipes.house --data DATA --out OUT [--seed N] [--size small|house|large]

What is finished is not done again: kill it and start it anew. README.md says how long it takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from recipes.house import base, stages
from recipes.house.corpus import Corpus
from recipes.house.exam import exam
from recipes.house.export import export, slim
from recipes.house.grammar import FOLDER, grammar
from recipes.house.real import requests
from recipes.house.reviewers import Reviewers
from recipes.house.stages import Scale, Shop
from remit.enforce import compile_policy
from remit.layers.training.rows import read_rows, write_rows
from remit.policy import load
from remit.verify.suites import write as write_cases


@dataclass(frozen=True, slots=True)
class Build:
    """One build: its shop, its folder, and what it says as it goes."""

    shop: Shop
    out: Path
    say: Callable[[str], None] = print

    def once(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder of a stage, made where it is not there yet."""
        folder = self.out / name / "final"
        if not (folder / "config.json").is_file():
            begin = time.perf_counter()
            make(self.out / name)
            self.say(f"{name}: {(time.perf_counter() - begin) / 60:.1f} minutes")
        return folder

    def start(self, size: base.Size) -> Path:
        """The untaught model, and the dirty corpus that its tokenizer is learnt from."""
        folder, corpus = self.out / "start", self.out / "dirty.jsonl"
        if not (folder / "config.json").is_file():
            rows = [
                row.to_json()
                for row in self.shop.corpus.rows(self.shop.seed, self.shop.scale.corpus)
            ]
            write_rows(corpus, rows)
            texts = (message["content"] for row in rows for message in row["messages"])
            base.untaught(base.tokenizer(texts, size), size, self.shop.seed, folder)
        return folder

    def pretrained(self, size: base.Size) -> tuple[Path, Path]:
        """Stages base and filtered: the same model, without and with layer 1."""
        start, corpus = self.start(size), self.out / "dirty.jsonl"
        first = self.once(
            "base", lambda out: self.shop.imitate(read_rows([corpus], "sft"), start, out)
        )
        clean = self.once(
            "filtered",
            lambda out: self.shop.imitate(
                self.shop.filtered(corpus, self.out / "layer1"), start, out
            ),
        )
        return first, clean

    def trained(self, start: Path, prefix: str, *, dirty: bool) -> Path:
        """Layer 2 upon a pretrained model: sft, dpo, rloo, cai. The last folder."""
        shop = self.shop
        rate = shop.scale.lr / 3
        shown = self.out / f"{prefix}demonstrations"
        sft = self.once(
            f"{prefix}sft",
            lambda out: shop.train(
                "sft", shop.demonstrations(shown, dirty=dirty), start, out, lr=rate
            ),
        )
        pairs, _ = self.preferences(sft, prefix)
        dpo = self.once(f"{prefix}dpo", lambda out: stages.dpo(shop, pairs, sft, out))
        rloo = self.once(f"{prefix}rloo", lambda out: stages.rloo(shop, dpo, out))
        rows = stages.revisions(shop, rloo)
        if len(rows) < 8:
            self.say(f"{prefix}cai: left out, {len(rows)} replies to revise")
            return rloo
        return self.once(f"{prefix}cai", lambda out: stages.cai(shop, rows, rloo, out))

    def preferences(self, start: Path, prefix: str) -> tuple[list[dict], list[dict]]:
        """Reviewers' pairs and labels, drawn once and kept."""
        files = [self.out / f"{prefix}{name}.jsonl" for name in ("pairs", "labels")]
        if not files[1].is_file():
            reviewers = Reviewers(self.shop.corpus.grammar, seed=self.shop.seed)
            for file, rows in zip(
                files, stages.preferences(self.shop, start, reviewers), strict=True
            ):
                write_rows(file, rows)
        return tuple([*read_rows([f], m)] for f, m in zip(files, ("dpo", "kto"), strict=True))

    def beside(self, sft: Path) -> None:
        """What is compared with dpo: kto on the same labels, and the shuffled-label control."""
        pairs, labels = self.preferences(sft, "")
        self.once("kto", lambda out: stages.kto(self.shop, labels, sft, out))
        mixed = stages.shuffled(pairs, self.shop.seed)
        self.once("control", lambda out: stages.dpo(self.shop, mixed, sft, out))

    def ladder(self, aligned: Path, trained: Path) -> None:
        """What `remit verify --ladder --checkpoints` reads: names, exam and auditor."""
        cases = exam(self.shop.corpus)
        write_cases(cases, self.out / "exam.jsonl")
        (self.out / "auditor.yaml").write_bytes((FOLDER / "auditor.yaml").read_bytes())
        named = {
            "none": "base/final", "data": "filtered/final",
            "training": str(trained.relative_to(self.out)),
            "data+training": str(aligned.relative_to(self.out)),
        }  # fmt: skip
        (self.out / "ladder.json").write_bytes(orjson.dumps({"checkpoints": named}))


def build(data: Path, out: Path, remit: Path, size: str, seed: int, scale: Scale) -> Build:
    """Everything, stage after stage."""
    from remit.layers.training.extra import quiet

    quiet()
    out.mkdir(parents=True, exist_ok=True)
    words = grammar()
    enforcer = compile_policy(load(remit))
    shop = Shop(Corpus(words, requests(data, words)), remit, enforcer, seed, scale)
    made = Build(shop, out)
    first, clean = made.pretrained(base.SIZES[size])
    aligned = made.trained(clean, "", dirty=False)
    made.beside(out / "sft" / "final")
    made.ladder(aligned, made.trained(first, "dirty-", dirty=True))
    return made


def main() -> None:
    """Reads the arguments and builds; `--ship` writes the last stage where the package has it."""
    asked = stages.arguments()
    begin = time.perf_counter()
    scale = replace(Scale(), corpus=asked.corpus)
    made = build(asked.data, asked.out, asked.remit, asked.size, asked.seed, scale)
    if asked.ship:
        names = orjson.loads((made.out / "ladder.json").read_bytes())["checkpoints"]
        size = export(made.out / names["data+training"], asked.ship, seed=asked.seed)
        print(f"{asked.ship}: {size / 1e6:.1f} MB")
    if asked.slim:
        print(f"{asked.slim}: {slim(made.out, asked.slim, seed=asked.seed) / 1e6:.1f} MB")
    print(f"in all: {(time.perf_counter() - begin) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
