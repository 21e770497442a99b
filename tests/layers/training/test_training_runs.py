"""A run's folder, its trackers, its picture, and the commands for many machines."""

from __future__ import annotations

import json
import sys
from xml.etree import ElementTree as ET

import pytest
import tiny

from remit.layers.training import launch, plots, trackers
from remit.layers.training.durable import Journal, read_points, write_folder
from remit.layers.training.engine import Point, Silent, TrainingError
from remit.layers.training.extra import MissingExtraError, needs, present
from remit.layers.training.recipe_parts import Distributed
from remit.layers.training.recipes import Recipe, parse_recipe
from remit.layers.training.rows import write_rows
from remit.layers.training.runs import prepare

RAW = b"""\
method: dpo
model: start
data: pairs.jsonl
out: run
lr: 1e-3
steps: 3
batch: 4
max_length: 96
eval: {data: held.jsonl, every: 3}
trackers: [tensorboard]
"""


@pytest.fixture
def folder(tmp_path, start):
    (tmp_path / "start").symlink_to(start)
    write_rows(tmp_path / "pairs.jsonl", tiny.pairs(12, chat=True))
    held = tiny.pairs(4, 5, chat=True)
    for row in held:
        row["prompt"][0]["content"] += "Now?"
    write_rows(tmp_path / "held.jsonl", held)
    return tmp_path


def test_a_run_keeps_what_it_was_made_of_and_what_came_of_it(folder):
    recipe = parse_recipe(RAW, folder)
    run = prepare(recipe, RAW)
    tracked = trackers.trackers(recipe)
    trained = run.train(tracked[0])
    out = folder / "run"
    assert (out / "recipe.yaml").read_bytes() == RAW
    told = json.loads((out / "run.json").read_text())
    assert told["data"][0] == run.rows.origins[0].to_json()
    assert told["held"][0]["rows"] == 4
    assert told["recipe_digest"] == recipe.digest
    assert len(told["start"]["sha256"]) == len(told["outcome"]["model_sha256"]) == 64
    assert told["start"]["sha256"] != told["outcome"]["model_sha256"]
    assert told["outcome"]["steps"] == 3
    assert told["versions"]["torch"]
    assert tuple(read_points(out / "metrics.jsonl")) == trained.history
    assert [p.split for p in trained.history] == ["train"] * 3 + ["held"]
    ET.parse(out / "curves.svg")
    assert list((out / "tensorboard").iterdir())


def test_a_folder_that_holds_a_run_is_never_written_over(folder):
    recipe = parse_recipe(RAW.replace(b"[tensorboard]", b"[]"), folder)
    run = prepare(recipe, RAW)
    first = run.train(Silent())
    with pytest.raises(TrainingError, match="holds a run already; --resume"):
        run.train(Silent())
    again = run.train(Silent(), resume=True)
    assert again.history == first.history


def test_a_held_out_prompt_that_is_trained_on_is_refused(folder):
    write_rows(folder / "held.jsonl", tiny.pairs(12, chat=True)[:2])
    with pytest.raises(TrainingError, match="2 of 2 held-out rows have a prompt that is trained"):
        prepare(parse_recipe(RAW, folder), RAW)


def recipe(**more):
    return Recipe(**{"method": "sft", "model": "m", "data": "d", "out": "o", "lr": 1, **more})


def test_a_tracker_that_is_unknown_or_not_installed_is_refused_with_the_cure():
    with pytest.raises(TrainingError, match="have tensorboard, wandb, mlflow"):
        trackers.trackers(recipe(trackers="abacus"))
    with pytest.raises(MissingExtraError, match=r"pip install 'remit\[train\]'"):
        needs("a_package_that_is_not_there")
    for name in ("wandb", "mlflow"):
        if present(name):
            continue
        with pytest.raises(MissingExtraError, match=f"pip install {name}"):
            trackers.trackers(recipe(trackers=name))


def test_a_journal_goes_on_after_the_step_of_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    journal = Journal(path)
    for step in (1, 2, 3):
        journal.add(Point(step, {"loss": 1 / step, "odd": float("nan")}))
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"step": 4, "lo')  # cut off by a kill
    journal = Journal(path, 2)
    journal.add(Point(3, {"loss": 0.5}, "held"))
    journal.close()
    assert [(p.step, p.split, dict(p.metrics)) for p in read_points(path)] == [
        (1, "train", {"loss": 1.0}),
        (2, "train", {"loss": 0.5}),
        (3, "held", {"loss": 0.5}),
    ]


def test_a_folder_is_written_as_a_whole_or_the_one_before_stays(tmp_path):
    place = tmp_path / "final"
    write_folder(place, lambda aside: (aside / "a").write_text("1"))

    def broken(aside):
        (aside / "a").write_text("2")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_folder(place, broken)
    assert (place / "a").read_text() == "1"
    write_folder(place, lambda aside: (aside / "b").write_text("3"))
    assert [path.name for path in place.iterdir()] == ["b"]


def test_curves_of_one_point_of_many_and_of_none_are_pictures():
    many = [Point(s, {"loss": 1 / s, "a<b": -3.0, "reward": 1e-9 * s}) for s in range(1, 2000)]
    held = [Point(s, {"loss": 2.0}, "held") for s in (1, 1999)]
    for points in ([], many[:1], [*many, *held]):
        root = ET.fromstring(plots.curves(points))
        assert root.tag.endswith("svg")
    assert plots.curves([*many, *held]).count("<polyline") == 4


# --- Many machines -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", launch.CONFIGS)
def test_each_shipped_configuration_is_one_that_accelerate_reads(name):
    config = pytest.importorskip("accelerate.commands.config.config_args")
    read = config.load_config_from_file(str(launch.config_file(name)))
    assert read.num_machines == 1
    kinds = {"multi_gpu": "MULTI_GPU", "fsdp2": "FSDP", "zero3": "DEEPSPEED"}
    assert read.distributed_type.value == kinds[name]


def test_the_command_for_a_machine_names_processes_rank_and_address():
    asked = Distributed(processes=16, machines=2, rank=1, address="10.0.0.1")
    words = launch.command(asked, ["train", "dpo", "a.yaml"])
    assert words[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    assert words[-5:] == ["-m", "remit.cli", "train", "dpo", "a.yaml"]
    for option, value in (
        ("--num_processes", "16"),
        ("--num_machines", "2"),
        ("--machine_rank", "1"),
        ("--main_process_ip", "10.0.0.1"),
    ):
        assert words[words.index(option) + 1] == value


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"machines": 2}, "need address"),
        ({"machines": 2, "rank": 2, "address": "a"}, "rank 2 of 2"),
        ({"config": "nowhere.yaml"}, "have multi_gpu, fsdp2, zero3"),
    ],
)
def test_a_command_that_cannot_work_is_refused(asked, fault):
    with pytest.raises(TrainingError, match=fault):
        launch.command(Distributed(**asked), [])
