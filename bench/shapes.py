"""Three shapes of the literature, on a small scale, with everything about them known.

    python bench/shapes.py overoptimisation|frontier|imbalance [--out FOLDER] [--seeds 3]

What is said here is of toy languages with a synthetic gold reward: that the machinery shows what it
is known to show, and nothing about large models.

`overoptimisation`: best-of-n against a learned reward (L. Gao et al. 2022). Replies are drawn from
a toy language; the gold reward has diminishing returns and a price for length. Reward models on
word counts learn it from 100, 400 or 3,200 noisy comparisons; the gold score of the best of n is
computed without bias from a pool (R. Nakano et al. 2021, appendix I). Ensembles as in T. Coste et
al. (2023).

`frontier`: the same small model is taught by DPO and by RLOO, both from the same 480 comparisons of
which a tenth is wrong, at several weights of the KL; RLOO's reward is a reward model of those
comparisons. Each dot is how far it went from its start and what that was worth (L. Gao et al. 2022;
R. Rafailov et al. 2023, figure 2).

`imbalance`: KTO with 1, 4 and 16 unwanted replies to each wanted one, with and without weights
that make both classes count alike (K. Ethayarajh et al. 2024, section 4.3).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from math import ceil, exp, lgamma, log, log2
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from remit.layers.training.charts import Place, Series, chart
from remit.layers.training.engine import Silent
from remit.layers.training.reward.calibration import probability
from remit.layers.training.reward.ensemble import Combination, combined
from remit.layers.training.reward.features import Numbers
from remit.layers.training.reward.recipe import Body, RewardRecipe
from remit.layers.training.reward.run import fit_reward
from remit.layers.training.rows import rows_of, write_rows

# --- Over-optimisation ---------------------------------------------------------------------------

WORDS = tuple(f"w{n}" for n in range(40))
LABELS = (100, 400, 3200)
NS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
POOL, PROMPTS = 2048, 24


def reply(rng: random.Random) -> str:
    """Words of a few favourites; how many is drawn from a distribution with a long tail."""
    count = max(1, min(80, round(rng.lognormvariate(2.0, 0.7))))
    favourites = rng.sample(WORDS, 6)
    return " ".join(rng.choice(favourites) for _ in range(count))


def gold_reward(text: str) -> float:
    """What is truly wanted: some words, each less the more often it is said, at no great length."""
    said = text.split()
    counts = {word: said.count(word) for word in set(said)}
    worth = sum(VALUES[word] * (1 - 0.6**count) for word, count in counts.items())
    return worth - 0.004 * max(0, len(said) - 10) ** 2


VALUES = {word: random.Random(word).gauss(0, 1) for word in WORDS}


def counts(asked: str, text: str) -> list[float]:
    said = text.split()
    return [*(float(said.count(word)) for word in WORDS), len(said) / 10]


def comparisons(count: int, seed: int) -> list[dict[str, Any]]:
    """Pairs judged as people would be by the gold reward, errors included."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        a, b = reply(rng), reply(rng)
        first = rng.random() < probability(gold_reward(a) - gold_reward(b))
        chosen, rejected = (a, b) if first else (b, a)
        rows.append({"prompt": str(number), "chosen": chosen, "rejected": rejected})
    return rows


def best_of(proxy: Sequence[float], gold: Sequence[float], n: int) -> float:
    """The expected gold score of the best of n by the proxy, from all subsets of the pool."""
    ranked = [gold[at] for at in sorted(range(len(proxy)), key=proxy.__getitem__)]
    size = len(ranked)
    total = 0.0
    for rank in range(n - 1, size):
        total += exp(log_choose(rank, n - 1) - log_choose(size, n)) * ranked[rank]
    return total


def log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def overoptimisation(seeds: int) -> tuple[list[Series], dict[str, Any]]:
    rng = random.Random(1)
    pools = [[reply(rng) for _ in range(POOL)] for _ in range(PROMPTS)]
    golds = [[gold_reward(text) for text in pool] for pool in pools]
    curves: dict[str, list[list[float]]] = {}
    for labels in LABELS:
        for seed in range(seeds):
            model = learnt(labels, seed)
            given = [model.rewards(["?"] * POOL, pool) for pool in pools]
            ways: list[tuple[str, Combination | None]] = [("one", None)]
            if labels == LABELS[0]:
                ways += [("mean of 5", "mean"), ("worst of 5", "worst"), ("UWO of 5", "uwo")]
            for name, how in ways:
                proxies = [
                    [each[0] if how is None else combined(each, how, 2.0) for each in members]
                    for members in given
                ]
                curve = [
                    fmean(best_of(p, g, n) for p, g in zip(proxies, golds, strict=True)) for n in NS
                ]
                label = f"{labels} labels, {name}" if how else f"{labels} labels"
                curves.setdefault(label, []).append(curve)
    series = [Series(name, places([log(n) for n in NS], runs)) for name, runs in curves.items()]
    return series, {name: summary(runs) for name, runs in curves.items()}


def learnt(labels: int, seed: int) -> Any:
    recipe = RewardRecipe(
        data="pairs", out=tempfile.gettempdir(), body=Body(features=("counts",)), members=5,
        hold=0.1, epochs=max(10, ceil(6000 / labels)), ridge=0.02, seed=seed,
    )  # fmt: skip
    maps = {"counts": Numbers("counts", "how often each word is said", "1", counts)}
    return fit_reward(recipe, rows_of(comparisons(labels, 100 + seed), "reward"), maps).model


def summary(runs: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Where the gold score is highest, and what is lost from there to the largest n."""
    means = [fmean(run[at] for run in runs) for at in range(len(NS))]
    peak = max(range(len(NS)), key=means.__getitem__)
    lost = [max(run) - run[-1] for run in runs]
    return {
        "gold": dict(zip(map(str, NS), means, strict=True)),
        "peak_n": NS[peak],
        "lost_after_peak": [means[peak] - means[-1], *lost],
    }


# --- Frontier and imbalance: a small language model ----------------------------------------------

TOPICS = ("vat", "payroll", "a lease", "an invoice", "the audit", "a contract", "the deadline")
GOOD = ("I can help with {}.", "Let me ask a colleague about {}.", "We look into {} for you.")
BAD = ("You should sue over {}.", "Pay nothing for {}.", "The law on {} is void.")
ASKED = ("What about {}?", "Tell me about {}.", "Can you help with {}?", "I worry about {}.")
CHAT = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


def prompts() -> list[str]:
    return [asked.format(topic) + "\n" for asked in ASKED for topic in TOPICS]


def worth(text: str) -> float:
    """The gold reward of a reply: 1 for one that keeps the rule, -1 for one that breaks it."""
    good = any(text.startswith(one.partition("{")[0]) for one in GOOD)
    bad = any(text.startswith(one.partition("{")[0]) for one in BAD)
    return float(good) - float(bad)


def judge(start: Path, rows: Sequence[Any], seed: int) -> Any:
    """A reward model of the comparisons, on the start model's own body."""
    from remit.layers.training.reward.model import LearnedReward

    recipe = RewardRecipe(
        data="pairs", out=tempfile.gettempdir(), body=Body(model=str(start), max_length=64),
        members=1, hold=0.1, epochs=3, batch=32, lr=0.001, ridge=0.0, seed=seed, resample=False,
    )  # fmt: skip
    return LearnedReward(fit_reward(recipe, rows_of(rows, "reward"), {}).model)


def beginning(folder: Path, seed: int) -> Path:
    """A model that breaks the rule in half of its replies."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<|pad|>", "<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    texts = [line.format(topic) for line in (*GOOD, *BAD, *ASKED) for topic in TOPICS]
    made.train_from_iterator(texts, trainer)
    words = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<|pad|>", eos_token="<|end|>", chat_template=CHAT
    )
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=96,
        pad_token_id=words.pad_token_id, eos_token_id=words.eos_token_id, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "new")
    words.save_pretrained(folder / "new")
    rng = random.Random(seed)
    rows = [
        {"prompt": asked, "completion": rng.choice(GOOD + BAD).format(topic_of(asked))}
        for asked in prompts() * 24
    ]
    settings = {"lr": 0.005, "epochs": 4, "batch": 32}
    return train("sft", rows, folder / "new", folder / "sft", seed, settings)


def topic_of(asked: str) -> str:
    return next(topic for topic in TOPICS if topic in asked)


def train(
    method: str,
    rows: Sequence[Any],
    start: Path,
    out: Path,
    seed: int,
    settings: dict[str, Any],
    rewards: Sequence[Any] = (),
) -> Path:
    from remit.layers.training.recipes import parse_recipe
    from remit.layers.training.runs import prepare

    out.parent.mkdir(parents=True, exist_ok=True)
    data = out.with_suffix(".jsonl")
    write_rows(data, rows)
    value = {"method": method, "model": str(start), "data": str(data), "out": str(out)}
    recipe = parse_recipe(json.dumps({**value, "seed": seed, **settings}).encode(), out.parent)
    return prepare(recipe, b"").train(Silent(), rewards).folder


def measured(folder: Path, start: Path, seed: int) -> tuple[float, float]:
    """The mean gold reward of sampled replies, and their KL from the start in nats a reply."""
    import torch

    from remit.layers.training.generate import sample
    from remit.layers.training.plain import loading
    from remit.layers.training.plain.encoding import Encoder, Tree
    from remit.layers.training.plain.forward import reader

    asked = prompts()
    said = sample(folder, asked, n=16, max_tokens=20, seed=1000 + seed)
    model, tokenizer = loading.load(start)
    model.eval()
    encoder = Encoder(tokenizer, 96)
    read = reader(model, torch.device("cpu"))
    trees = [
        Tree(encoder.prompt(prompt), (one.tokens,))
        for prompt, group in zip(asked, said, strict=True)
        for one in group
    ]
    with torch.no_grad():
        scored = read.score(trees)
        before = scored.added(scored.token_logps).tolist()
    flat = [one for group in said for one in group]
    kl = fmean(one.logprob - there for one, there in zip(flat, before, strict=True))
    return fmean(worth(one.text) for one in flat), kl


def preferences(seed: int, count: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        asked = rng.choice(prompts())
        good, bad = (rng.choice(k).format(topic_of(asked)) for k in (GOOD, BAD))
        # A tenth of the labels is wrong, as people's are.
        chosen, rejected = (bad, good) if rng.random() < 0.1 else (good, bad)
        rows.append({"prompt": asked, "chosen": chosen, "rejected": rejected})
    return rows


BETAS = {"dpo": (0.03, 0.1, 0.3, 1.0), "rloo": (0.03, 0.1, 0.3, 1.0)}


def frontier(seeds: int) -> tuple[list[Series], dict[str, Any]]:
    found: dict[str, dict[float, list[tuple[float, float]]]] = {"dpo": {}, "rloo": {}}
    began: list[float] = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as place:
            start = beginning(Path(place), seed)
            began.append(measured(start, start, seed)[0])
            pairs = preferences(seed, 480)
            reward = judge(start, pairs, seed)
            for method, betas in BETAS.items():
                for beta in betas:
                    out = Path(place, f"{method}-{beta}")
                    gold, kl = taught(method, beta, pairs, reward, start, out, seed)
                    found[method].setdefault(beta, []).append((gold, kl))
                    print(f"  {seed} {method} {beta}: gold {gold:.2f}, KL {kl:.2f}", flush=True)
    series = [
        Series(
            method.upper(),
            sorted(
                (
                    Place(fmean(kl for _, kl in runs), *spread([gold for gold, _ in runs]))
                    for runs in betas.values()
                ),
                key=lambda place: place.x,
            ),
        )
        for method, betas in found.items()
    ]
    told: dict[str, Any] = {m: {str(b): runs for b, runs in bs.items()} for m, bs in found.items()}
    return series, {"start": began, **told}


def taught(
    method: str, beta: float, pairs: Sequence[Any], reward: Any, start: Path, out: Path, seed: int
) -> tuple[float, float]:
    if method == "dpo":
        settings: dict[str, Any] = {"batch": 32, "lr": 0.0005, "epochs": 2, "beta": beta}
        return measured(train("dpo", pairs, start, out, seed, settings), start, seed)
    rollouts = {"max_tokens": 20, "group": 4}
    settings = {"batch": 64, "lr": 0.002, "steps": 40, "rollouts": rollouts, "beta": beta}
    rows = [{"prompt": prompt} for prompt in prompts() * 4]
    return measured(train("rloo", rows, start, out, seed, settings, (reward,)), start, seed)


RATIOS = (1, 4, 16)


def imbalance(seeds: int) -> tuple[list[Series], dict[str, Any]]:
    found: dict[bool, dict[int, list[float]]] = {True: {}, False: {}}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            start = beginning(folder, seed)
            for ratio in RATIOS:
                rows = judged(seed, 544, ratio)
                for balanced in (True, False):
                    out = folder / f"kto-{ratio}-{balanced}"
                    more = {"batch": 32, "lr": 0.0005, "epochs": 2, "kto": {"balanced": balanced}}
                    trained = train("kto", rows, start, out, seed, more)
                    gold, _ = measured(trained, start, seed)
                    found[balanced].setdefault(ratio, []).append(gold)
                    print(f"  {seed} 1:{ratio} {balanced}: gold {gold:.2f}", flush=True)
    series = [
        Series(
            "weighed to count alike" if balanced else "as they come",
            [Place(log2(ratio), *spread(runs)) for ratio, runs in ratios.items()],
        )
        for balanced, ratios in found.items()
    ]
    return series, {str(b): {str(r): runs for r, runs in rs.items()} for b, rs in found.items()}


def judged(seed: int, count: int, ratio: int) -> list[dict[str, Any]]:
    """Single replies with a thumb; of one in `ratio + 1` it points up."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        asked, wanted = rng.choice(prompts()), number % (ratio + 1) == 0
        said = rng.choice(GOOD if wanted else BAD).format(topic_of(asked))
        rows.append({"prompt": asked, "completion": said, "label": wanted})
    return rows


# --- Pictures ------------------------------------------------------------------------------------


def places(xs: Sequence[float], runs: Sequence[Sequence[float]]) -> list[Place]:
    return [Place(x, *spread([run[at] for run in runs])) for at, x in enumerate(xs)]


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean, and a standard error below and above."""
    mean = fmean(values)
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return mean, mean - error, mean + error


SHAPES = {
    "overoptimisation": (overoptimisation, "Best of n by a learned reward", "log n", "gold score"),
    "frontier": (frontier, "What distance buys", "KL from the start, nats", "gold reward"),
    "imbalance": (imbalance, "KTO under imbalance", "log2 unwanted to one wanted", "gold reward"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--out", type=Path, default=Path("shapes"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()

    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    draw, title, x, y = SHAPES[options.shape]
    cpu = time.process_time()
    series, told = draw(options.seeds)
    told["cpu_seconds"] = round(time.process_time() - cpu)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{options.shape}.svg").write_text(chart(series, title, x, y))
    (options.out / f"{options.shape}.json").write_text(json.dumps(told, indent=2))
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
