"""Alarms: trainings that really go wrong, each stopped by the alarm that is for it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

pytest.importorskip("torch")

import tiny

from remit.layers.training.alarms import Alarms
from remit.layers.training.engine import Point, Rollout, StopTraining
from remit.layers.training.limits import Limits
from remit.layers.training.plain import PlainEngine
from remit.layers.training.recipes import Recipe
from remit.layers.training.rows import rows_of

OFF = {"kl": None, "length": None, "entropy": None, "chosen": None}


@dataclass(frozen=True)
class Long:
    """What a careless reward model likes: length."""

    name: str = "long"

    def __call__(self, prompts, completions, rows):
        return [float(len(text)) for text in completions]


@dataclass(frozen=True)
class Letter:
    """Likes a single letter, and so has it said without end."""

    name: str = "letter"

    def __call__(self, prompts, completions, rows):
        return [text.count("e") / (1 + len(text)) for text in completions]


def recipe(start, folder, **settings):
    made = {
        "method": "rloo",
        "model": str(start),
        "data": "x",
        "out": str(folder),
        "lr": 0.01,
        "beta": 0.0,
        "batch": 64,
        "steps": 60,
        "rollouts": {"max_tokens": 24, "group": 8},
    }
    return Recipe(**{**made, **settings})


@pytest.fixture(scope="module")
def speaks(start, tmp_path_factory):
    """A model that has learnt short answers."""
    folder = tmp_path_factory.mktemp("speaks")
    made = Recipe(
        method="sft", model=str(start), data="x", out=str(folder), lr=0.01, batch=16, epochs=6
    )
    rows = rows_of(tiny.rows("sft", 120), "sft")
    PlainEngine(()).train(made, rows, start=start, out=folder, report=Alarms(Limits(**OFF)))
    return folder / "final"


def trained(start, folder, reward, alarms, **settings):
    rows = rows_of([{"prompt": f"Number {n}: what about vat? "} for n in range(32)], "rloo")
    made = recipe(start, folder, **settings)
    engine = PlainEngine((reward,))
    return engine.train(made, rows, start=start, out=folder, report=alarms)


def test_a_reward_that_likes_length_is_stopped_for_length(speaks, tmp_path):
    alarms = Alarms(Limits(**{**OFF, "length": 1.5}, window=3))
    came = trained(speaks, tmp_path, Long(), alarms)
    assert alarms.sounded.kind == "length"
    assert alarms.sounded.seen > 1.5
    assert came.stopped.startswith("length alarm at step")
    assert came.steps < 60
    assert (came.folder / "model.safetensors").is_file()


def test_an_auditor_that_thinks_otherwise_stops_what_the_reward_praises(speaks, tmp_path):
    def brief(prompts, replies):
        return [max(0.0, 1 - len(reply) / 80) for reply in replies]

    alarms = Alarms(Limits(**OFF, window=4), brief)
    trained(speaks, tmp_path, Long(), alarms)
    assert alarms.sounded.kind == "divergence"
    (_, reward, audit), (_, later, fallen) = alarms.audited[0], alarms.audited[-1]
    assert later > reward
    assert fallen < audit


def test_an_auditor_that_agrees_lets_the_training_go_on(speaks, tmp_path):
    def long_too(prompts, replies):
        return [min(1.0, len(reply) / 200) for reply in replies]

    alarms = Alarms(Limits(**OFF, window=4), long_too)
    came = trained(speaks, tmp_path, Long(), alarms, steps=20)
    assert alarms.sounded is None
    assert came.steps == 20


def test_a_model_that_leaves_its_start_is_stopped_for_its_kl(speaks, tmp_path):
    alarms = Alarms(Limits(**{**OFF, "kl": 4.0}, window=3))
    came = trained(speaks, tmp_path, Long(), alarms, beta=1e-6)
    assert alarms.sounded.kind == "kl"
    assert "nats a completion" in came.stopped


def test_a_model_that_always_says_the_same_is_stopped_for_its_entropy(speaks, tmp_path):
    alarms = Alarms(Limits(**{**OFF, "entropy": 0.5}, window=3))
    trained(speaks, tmp_path, Letter(), alarms)
    assert alarms.sounded.kind == "entropy"


def test_a_model_that_forgets_what_it_should_prefer_is_stopped(speaks, tmp_path):
    """DPO only asks for a distance: with a high rate both replies lose, the chosen one too."""
    alarms = Alarms(Limits(**{**OFF, "chosen": 5.0}, window=3))
    rows = rows_of(tiny.pairs(120, seed=4), "dpo")
    made = Recipe(
        method="dpo", model=str(speaks), data="x", out=str(tmp_path), lr=0.02, batch=16, epochs=8
    )
    came = PlainEngine(()).train(made, rows, start=speaks, out=tmp_path, report=alarms)
    assert alarms.sounded.kind == "chosen"
    assert "lost" in came.stopped


# --- What it does and does not conclude ----------------------------------------------------------


def step(number, metrics, split="train"):
    return Point(number, metrics, split)


def test_held_out_rows_sound_no_alarm():
    alarms = Alarms(Limits(kl=1.0, window=1))
    alarms.step(step(1, {"kl": 50.0}, "held"))
    assert alarms.sounded is None


def test_one_bad_step_in_a_window_is_no_alarm():
    alarms = Alarms(Limits(kl=5.0, window=4))
    for number, kl in enumerate([0.1, 0.2, 0.1, 12.0, 0.2, 0.1], 1):
        alarms.step(step(number, {"kl": kl}))
    assert alarms.sounded is None


def said(reward, audit, prompts=40):
    return [Rollout(f"{n}?", audit, {"r": reward}) for n in range(prompts)]


def watched(**limits):
    return Alarms(Limits(**OFF, window=2, **limits), lambda p, replies: [float(r) for r in replies])


def test_a_reward_that_falls_with_the_auditors_score_is_no_divergence():
    alarms = watched()
    for number in range(12):
        alarms.rollouts(number, said(1.0 - number / 20, str(0.9 - number / 20)))
    assert alarms.sounded is None


def test_too_few_prompts_show_nothing():
    alarms = watched()
    for number in range(12):
        alarms.rollouts(number, said(number, str(0.9 - number / 20), prompts=5))
    assert alarms.sounded is None


def test_prompts_that_never_come_again_are_compared_unpaired():
    alarms = watched()

    def train():
        for number in range(12):
            audit = str(0.95 - number / 13)
            rollouts = [Rollout(f"{number}-{n}?", audit, {"r": number + n / 40}) for n in range(60)]
            alarms.rollouts(number, rollouts)
            alarms.step(step(number, {"loss": 0.0}))

    with pytest.raises(StopTraining, match="other prompts"):
        train()


def test_an_auditor_that_is_silent_is_not_taken_for_content():
    alarms = Alarms(Limits(**OFF, window=1), lambda p, replies: [None for _ in replies])
    for number in range(6):
        alarms.rollouts(number, said(number, "0.5"))
    assert alarms.audited == []
    assert alarms.sounded is None


def test_noise_that_is_looked_at_often_seldom_stops_a_run():
    drawn = random.Random(5)
    sounded = 0
    for _ in range(40):
        alarms = watched()
        for number in range(20):
            marks = [str(float(drawn.random() < 0.8)) for _ in range(30)]
            rollouts = [
                Rollout(f"{n}?", mark, {"r": drawn.random()}) for n, mark in enumerate(marks)
            ]
            alarms.rollouts(number, rollouts)
        sounded += alarms.sounded is not None
    assert sounded <= 2
