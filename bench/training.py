"""DPO: tokens a second of Remit's plain engine, of TRL, and of a plain loop, on the same pairs.

    python bench/training.py [--steps N] [--rounds N] [--threads N] [--data DIR] [--json FILE]

A Llama of 4 million weights with a vocabulary of 4,096 learns pairs of the public harmlessness set,
the same pairs for all, from the same weights, with the same learning rates. Contenders take turns
in each round; figures are medians over rounds, ratios medians of each round's ratio.

    remit      this engine as `remit train dpo` runs it: encoding, reference, steps, checkpoint
    trl        TRL's DPOTrainer with its own defaults (but use_cpu, and bf16 off: it has to be)
    trl-tuned  the same as Remit's other engine sets it: reference beforehand, nothing recomputed
    loop       the textbook's loop: chosen and rejected padded side by side, all logits, the
               reference asked at every step

Tokens are those of prompt and answer of each pair, once for each answer, without padding, for all
contenders alike. Seconds are the process' own CPU time, which with one thread is the work and not
the neighbours' (wall clock beside it). Losses on the learnt and on held-out pairs, all by one code,
say whether the same was learnt; each contender has its own order of rows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.functional import logsigmoid, pad

from remit.layers.training.engine import Silent
from remit.layers.training.extra import quiet
from remit.layers.training.plain import PlainEngine, loading, objectives
from remit.layers.training.plain.encoding import Encoder, Tree
from remit.layers.training.plain.forward import reader
from remit.layers.training.plain.objectives import Dpo
from remit.layers.training.recipes import Recipe
from remit.layers.training.rows import Rows, rows_of
from remit.layers.training.runs import versions

ROOT = Path(__file__).parent.parent
HELD = 48
LONGEST = 384
BATCH = 8
GOAL = 1.5


def read_pairs(folder: Path, count: int) -> list[dict[str, Any]]:
    """Pairs whose two answers follow the same conversation."""
    path = folder / "hh-rlhf-harmless" / "harmless_base_dev.jsonl.gz"
    pairs = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            cuts = [row[side].rfind("\n\nAssistant:") + 12 for side in ("chosen", "rejected")]
            prompts = [row[s][:cut] for s, cut in zip(("chosen", "rejected"), cuts, strict=True)]
            answers = [row[s][cut:] for s, cut in zip(("chosen", "rejected"), cuts, strict=True)]
            if prompts[0] == prompts[1] and all(answers):
                pairs.append({"prompt": prompts[0], "chosen": answers[0], "rejected": answers[1]})
    random.Random(0).shuffle(pairs)
    return pairs[:count]


def make_model(folder: Path, pairs: list[dict[str, Any]]) -> None:
    """A model that has learnt nothing, and a tokenizer that has read the pairs."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((row["prompt"] + row["chosen"] for row in pairs), trainer)
    words = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<end>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)


def recipe(start: Path, steps: int, **more: Any) -> Recipe:
    given = {"method": "dpo", "model": str(start), "data": "pairs", "out": "out", "lr": 1e-3}
    fixed = {
        "batch": BATCH,
        "steps": steps,
        "max_length": LONGEST,
        "warmup": 0.0,
        "save_every": 10**6,
    }
    return Recipe(**given, **fixed, precision="fp32", **more)


def remit(start: Path, rows: Rows, steps: int, out: Path) -> tuple[Path, float]:
    made = recipe(start, steps)
    begin = time.process_time()
    trained = PlainEngine().train(made, rows, start=start, out=out, report=Silent())
    return trained.folder, time.process_time() - begin


def trl(start: Path, rows: Rows, steps: int, out: Path, *, tuned: bool) -> tuple[Path, float]:
    quiet()
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback
    from trl import DPOConfig, DPOTrainer

    from remit.layers.training.through_trl.settings import settings

    disable_progress_bars()
    if tuned:
        chosen = settings(recipe(start, steps, engine="trl"), out, held=False)
    else:
        chosen = {
            "output_dir": str(out),
            "use_cpu": True,
            "bf16": False,
            "per_device_train_batch_size": BATCH,
            "max_steps": steps,
            "learning_rate": 1e-3,
            "max_length": LONGEST,
            "report_to": "none",
            "disable_tqdm": True,
        }
    chosen["logging_steps"] = steps
    chosen["save_strategy"] = "no"
    begin = time.process_time()
    trainer = DPOTrainer(
        str(start),
        args=DPOConfig(**chosen),
        train_dataset=Dataset.from_list(list(rows)),
        processing_class=loading.load(start)[1],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    took = time.process_time() - begin
    trainer.save_model(str(out / "final"))
    return out / "final", took


def loop(start: Path, rows: Rows, steps: int, out: Path) -> tuple[Path, float]:
    begin = time.process_time()
    model, tokenizer = loading.load(start)
    trees = [t for _, t in Encoder(tokenizer, LONGEST).trees(list(rows), "dpo")]
    reference = deepcopy(model).eval()
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    order = random.Random(0)
    turns = [tree for _ in range(9) for tree in order.sample(trees, len(trees))]
    for step in range(steps):
        batch = turns[step * BATCH : (step + 1) * BATCH]
        with torch.no_grad():
            anchor = padded_logps(reference, batch)
        ratios = padded_logps(model, batch) - anchor
        loss = -logsigmoid(0.1 * (ratios[:BATCH] - ratios[BATCH:])).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.param_groups[0]["lr"] = 1e-3 * (1 - step / steps)
        adam.step()
        adam.zero_grad()
    took = time.process_time() - begin
    loading.save(model, tokenizer, out / "final")
    return out / "final", took


def padded_logps(model: Any, trees: list[Tree]) -> torch.Tensor:
    rows = [(t.prompt, t.completions[side]) for side in (0, 1) for t in trees]
    longest = max(len(p) + len(c) for p, c in rows)
    ids = torch.stack(
        [pad(torch.tensor([*p, *c]), (0, longest - len(p) - len(c))) for p, c in rows]
    )
    seen = torch.tensor([[float(at < len(p) + len(c)) for at in range(longest)] for p, c in rows])
    counted = torch.tensor(
        [[float(len(p) <= at < len(p) + len(c)) for at in range(1, longest)] for p, c in rows]
    )
    logps = model(ids, attention_mask=seen.long()).logits[:, :-1].log_softmax(-1)
    return (logps.gather(-1, ids[:, 1:, None])[..., 0] * counted).sum(1)


CONTENDERS = {
    "remit": remit,
    "trl": lambda *given: trl(*given, tuned=False),
    "trl-tuned": lambda *given: trl(*given, tuned=True),
    "loop": loop,
}


class Measured(NamedTuple):
    """One training: tokens a second of CPU and of the clock, and the losses that it led to."""

    rate: float
    wall: float
    learnt: float
    held: float


class Judge:
    """The loss of a model, by one code for all contenders."""

    def __init__(self, start: Path, held: Rows, steps: int) -> None:
        self.recipe = recipe(start, steps)
        model, tokenizer = loading.load(start)
        kept = Encoder(tokenizer, LONGEST).trees(list(held), "dpo")
        self.rows, self.trees = [r for r, _ in kept], [t for _, t in kept]
        self.reference = objectives.reference(reader(model, torch.device("cpu")), self.trees)

    def loss(self, folder: Path) -> float:
        read = reader(loading.load(folder)[0].eval(), torch.device("cpu"))
        learnt = Dpo(self.recipe, read, self.rows, self.trees, self.reference)
        with torch.no_grad():
            return sum(float(learnt.loss(p).value) * p.share for p in learnt.whole())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--data", default=os.environ.get("REMIT_DATA", ROOT.parent / "shared" / "data")
    )
    parser.add_argument("--json", metavar="FILE")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {asked.threads} thread(s); "
          + ", ".join(f"{k} {v}" for k, v in versions().items()))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        report(asked, Path(folder))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def report(asked: argparse.Namespace, folder: Path) -> None:
    pairs = read_pairs(Path(asked.data), 20 * asked.steps * BATCH)
    start = folder / "start"
    make_model(start, pairs)
    encoder = Encoder(loading.load(start)[1], LONGEST)
    fitting = [row for row, _ in encoder.trees(pairs, "dpo")]
    held = rows_of(fitting[:HELD], "dpo")
    rows = rows_of(fitting[HELD : HELD + asked.steps * BATCH], "dpo")
    trees = [tree for _, tree in encoder.trees(list(rows), "dpo")]
    tokens = sum(tree.tokens for tree in trees)
    prompts = sum(2 * len(tree.prompt) for tree in trees)
    print(f"{len(rows)} pairs, {tokens:,} tokens, {prompts / tokens:.0%} of them prompts")
    judge = Judge(start, held, asked.steps)
    learnt = Judge(start, rows, asked.steps)
    found: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    for turn in range(asked.rounds):
        for name, train in CONTENDERS.items():
            out = folder / f"{name}-{turn}"
            out.mkdir()
            begin = time.perf_counter()
            final, took = train(start, rows, asked.steps, out)
            wall = time.perf_counter() - begin
            losses = learnt.loss(final), judge.loss(final)
            found[name].append(Measured(tokens / took, tokens / wall, *losses))
            print(f"round {turn + 1} {name}: {tokens / took:,.0f} tokens/CPU s", flush=True)
    show(found)
    if asked.json:
        told = {name: [one._asdict() for one in rounds] for name, rounds in found.items()}
        Path(asked.json).write_text(json.dumps(told, indent=2))


def show(found: dict[str, list[Measured]]) -> None:
    heads = ("tokens/CPU s", "remit is", "tokens/s", "loss learnt", "held")
    print(f"{'':10}" + "".join(f"{head:>13}" for head in heads))
    for name, rounds in found.items():
        rate, wall, learnt, held = map(statistics.median, zip(*rounds, strict=True))
        ratio = times(found["remit"], rounds)
        print(f"{name:10}{rate:13,.0f}{ratio:12.2f}x{wall:13,.0f}{learnt:13.4f}{held:13.4f}")
    ratio = times(found["remit"], found["trl"])
    print(f"{GOAL} x TRL's defaults: {'reached' if ratio >= GOAL else 'MISSED'} ({ratio:.2f} x)")


def times(ours: list[Measured], theirs: list[Measured]) -> float:
    """The median of each round's ratio."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(one.rate / other.rate for one, other in pairs)


if __name__ == "__main__":
    main()
