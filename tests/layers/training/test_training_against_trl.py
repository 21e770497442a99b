"""Our losses and TRL's on the same rows, the same weights and the same reference."""

from __future__ import annotations

import copy
import random

import pytest

pytest.importorskip("trl")

import tiny
import torch

from remit.layers.training.engine import Silent
from remit.layers.training.plain import loading, losses, objectives
from remit.layers.training.plain.encoding import Encoder, Tree
from remit.layers.training.plain.forward import reader
from remit.layers.training.plain.making import objective
from remit.layers.training.plain.objectives import Part
from remit.layers.training.recipes import Recipe
from remit.layers.training.rewarding import Brevity, Wanted
from remit.layers.training.rows import rows_of
from remit.layers.training.through_trl.telling import Telling
from remit.layers.training.through_trl.trainers import trainer

pytestmark = [
    pytest.mark.slow,
    # TRL 1.16 calls what transformers 5.23 renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
ROWS = 8


def recipe(method, start, **more):
    rollouts = {"rollouts": {"max_tokens": 12, "group": 4}} if method in ("rloo", "grpo") else {}
    given = {"method": method, "model": str(start), "data": ["x"], "out": "o", "lr": 1e-3}
    return Recipe(**{**given, "batch": ROWS, "max_length": 96, **rollouts, **more})


def trl_trainer(made, rows, start, folder, rewards=()):
    telling = Telling(Silent(), folder / "metrics.jsonl", 0)
    return trainer(made, rows, None, start, folder, rewards, telling).trainer


def moved(model, seed=5):
    """The same small step away from the start for both: a policy that is not its reference."""
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, value in sorted(model.named_parameters()):
            value.add_(torch.randn(value.shape, generator=drawn), alpha=0.05)


def ours(made, rows, start, move=True):
    model, tokenizer = loading.load(start)
    read = reader(model, torch.device("cpu"))
    encoder = Encoder(tokenizer, made.max_length)
    learnt = objective(made, read, encoder, rows, (), Silent())
    if move:
        moved(model)
    return learnt


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("sft", {}),
        ("dpo", {"beta": 0.3}),
        ("dpo", {"beta": 0.3, "dpo": {"loss": "ipo"}}),
    ],
)
def test_a_batch_has_the_loss_that_trl_gives_it(start, tmp_path, method, more, chat):
    made = recipe(method, start, **more)
    values = tiny.rows(method, ROWS, 7, chat=chat)
    if not chat:
        # As texts, TRL joins prompt and completion before it cuts tokens; a space keeps them apart.
        for row in values:
            row["prompt"] = row["prompt"].rstrip() + "\n"
    rows = rows_of(values, method)
    theirs = trl_trainer(made, rows, start, tmp_path)
    moved(theirs.model)
    theirs.model.eval()
    batch = next(iter(theirs.get_train_dataloader()))
    expected = theirs.compute_loss(theirs.model, batch).item()
    learnt = ours(made, rows, start)
    got = learnt.loss(Part(tuple(range(ROWS)), 1.0)).value.item()
    assert got == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("seed", "above"), [(0, False), (1, True), (3, True)])
def test_kto_has_the_loss_that_trl_gives_it_on_the_same_pairs(start, tmp_path, seed, above):
    made = recipe("kto", start, beta=0.3, kto={"desirable": 1.5, "undesirable": 0.7})
    values = tiny.rows("kto", ROWS, 7, chat=True)
    theirs = trl_trainer(made, rows_of(values, "kto"), start, tmp_path)
    random.Random(made.seed).shuffle(values)  # the order that TRL was given
    learnt = ours(made, rows_of(values, "kto"), start, move=False)
    before = [learnt.trees[at - 1] for at in range(ROWS)]
    learnt.mismatched = [
        Tree(tree.prompt, other.completions)
        for tree, other in zip(learnt.trees, before, strict=True)
    ]
    both = [objectives.reference(learnt.reader, t) for t in (learnt.trees, learnt.mismatched)]
    learnt.reference = torch.cat(both, 1)
    for model in (theirs.model, learnt.reader.model):
        moved(model, seed)
        model.eval()
    batch = next(iter(theirs.get_train_dataloader()))
    expected = theirs.compute_loss(theirs.model, batch).item()
    got = learnt.loss(Part(tuple(range(ROWS)), 1.0))
    assert got.value.item() == pytest.approx(expected, abs=1e-5)
    assert (got.metrics["kl"] > 0) == above


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_a_batch_of_completions_has_the_loss_that_trl_gives_it(start, tmp_path, method):
    made = recipe(method, start, beta=0.07)
    theirs = trl_trainer(
        made, rows_of(tiny.rows(method, ROWS), method), start, tmp_path, [Wanted()]
    )
    model = theirs.model.eval()
    moved(model)
    drawn = torch.Generator().manual_seed(1)
    prompt = torch.randint(5, 300, (4, 6), generator=drawn)
    completion = torch.randint(5, 300, (4, 5), generator=drawn)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]])
    advantages = torch.tensor([0.5, -1.0, 2.0, -0.1])
    old = -6 + torch.randn(4, 5, generator=drawn) * 0.3
    reference = -6 + torch.randn(4, 5, generator=drawn) * 0.3
    inputs = {
        "prompt_ids": prompt,
        "prompt_mask": torch.ones_like(prompt),
        "completion_ids": completion,
        "completion_mask": mask,
        "advantages": advantages,
        "old_per_token_logps": old,
        "old_logps": (old * mask).sum(1),
        "ref_per_token_logps": reference,
        "num_items_in_batch": mask.sum(),
    }
    theirs.current_gradient_accumulation_steps = 1
    expected = theirs._compute_loss(model, inputs).item()
    logits = model(torch.cat([prompt, completion], 1)).logits[:, 5:-1]
    logps = logits.log_softmax(-1).gather(-1, completion[..., None])[..., 0]
    if method == "rloo":
        ratio = ((logps - old) * mask).sum(1)
        got = losses.clipped(ratio, advantages, 0.2).mean()
    else:
        each = losses.clipped(logps - old, advantages[:, None], 0.2)
        each = each + 0.07 * losses.token_kl(logps, reference, old)
        got = (each * mask).sum() / mask.sum()
    assert got.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_rewards_become_the_advantages_that_trl_makes_of_them(start, tmp_path, method):
    several = [Wanted(), Brevity()] if method == "grpo" else [Brevity()]
    made = recipe(method, start, beta=0.0)
    rows = rows_of(tiny.rows(method, ROWS), method)
    theirs = trl_trainer(made, rows, start, tmp_path, several)
    theirs.model.train()
    examples = [copy.copy(theirs.train_dataset[at // 4]) for at in range(ROWS)]
    out = theirs._generate_and_score_completions(examples)
    texts = theirs.processing_class.batch_decode(
        out["completion_ids"] * out["completion_mask"], skip_special_tokens=True
    )
    sources = [rows.rows[at // 4] for at in range(ROWS)]
    table = torch.tensor([reward([], texts, sources) for reward in several]).T
    weights = torch.ones(len(several))
    total = losses.combined_rewards(table, weights, 4, normalize_first=len(several) > 1)
    if method == "rloo":
        got = losses.rloo_advantages(total, 4)
    else:
        got = losses.grpo_advantages(total, 4, normalized=True)
    assert got.tolist() == pytest.approx(out["advantages"].tolist(), abs=1e-5)
