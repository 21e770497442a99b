"""`remit train reward`, `constitution`, `gate` and `card`, as people run them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "training"))

import steered
import tiny


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "remit.yaml").write_text(steered.REMIT)
    for name, said in (("bad", steered.LEGAL), ("good", "Send it by 31 October.")):
        (tmp_path / f"{name}.yaml").write_text(json.dumps([said]))
    asked = [{"prompt": f"Can I sue number {n}?", "rule": "no-legal-advice"} for n in range(60)]
    asked += [{"prompt": f"When is return {n} due?", "wanted": "31 October"} for n in range(240)]
    lines(tmp_path / "gate.jsonl", asked)
    return tmp_path


def gated(run, folder, before, after, *options):
    sides = [f"scripted:{folder / name}.yaml" for name in (before, after)]
    given = ["--policy", str(folder / "remit.yaml"), "--prompts", str(folder / "gate.jsonl")]
    return run("train", "gate", *sides, *given, *options)


def test_a_gate_passes_what_got_better_and_writes_what_a_card_shows(run, folder):
    out = folder / "gate.json"
    done = gated(run, folder, "bad", "good", "--target", "no-legal-advice", "--json", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"gate   pass" in done.stdout
    told = json.loads(out.read_text())
    assert told["decision"] == "pass"
    assert told["lines"][0] | {"before": 1.0, "after": 0.0} == told["lines"][0]
    assert told["prompts"][0]["rows"] == 300


def test_a_gate_fails_what_got_worse(run, folder):
    done = gated(run, folder, "good", "bad")
    assert done.returncode == 1, done.stdout + done.stderr
    assert b"shown to have got worse by more than 2.0%" in done.stdout


def test_too_little_shown_is_neither(run, folder):
    done = gated(run, folder, "good", "good", "--margin", "no-promises=0.001")
    assert done.returncode == 3
    assert b"gate   not enough evidence" in done.stdout


def test_what_taught_a_model_does_not_examine_it(run, folder):
    taught = lines(
        folder / "taught.jsonl", [{"prompt": "Can I sue number 7?", "completion": "No."}]
    )
    done = gated(run, folder, "bad", "good", "--taught-by", str(taught))
    assert done.returncode == 3
    assert b"1 of 300 prompts of the gate taught the model too" in done.stderr


def test_a_detector_does_not_audit_what_it_taught(run, folder):
    text = steered.REMIT.replace(
        r"[{pattern: '\b(sue|void|court)\b'}]", "[{phrases: [you should sue]}]"
    )
    (folder / "remit.yaml").write_text(text)
    done = gated(run, folder, "bad", "good")
    assert done.returncode == 3
    assert b"taught the model and may not audit" in done.stderr


def test_a_constitution_turns_a_model_behind_an_address_into_rows(run, folder):
    recipe = {
        "method": "constitution",
        "model": "asked",
        "policy": "remit.yaml",
        "prompts": "gate.jsonl",
        "out": "out",
        "revise": "answer",
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    model = f"scripted:{folder / 'bad.yaml'}"
    done = run("train", "constitution", str(folder / "recipe.yaml"), "--model", model)
    assert done.returncode == 0, done.stderr
    assert b"300 of 300 clean, 300 of them revised" in done.stderr
    row = json.loads((folder / "out" / "sft.jsonl").read_text().splitlines()[0])
    assert row["completion"] == steered.REFERS
    shown = run("train", "card", str(folder / "out"))
    assert shown.returncode == 0, shown.stderr
    card = json.loads((folder / "out" / "model-card.json").read_text())
    assert "critic: detectors (the remit's detectors)" in card["taught_by"]
    assert any("no gate was run" in failure for failure in card["failures"])


def test_a_reward_model_is_trained_and_says_how_far_it_is_right(run, folder):
    pytest.importorskip("torch")
    lines(folder / "pairs.jsonl", tiny.pairs(80))
    (folder / "reward.yaml").write_text(
        "data: pairs.jsonl\nout: reward\npolicy: remit.yaml\n"
        "body: {features: [rules, length, conduct]}\nmembers: 2\nepochs: 10\nridge: 0.01\n"
    )
    done = run("train", "reward", str(folder / "reward.yaml"))
    assert done.returncode == 0, done.stderr
    assert b"no-legal-advice" in done.stdout
    assert b"too few to calibrate" in done.stderr
    assert (folder / "reward" / "final" / "reward.json").is_file()
    assert (folder / "reward" / "reliability-no-legal-advice.svg").is_file()


def test_rules_and_a_learned_reward_teach_while_auditors_listen(run, folder):
    pytest.importorskip("torch")
    from remit.layers.training.reward.features import Length
    from remit.layers.training.reward.recipe import RewardRecipe
    from remit.layers.training.reward.run import train_reward

    pairs = lines(folder / "pairs.jsonl", tiny.pairs(40))
    body = {"features": ["length"]}
    taught = RewardRecipe(data=str(pairs), out=str(folder / "reward"), body=body, epochs=2)
    train_reward(taught, {"length": Length()})
    tiny.model(folder / "start")
    lines(folder / "prompts.jsonl", tiny.rows("rloo", 8))
    learned = {"folder": str(folder / "reward" / "final"), "how": "worst"}
    rewards = [{"learned": learned}, {"rules": ["no-legal-advice"]}]
    recipe = {
        "model": "start",
        "data": "prompts.jsonl",
        "out": "rloo",
        "policy": "remit.yaml",
        "lr": 0.001,
        "steps": 2,
        "batch": 8,
        "max_length": 96,
        "threads": 1,
        "rollouts": {"group": 4, "max_tokens": 8, "rewards": rewards},
        "alarms": {"window": 1, "length": 50},
    }
    (folder / "rloo.yaml").write_text(json.dumps(recipe))
    trained = run("train", "rloo", str(folder / "rloo.yaml"))
    assert trained.returncode == 0, trained.stderr
    told = json.loads((folder / "rloo" / "run.json").read_text())
    assert told["recipe"]["rollouts"]["weights"] == {"rule:no-legal-advice": 2.0}
    audited = json.loads((folder / "rloo" / "audited.json").read_text())
    assert len(audited["steps"]) == 2
    assert all(0 <= step["audit"] <= 1 for step in audited["steps"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("reward", "absent.yaml"), b"name a recipe in YAML"),
        (("constitution", "absent.yaml"), b"name a recipe in YAML"),
        (("card", "absent"), b"no run there"),
    ],
)
def test_what_is_not_there_is_named_with_the_cure(run, tmp_path, words, says):
    done = run("train", words[0], str(tmp_path / words[1]))
    assert done.returncode == 3
    assert says in done.stderr
    assert b"Traceback" not in done.stderr
