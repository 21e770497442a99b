"""The plain engine from rows to a trained model, killed and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

import tiny
from safetensors.torch import load_file

from remit.layers.training.engine import (
    Silent,
    StopTraining,
    TrainingError,
    engine,
)
from remit.layers.training.plain import checkpoints, loading
from remit.layers.training.recipes import Recipe
from remit.layers.training.rewarding import Brevity, Wanted
from remit.layers.training.rows import rows_of

METHODS = ("sft", "dpo", "kto", "rloo", "grpo")


def recipe(method, start, **more):
    online = {"rollouts": {"max_tokens": 16, "group": 4}} if method in ("rloo", "grpo") else {}
    given = {"method": method, "model": str(start), "data": ["x"], "out": "o", "lr": 3e-3}
    return Recipe(**{**given, "batch": 16, "max_length": 96, "steps": 30, **online, **more})


def train(made, start, out, *, rows=None, report=None, rewards=None, **more):
    rows = rows or rows_of(tiny.rows(made.method, 64, 3, chat=True), made.method)
    rewards = (Brevity(),) if rewards is None else rewards
    return engine(made, rewards).train(
        made, rows, start=start, out=out, report=report or Silent(), **more
    )


def weights(folder):
    return load_file(Path(folder) / "model.safetensors")


@pytest.mark.parametrize(
    ("method", "measure", "sign"),
    [
        ("sft", "loss", -1),
        ("dpo", "loss", -1),
        ("kto", "loss", -1),
        ("rloo", "reward", 1),
        ("grpo", "reward", 1),
    ],
)
def test_each_method_learns_what_its_rows_say(start, tmp_path, method, measure, sign):
    held = rows_of(tiny.rows(method, 16, 99, chat=True), method)
    made = recipe(method, start, eval={"data": "h", "every": 15}, warmup=0.0, schedule="constant")
    trained = train(made, start, tmp_path, held=held)
    seen = [p.metrics[measure] for p in trained.history if p.split == "held"]
    trend = [p.metrics[measure] for p in trained.history if p.split == "train"]
    assert len(seen) == 2
    assert sign * (sum(trend[-5:]) - sum(trend[:5])) > 0
    assert sign * (seen[1] - seen[0]) > 0
    assert trained.steps == 30
    assert trained.tokens > 0
    tokenizer = loading.load(trained.folder)[1]
    assert tokenizer.chat_template == tiny.CHAT
    assert any((weights(trained.folder)[n] != v).any() for n, v in weights(start).items())


def test_dpo_starts_at_the_logarithm_of_two_and_prefers_what_was_chosen(start, tmp_path):
    trained = train(recipe("dpo", start), start, tmp_path)
    assert trained.history[0].metrics["loss"] == pytest.approx(0.693147, abs=1e-5)
    assert trained.history[-1].metrics["accuracy"] == 1.0


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("method", ["sft", "dpo", "grpo"])
def test_a_batch_in_parts_gives_the_gradient_of_the_whole(start, tmp_path, method, parts):
    whole = train(recipe(method, start, steps=2), start, tmp_path / "whole")
    cut = train(recipe(method, start, steps=2, accumulate=parts), start, tmp_path / "cut")
    # Adam divides by a gradient's own size and would make the last bits of a tiny one count.
    assert cut.history[0].metrics["grad_norm"] == pytest.approx(
        whole.history[0].metrics["grad_norm"], rel=1e-4
    )
    assert cut.history[0].metrics["loss"] == pytest.approx(
        whole.history[0].metrics["loss"], abs=1e-5
    )


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(start, tmp_path):
    one = train(recipe("dpo", start, steps=5), start, tmp_path / "1")
    two = train(recipe("dpo", start, steps=5), start, tmp_path / "2")
    other = train(recipe("dpo", start, steps=5, seed=1), start, tmp_path / "3")
    for name, value in weights(one.folder).items():
        assert (weights(two.folder)[name] == value).all()
    assert any((weights(other.folder)[n] != v).any() for n, v in weights(one.folder).items())


class StopAt:
    """A report that ends the training, as a kill would."""

    def __init__(self, step, error):
        self.step_, self.error = step, error

    def begin(self, steps, first):
        self.first = first

    def step(self, point):
        if point.step == self.step_:
            raise self.error

    def rollouts(self, step, sampled):
        pass


@pytest.mark.parametrize("method", METHODS)
def test_a_broken_run_that_is_resumed_ends_with_the_weights_of_an_unbroken_one(
    start, tmp_path, method
):
    more = {"steps": 9, "save_every": 3, "weight_decay": 0.1}
    if method == "rloo":
        more["rollouts"] = {"max_tokens": 12, "group": 4, "iterations": 2}
    made = recipe(method, start, **more)
    unbroken = train(made, start, tmp_path / "unbroken")
    with pytest.raises(RuntimeError):
        train(made, start, tmp_path / "broken", report=StopAt(8, RuntimeError("pulled plug")))
    assert not (tmp_path / "broken" / "final").exists()
    resumed = train(made, start, tmp_path / "broken", resume=True)
    for name, value in weights(unbroken.folder).items():
        assert (weights(resumed.folder)[name] == value).all(), name
    timed = ("seconds",)
    assert [{k: v for k, v in p.to_json().items() if k not in timed} for p in resumed.history] == [
        {k: v for k, v in p.to_json().items() if k not in timed} for p in unbroken.history
    ]


def test_a_run_killed_at_any_moment_goes_on_and_ends_the_same(start, tmp_path):
    """kill -9 of the whole process, several times, at whatever it is doing then."""
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = {[str(Path(__file__).parent)]!r}
            import torch
            torch.set_num_threads(1)
            import test_training_plain as t
            from pathlib import Path
            made = t.recipe("dpo", {str(start)!r}, steps=40, save_every=1, keep=2)
            print("ready", flush=True)
            t.train(made, {str(start)!r}, Path(sys.argv[1]), resume=True)
            """
        )
    )
    folder = tmp_path / "killed"
    kills = 0
    for wait in (0.4, 0.8):
        child = subprocess.Popen([sys.executable, str(script), str(folder)], stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        kills += not (folder / "final").exists()
    assert kills
    made = recipe("dpo", start, steps=40, save_every=1, keep=2)
    resumed = train(made, start, folder, resume=True)
    unbroken = train(made, start, tmp_path / "unbroken")
    assert [p.step for p in resumed.history] == list(range(1, 41))
    for name, value in weights(unbroken.folder).items():
        assert (weights(resumed.folder)[name] == value).all(), name


def test_only_the_newest_checkpoints_are_kept_and_none_holds_a_pickle(start, tmp_path):
    train(recipe("sft", start, steps=6, save_every=1, keep=2), start, tmp_path)
    kept = checkpoints.steps(tmp_path / "checkpoints")
    assert [path.name for path in kept] == ["step-000000005", "step-000000006"]
    names = sorted(path.name for path in kept[0].iterdir())
    assert names == ["optimizer.safetensors", "progress.json", "weights.safetensors"]


def test_a_checkpoint_of_another_recipe_or_of_other_rows_is_refused(start, tmp_path):
    train(recipe("sft", start, steps=2), start, tmp_path)
    with pytest.raises(TrainingError, match="another recipe or other data"):
        train(recipe("sft", start, steps=2, lr=1e-2), start, tmp_path, resume=True)
    others = rows_of(tiny.rows("sft", 64, 4, chat=True), "sft")
    with pytest.raises(TrainingError, match="another recipe or other data"):
        train(recipe("sft", start, steps=2), start, tmp_path, resume=True, rows=others)


def test_a_damaged_checkpoint_is_named_with_its_cure(start, tmp_path):
    made = recipe("sft", start, steps=4, save_every=2)
    train(made, start, tmp_path)
    newest = checkpoints.steps(tmp_path / "checkpoints")[-1]
    (newest / "optimizer.safetensors").write_bytes(b"not what it was")
    with pytest.raises(TrainingError, match="delete it to go on from the one before"):
        train(made, start, tmp_path, resume=True)


def test_a_report_may_stop_the_training_and_what_was_learnt_is_kept(start, tmp_path):
    report = StopAt(4, StopTraining("the auditor disagrees"))
    trained = train(recipe("sft", start, steps=20), start, tmp_path, report=report)
    assert trained.steps == 4
    assert trained.stopped == "the auditor disagrees"
    assert loading.load(trained.folder)


def test_rows_that_are_too_long_are_counted_or_refused_and_never_lost_in_silence(start, tmp_path):
    values = tiny.rows("dpo", 16, chat=True)
    values[3]["chosen"][0]["content"] = "on and on " * 100
    rows = rows_of(values, "dpo")
    trained = train(recipe("dpo", start, steps=1), start, tmp_path / "1", rows=rows)
    assert trained.notes == ("1 rows longer than max_length, left out",)
    made = recipe("dpo", start, steps=1, too_long="cut")
    assert train(made, start, tmp_path / "2", rows=rows).notes == (
        "1 rows longer than max_length, cut",
    )
    made = recipe("dpo", start, steps=1, too_long="refuse")
    with pytest.raises(TrainingError, match="row 4 has"):
        train(made, start, tmp_path / "3", rows=rows)


def test_rewards_are_told_for_every_completion_and_may_not_apply(start, tmp_path):
    seen = []

    class Listen(Silent):
        def rollouts(self, step, sampled):
            seen.append((step, sampled))

    values = tiny.rows("rloo", 8)
    for row in values[::2]:
        del row["wanted"]
    made = recipe("rloo", start, steps=2, rollouts={"max_tokens": 8, "group": 4})
    rewards = (Wanted(), Brevity())
    rows = rows_of(values, "rloo")
    train(made, start, tmp_path, rows=rows, report=Listen(), rewards=rewards)
    assert [step for step, _ in seen] == [1, 2]
    told = [rollout for _, sampled in seen for rollout in sampled]
    assert len(told) == 32
    for rollout in told:
        assert (rollout.rewards["wanted"] is None) == ("wanted" not in rollout.row)
        assert rollout.rewards["brevity"] == 1 - len(rollout.completion) / 200


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        (lambda p, c, r: [0.0], "gave 1 numbers for 16 completions"),
        (lambda p, c, r: [float("nan")] * len(c), "give a number or None"),
    ],
)
def test_a_reward_that_miscounts_ends_the_training(start, tmp_path, given, cure):
    class Broken:
        name = "broken"

        def __call__(self, prompts, completions, rows):
            return given(prompts, completions, rows)

    with pytest.raises(TrainingError, match=cure):
        train(recipe("rloo", start, steps=1), start, tmp_path, rewards=(Broken(),))


def test_an_online_method_without_a_reward_is_refused(start, tmp_path):
    with pytest.raises(TrainingError, match="name one under rollouts"):
        train(recipe("grpo", start), start, tmp_path, rewards=())


def test_a_folder_without_a_model_is_refused(tmp_path, start):
    with pytest.raises(TrainingError, match=r"config\.json is missing"):
        train(recipe("sft", start), tmp_path / "nowhere", tmp_path / "out")


def test_a_model_that_diverges_is_stopped_before_it_is_saved(start, tmp_path):
    made = recipe("sft", start, lr=1e30, warmup=0.0)
    with pytest.raises(TrainingError, match="lower lr"):
        train(made, start, tmp_path)
    assert not (tmp_path / "final").exists()
