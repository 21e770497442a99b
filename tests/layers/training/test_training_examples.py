"""The recipes of the examples run, one after the other, as their page says."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest

pytest.importorskip("trl")

from remit.cli import main
from remit.layers.training.durable import read_points

EXAMPLES = Path(__file__).parents[3] / "examples" / "training"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


@pytest.fixture(scope="module")
def folder(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for path in EXAMPLES.glob("*.yaml"):
        shutil.copy(path, folder)
    runpy.run_path(str(EXAMPLES / "start.py"))["main"](folder)
    return folder


@pytest.fixture(scope="module")
def imitated(folder):
    """The other recipes go on from this one's model."""
    assert main(["train", "sft", str(folder / "sft.yaml"), "--json"], {}) == 0
    return folder


def held(folder, name, measure):
    points = read_points(folder / "runs" / name / "metrics.jsonl")
    return [p.metrics[measure] for p in points if p.split == "held"]


def test_the_first_recipe_learns_to_answer(imitated):
    losses = held(imitated, "sft", "loss")
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["dpo", "kto", "rloo", "grpo", "lora"])
def test_a_recipe_goes_on_from_the_model_of_the_first(imitated, name, capsys):
    method = "dpo" if name == "lora" else name
    assert main(["train", method, str(imitated / f"{name}.yaml"), "--json"], {}) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["notes"] == []
    assert told["folder"] == str(imitated / "runs" / name / "final")
    if name in ("dpo", "kto"):
        losses = held(imitated, name, "loss")
        assert losses[-1] < losses[0]


def test_the_cluster_recipe_shows_its_command(folder, capsys):
    assert main(["train", "dpo", str(folder / "cluster.yaml"), "--dry-run"], {}) == 0
    assert "--num_machines 2 --machine_rank 0 --main_process_ip 10.0.0.1" in capsys.readouterr().out


def test_a_process_that_was_launched_never_launches_and_counts_its_siblings(imitated, capsys):
    """Not every launcher says that it is one: without this they would start each other forever."""
    recipe = (imitated / "lora.yaml").read_text().replace("runs/lora", "runs/alone")
    (imitated / "alone.yaml").write_text(recipe + "distributed: {processes: 2}\n")
    assert main(["train", "dpo", str(imitated / "alone.yaml")], {"REMIT_LAUNCHED": "1"}) == 3
    assert "for 2 process(es) and 1 run(s) it" in capsys.readouterr().err
