"""The reward model: its loss, its heads, its doubt, and what it says on real preferences."""

from __future__ import annotations

import gzip
import json
import math
import os
import random
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from remit.layers.training.engine import TrainingError
from remit.layers.training.recipes import RecipeError
from remit.layers.training.reward.calibration import (
    accuracy,
    expected_calibration_error,
    probability,
    reliability,
    surprise,
    temperature,
)
from remit.layers.training.reward.ensemble import combined, disagreement
from remit.layers.training.reward.features import Length, Numbers
from remit.layers.training.reward.model import LearnedReward
from remit.layers.training.reward.network import bradley_terry
from remit.layers.training.reward.pairs import OVERALL, apart, heads_of, pairs_of
from remit.layers.training.reward.plot import reliability_plot
from remit.layers.training.reward.recipe import (
    Body,
    RewardRecipe,
    read_reward_recipe,
)
from remit.layers.training.reward.run import fit_reward, train_reward
from remit.layers.training.reward.saved import load, save
from remit.layers.training.rows import RowsError, rows_of

torch.set_num_threads(1)
DATA = Path(os.environ.get("REMIT_DATA", Path(__file__).parents[4] / "shared" / "data"))
HARMLESS = DATA / "hh-rlhf-harmless" / "harmless_base_dev.jsonl.gz"
WORDS = ("vat", "invoice", "deadline", "payroll", "audit", "lease", "contract", "return", "fee")


def politeness(asked, reply):
    return [float(reply.count("please")), float(reply.count("!"))]


MAPS = {"manner": Numbers("manner", "politeness and shouting", "1", politeness)}


def recipe(**settings):
    settings = {
        "members": 2,
        "epochs": 15,
        "ridge": 0.01,
        "body": Body(features=("length",)),
        **settings,
    }
    return RewardRecipe(data="pairs.jsonl", out="out", **settings)


def manners():
    """A body of features that no recipe can name: a test's own."""
    return recipe(body=Body(features=("manner",)))


def rows(count, rule=None, *, polite=True, seed=0):
    """People who prefer politeness, or with `polite=False` shouting; each word is drawn."""
    drawn = random.Random(f"{seed}{rule}")
    made = []
    for number in range(count):
        said = " ".join(drawn.choices(WORDS, k=5))
        please, shout = f"{said} please", f"{said}!"
        chosen, rejected = (please, shout) if polite else (shout, please)
        row = {"prompt": f"{number} {drawn.choice(WORDS)}?", "chosen": chosen, "rejected": rejected}
        made.append({**row, "meta": {"rule": rule}} if rule else row)
    return made


# --- The loss ------------------------------------------------------------------------------------


def test_the_loss_is_that_of_bradley_and_terry_with_a_margin():
    chosen, rejected = torch.tensor([[2.0]]), torch.tensor([[0.5]])
    loss = bradley_terry(chosen, rejected, torch.ones(1, 1), torch.tensor([0.3]))
    assert float(loss) == pytest.approx(-math.log(1 / (1 + math.exp(-(2.0 - 0.5 - 0.3)))))


def test_a_pair_teaches_only_the_head_it_speaks_of():
    chosen = torch.zeros(3, 2, requires_grad=True)
    asked = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    bradley_terry(chosen, torch.zeros(3, 2), asked, torch.zeros(3)).backward()
    assert (chosen.grad != 0).equal(asked.bool())


def test_every_pair_weighs_the_same_whichever_rule_it_speaks_of():
    leads = torch.zeros(4, 2, requires_grad=True)
    asked = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    bradley_terry(leads, torch.zeros(4, 2), asked, torch.zeros(4)).backward()
    assert leads.grad[asked.bool()].tolist() == pytest.approx([-0.125] * 4)


# --- Calibration and doubt -----------------------------------------------------------------------


@pytest.mark.parametrize("true", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_a_wrong_scale(true):
    drawn = random.Random(7)
    leads = []
    for _ in range(4000):
        lead = drawn.gauss(0, 2)
        first = drawn.random() < probability(lead)
        leads.append((lead if first else -lead) * true)
    found = temperature(leads)
    assert found == pytest.approx(true, rel=0.15)
    assert surprise(leads, found) <= surprise(leads)
    assert expected_calibration_error(reliability(leads, found)) < 0.03


def test_what_is_sure_and_wrong_is_badly_calibrated():
    leads = [8.0, -8.0] * 50
    assert expected_calibration_error(reliability(leads)) == pytest.approx(0.5, abs=0.01)
    assert temperature(leads) > 100


def test_a_tie_is_half_right():
    assert accuracy([1.0, 0.0, -1.0, 0.0]) == 0.5


def test_doubt_lowers_a_reward():
    assert combined([1.0, 3.0]) == 2.0
    assert combined([1.0, 3.0], "worst") == 1.0
    assert combined([1.0, 3.0], "uwo", penalty=0.5) == 1.5
    assert combined([2.0, 2.0], "uwo") == 2.0
    assert disagreement([1.0, 2.0, -1.0, 3.0]) == 0.25


def test_the_plot_says_how_far_off_it_is():
    svg = reliability_plot(reliability([1.0, 2.0, -0.5] * 20), "no-legal-advice")
    assert svg.startswith("<svg")
    assert svg.endswith("</svg>")
    assert "no-legal-advice: calibration error" in svg


# --- Pairs ---------------------------------------------------------------------------------------


def test_the_pairs_of_one_prompt_stay_on_one_side():
    pairs = pairs_of(rows(60) * 2)
    kept, held = apart(pairs, 0.3, "salt")
    assert len(kept) + len(held) == len(pairs)
    assert not {p.group for p in kept} & {p.group for p in held}
    assert 0.1 < len(held) / len(pairs) < 0.5
    assert apart(pairs, 0.3, "salt") == (kept, held)


def test_a_row_speaks_of_its_rule_or_of_all():
    pairs = pairs_of([*rows(1), *rows(1, "no-legal-advice")])
    assert [p.head for p in pairs] == [OVERALL, "no-legal-advice"]
    assert heads_of(pairs) == (OVERALL, "no-legal-advice")


def test_messages_are_read_as_texts():
    (pair,) = pairs_of(
        [
            {
                "prompt": [{"role": "user", "content": "VAT?"}],
                "chosen": [{"role": "assistant", "content": "Yes."}],
                "rejected": [{"role": "assistant", "content": "No."}],
                "margin": 0.5,
            }
        ]
    )
    assert (pair.chosen, pair.rejected, pair.margin) == ("Yes.", "No.", 0.5)


@pytest.mark.parametrize("rule", ["../../etc/passwd", "a/b", "Rule", "x" * 65, "-"])
def test_what_cannot_be_a_rules_id_names_no_head(rule):
    with pytest.raises(RowsError, match="is no rule's id"):
        pairs_of(rows(1, rule))


# --- Training ------------------------------------------------------------------------------------


def test_each_head_learns_its_own_rule():
    mixed = rows(80, "polite") + rows(80, "shout", polite=False)
    run = fit_reward(manners(), rows_of(mixed, "reward"), MAPS)
    score = {
        h: run.model.rewards(["?"] * 2, ["vat please", "vat!"], h) for h in ("polite", "shout")
    }
    assert combined(score["polite"][0]) > combined(score["polite"][1])
    assert combined(score["shout"][0]) < combined(score["shout"][1])
    assert {one.head: one.accuracy for one in run.measured} == {"polite": 1.0, "shout": 1.0}
    assert any("overall: no pair taught it" in note for note in run.notes)


def test_shuffled_labels_teach_nothing():
    drawn = random.Random(3)
    shuffled = []
    for row in rows(300):
        flip = drawn.random() < 0.5
        chosen, rejected = (
            (row["rejected"], row["chosen"]) if flip else (row["chosen"], row["rejected"])
        )
        shuffled.append({**row, "chosen": chosen, "rejected": rejected})
    run = fit_reward(manners(), rows_of(shuffled, "reward"), MAPS)
    assert 0.3 < run.measured[0].accuracy < 0.7
    assert run.measured[0].surprise == pytest.approx(math.log(2), abs=0.03)


def test_a_language_model_is_trained_with_its_heads(start, tmp_path):
    made = recipe(
        body=Body(model=str(start), max_length=64), members=1, epochs=2, batch=16, lr=3e-3, ridge=0
    )
    run = fit_reward(made, rows_of(rows(120), "reward"), {})
    assert run.measured[0].accuracy > 0.9
    save(run.model, tmp_path / "kept")
    again = load(tmp_path / "kept")
    asked = ["vat?"], ["vat invoice please"]
    assert again.rewards(*asked)[0] == pytest.approx(run.model.rewards(*asked)[0], abs=1e-5)


def test_a_reward_has_an_opinion_of_everything():
    run = fit_reward(manners(), rows_of(rows(60), "reward"), MAPS)
    reward = LearnedReward(run.model, how="worst")
    values = reward(["a?", "b?"], ["vat please", ""], [{}, {}])
    assert len(values) == 2
    assert all(math.isfinite(value) for value in values)
    assert reward.name == "learned:overall"


# --- On disk -------------------------------------------------------------------------------------


def test_what_was_saved_scores_the_same(tmp_path):
    run = fit_reward(manners(), rows_of(rows(80), "reward"), MAPS)
    save(run.model, tmp_path / "model")
    again = load(tmp_path / "model", MAPS)
    asked = ["vat?"] * 2, ["vat please", "vat!"]
    assert again.rewards(*asked) == run.model.rewards(*asked)
    assert again.temperatures == run.model.temperatures


def test_another_reading_of_the_text_is_refused(tmp_path):
    run = fit_reward(manners(), rows_of(rows(40), "reward"), MAPS)
    save(run.model, tmp_path / "model")
    other = {"manner": Numbers("manner", "politeness and shouting", "2", politeness)}
    with pytest.raises(TrainingError, match="not those it was trained on"):
        load(tmp_path / "model", other)
    with pytest.raises(TrainingError, match="'manner', which is not given"):
        load(tmp_path / "model", {})


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": 99}', b"\xff\xfe"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    run = fit_reward(manners(), rows_of(rows(40), "reward"), MAPS)
    save(run.model, tmp_path / "model")
    (tmp_path / "model" / "reward.json").write_bytes(damage)
    with pytest.raises(TrainingError):
        load(tmp_path / "model", MAPS)


def test_damaged_tensors_are_refused(tmp_path):
    run = fit_reward(manners(), rows_of(rows(40), "reward"), MAPS)
    save(run.model, tmp_path / "model")
    (tmp_path / "model" / "reward.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not a header")
    with pytest.raises(TrainingError, match="train it again"):
        load(tmp_path / "model", MAPS)


def test_a_run_writes_all_that_it_is_made_of(tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in rows(60)))
    (tmp_path / "reward.yaml").write_text(
        "method: reward\ndata: pairs.jsonl\nout: out\nbody: {features: [length]}\nepochs: 3\n"
    )
    made = read_reward_recipe(tmp_path / "reward.yaml")
    train_reward(made, {"length": Length()}, policy_digest="abc")
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["policy"] == "abc"
    assert told["data"][0]["rows"] == 60
    assert told["recipe_digest"] == made.digest
    assert (tmp_path / "out" / "reliability-overall.svg").is_file()
    assert (tmp_path / "out" / "final" / "reward.safetensors").is_file()


def test_what_is_learnt_from_is_not_held_out():
    with pytest.raises(TrainingError, match="20 prompts of held: are in data: too"):
        fit_reward(manners(), rows_of(rows(60), "reward"), MAPS, held=rows_of(rows(20), "reward"))


def test_a_reward_model_is_not_written_over(tmp_path):
    (tmp_path / "final").mkdir()
    made = recipe().model_copy(update={"out": str(tmp_path)})
    with pytest.raises(TrainingError, match="holds a reward model already"):
        train_reward(made, {"length": Length()})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("data: a\nout: o\n", "body: is missing"),
        ("data: a\nout: o\nbody: {}\n", "features: .* or model"),
        ("data: a\nout: o\nbody: {features: [lenght]}\n", "no feature 'lenght'; have meaning"),
        ("data: a\nout: o\nbody: {features: length, model: m}\n", "either"),
        ("data: a\nout: o\nbody: {features: length}\nmember: 3\n", "member: no such key; have"),
        ("- a\n", "keys and values"),
        ("a: [\n", "no YAML"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(tmp_path, text, says):
    path = tmp_path / "reward.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        read_reward_recipe(path)


# --- Real preferences ----------------------------------------------------------------------------


def test_people_prefer_what_the_model_finds_they_prefer():
    """On length alone it can do no better than "the shorter wins", and must come to just that."""
    if not HARMLESS.is_file():
        pytest.skip("the public data is not here; set REMIT_DATA to its folder")
    made = []
    with gzip.open(HARMLESS, "rt", encoding="utf-8") as file:
        for line in file:
            pair = json.loads(line)
            prompt, _, chosen = pair["chosen"].rpartition("\n\nAssistant:")
            row = {"chosen": chosen, "rejected": pair["rejected"].rpartition("\n\nAssistant:")[2]}
            made.append({"prompt": prompt, **row})
    settings = {"body": Body(features=("length",)), "epochs": 20, "members": 1}
    run = fit_reward(recipe(**settings), rows_of(made, "reward"), {"length": Length()})
    _, held = apart(pairs_of(made), 0.2, "calibrate 0")
    shorter = accuracy([float(len(p.rejected) - len(p.chosen)) for p in held])
    assert run.measured[0].accuracy == pytest.approx(shorter, abs=0.05)
    assert run.measured[0].surprise < math.log(2)
