"""The TRL engine: every method from the same recipe, adapters, resume, and its traps."""

from __future__ import annotations

import pytest

pytest.importorskip("trl")

import tiny
import trl
from safetensors.torch import load_file

from remit.layers.training.engine import Silent, StopTraining, TrainingError, engine
from remit.layers.training.extra import MissingExtraError, present
from remit.layers.training.plain import loading
from remit.layers.training.recipes import Recipe
from remit.layers.training.rewarding import Brevity, Wanted
from remit.layers.training.rows import rows_of
from remit.layers.training.through_trl.settings import settings

pytestmark = [
    pytest.mark.slow,
    # TRL 1.16 calls what transformers 5.23 renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
METHODS = ("sft", "dpo", "kto", "rloo", "grpo", "reward")


def recipe(method, start, **more):
    rollouts = {"rollouts": {"max_tokens": 8, "group": 4}} if method in ("rloo", "grpo") else {}
    given = {"method": method, "model": str(start), "data": ["x"], "out": "o", "lr": 1e-3}
    fixed = {"batch": 8, "max_length": 96, "steps": 4, "save_every": 2, "engine": "trl"}
    return Recipe(**{**given, **fixed, **rollouts, **more})


def train(made, start, out, *, report=None, rows=None, **more):
    rows = rows or rows_of(tiny.rows(made.method, 24, 3, chat=True), made.method)
    rewards = [Wanted(), Brevity()] if made.method == "grpo" else [Brevity()]
    return engine(made, rewards).train(
        made, rows, start=start, out=out, report=report or Silent(), **more
    )


@pytest.mark.parametrize("method", METHODS)
def test_each_method_trains_and_tells_in_the_names_of_the_plain_engine(start, tmp_path, method):
    made = recipe(method, start, eval={"data": "h", "every": 2})
    held = rows_of(tiny.rows(method, 4, 9, chat=True), method)
    trained = train(made, start, tmp_path, held=held)
    points = [p for p in trained.history if p.split == "train"]
    assert [p.step for p in points] == [1, 2, 3, 4]
    assert [p.step for p in trained.history if p.split == "held"] == [2, 4]
    assert {"loss", "lr", "grad_norm", "tokens"} <= set(points[0].metrics)
    if method in ("dpo", "kto"):
        assert {"reward_chosen", "reward_rejected"} <= set(points[0].metrics)
    if method in ("rloo", "grpo"):
        assert {"reward", "kl", "length", "reward/brevity"} <= set(points[0].metrics)
    assert trained.tokens > 0
    names = {path.name for path in trained.folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth"))]
    before = load_file(start / "model.safetensors")
    after = load_file(trained.folder / "model.safetensors")
    assert any((after[name] != value).any() for name, value in before.items() if name in after)


class Broken(Silent):
    def step(self, point):
        if point.step == 3:
            raise RuntimeError("pulled plug")


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_broken_run_that_is_resumed_has_the_losses_of_an_unbroken_one(start, tmp_path, method):
    made = recipe(method, start)
    unbroken = train(made, start, tmp_path / "unbroken")
    with pytest.raises(RuntimeError):
        train(made, start, tmp_path / "broken", report=Broken())
    # A kill while a checkpoint is written leaves a folder that is not whole.
    torn = tmp_path / "broken" / "checkpoints" / "checkpoint-3"
    torn.mkdir()
    (torn / "trainer_state.json").write_text('{"global')
    resumed = train(made, start, tmp_path / "broken", resume=True)
    assert [p.step for p in resumed.history] == [1, 2, 3, 4]
    losses = [p.metrics["loss"] for p in unbroken.history]
    assert [p.metrics["loss"] for p in resumed.history] == pytest.approx(losses, abs=1e-5)
    weights = load_file(unbroken.folder / "model.safetensors")
    for name, value in load_file(resumed.folder / "model.safetensors").items():
        assert (weights[name] - value).abs().max() < 1e-5


@pytest.mark.parametrize("method", ["dpo", "reward"])
def test_an_adapter_is_kept_and_merged_into_the_model_that_a_run_ends_with(start, tmp_path, method):
    trained = train(recipe(method, start, lora={"rank": 2}, lr=0.05), start, tmp_path)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    before = load_file(start / "model.safetensors")
    after = load_file(trained.folder / "model.safetensors")
    changed = {name for name, value in before.items() if (after[name] != value).any()}
    assert changed
    assert all("proj" in name for name in changed)  # linear layers, and nothing else
    if method == "dpo":
        assert loading.load(trained.folder)
    else:
        import json

        told = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
        assert "score" in told["modules_to_save"]  # or its random head would never learn


def test_a_report_may_stop_the_training_from_within_a_reward(start, tmp_path):
    class Stop(Silent):
        def rollouts(self, step, sampled):
            assert all(rollout.rewards for rollout in sampled)
            if step == 2:
                raise StopTraining("the auditor disagrees")

    trained = train(recipe("grpo", start), start, tmp_path, report=Stop())
    assert trained.stopped == "the auditor disagrees"
    assert trained.steps == 2
    assert loading.load(trained.folder)


def test_rows_that_trl_would_drop_in_silence_are_counted(start, tmp_path):
    values = tiny.rows("reward", 24, chat=True)
    values[3]["rejected"][0]["content"] = "on and on " * 100
    trained = train(recipe("reward", start), start, tmp_path, rows=rows_of(values, "reward"))
    assert trained.notes == ("1 rows longer than max_length, left out",)


@pytest.mark.parametrize("method", METHODS)
def test_no_default_of_trl_decides_what_the_recipe_should(start, tmp_path, method):
    config = {"sft": trl.SFTConfig, "reward": trl.RewardConfig}.get(
        method, getattr(trl, f"{method.upper()}Config", None)
    )
    made = config(**settings(recipe(method, start), tmp_path, held=False))
    assert made.use_cpu
    assert not made.bf16
    assert not made.activation_checkpointing
    assert made.report_to == []
    if method in ("dpo", "kto", "rloo", "grpo"):
        assert made.beta > 0
    if method == "grpo":
        assert made.multi_objective_aggregation == "normalize_then_sum"
    if method == "kto":
        assert made.train_sampling_strategy == "sequential"


def test_a_mixture_of_rewards_that_trl_would_let_one_of_them_decide_is_refused(start, tmp_path):
    made = recipe("rloo", start)
    rows = rows_of(tiny.rows("rloo", 8), "rloo")
    with pytest.raises(TrainingError, match="take grpo, engine: plain"):
        engine(made, [Wanted(), Brevity()]).train(
            made, rows, start=start, out=tmp_path, report=Silent()
        )


def test_what_needs_a_gpu_is_refused_with_the_cure_where_it_is_not_installed(start, tmp_path):
    if present("vllm") or present("bitsandbytes"):
        pytest.skip("a machine with both")
    rollouts = {"max_tokens": 8, "group": 4, "vllm": "colocate"}
    with pytest.raises(MissingExtraError, match="vllm"):
        train(recipe("grpo", start, rollouts=rollouts), start, tmp_path)
    with pytest.raises(MissingExtraError, match="bitsandbytes"):
        train(recipe("sft", start, lora={"quantise": 4}), start, tmp_path)
