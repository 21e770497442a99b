"""`remit train` as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "training"))

import tiny

RECIPE = """\
model: start
data: rows.jsonl
out: run
lr: 0.001
steps: 3
batch: 4
max_length: 96
threads: 1
"""


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("torch")
    tiny.model(tmp_path / "start")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    lines = [json.dumps(row) for row in tiny.pairs(8, chat=True)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_a_recipe_is_trained_and_not_trained_over(run, folder):
    recipe = str(folder / "recipe.yaml")
    done = run("train", "dpo", recipe)
    assert done.returncode == 0, done.stderr
    assert b"trained 3 steps" in done.stdout
    assert (folder / "run" / "final" / "model.safetensors").is_file()
    assert (folder / "run" / "curves.svg").is_file()
    again = run("train", "dpo", recipe)
    assert again.returncode == 3
    assert b"holds a run already; --resume goes on with it" in again.stderr
    resumed = run("train", "dpo", recipe, "--resume", "--json")
    told = json.loads(resumed.stdout)
    assert told["steps"] == 3
    assert told["folder"] == str(folder / "run" / "final")


def test_a_dry_run_says_what_would_be_done_and_by_which_command(run, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(tiny.pairs(1)[0]))
    many = "distributed: {config: fsdp2, processes: 8, machines: 2, address: 10.0.0.1}\n"
    (tmp_path / "recipe.yaml").write_text(RECIPE + many)
    done = run("train", "dpo", str(tmp_path / "recipe.yaml"), "--dry-run")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert "engine           trl" in shown
    assert "accelerate.commands.launch --config_file" in shown
    assert "--num_processes 8 --num_machines 2 --machine_rank 0" in shown
    assert not (tmp_path / "run").exists()
    told = json.loads(
        run("train", "dpo", str(tmp_path / "recipe.yaml"), "--dry-run", "--json").stdout
    )
    assert told["recipe"]["beta"] == 0.1
    assert told["launch"][-4:] == ["train", "dpo", str(tmp_path / "recipe.yaml"), "--json"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("learning_rate: 1\n", b"learning_rate: no such key"),
        ("data: none.jsonl\n", b"none.jsonl: No such file"),
        ("rollouts: {group: 4}\n", b"rollouts has no meaning for dpo"),
    ],
)
def test_what_cannot_be_trained_ends_with_3_and_without_a_traceback(run, tmp_path, change, told):
    key = change.split(":")[0]
    kept = [line for line in RECIPE.splitlines(keepends=True) if not line.startswith(key + ":")]
    (tmp_path / "recipe.yaml").write_text("".join(kept) + change)
    (tmp_path / "rows.jsonl").write_text(json.dumps(tiny.pairs(1)[0]))
    done = run("train", "dpo", str(tmp_path / "recipe.yaml"))
    assert done.returncode == 3
    assert told in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_missing_recipe_and_a_malformed_row_are_named(run, tmp_path):
    done = run("train", "sft", str(tmp_path / "none.yaml"))
    assert done.returncode == 3
    assert b"none.yaml" in done.stderr
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n')
    done = run("train", "sft", str(tmp_path / "recipe.yaml"))
    assert done.returncode == 3
    assert b"rows.jsonl:1: lacks completion" in done.stderr


def test_an_unknown_reward_is_refused_with_those_that_are_known(run, tmp_path):
    online = RECIPE + "rollouts: {rewards: [{luck: 7}]}\n"
    (tmp_path / "recipe.yaml").write_text(online)
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n')
    done = run("train", "rloo", str(tmp_path / "recipe.yaml"))
    assert done.returncode == 3
    assert b"luck: have brevity" in done.stderr


def test_rows_are_exported_and_a_file_is_kept(run, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text("\n".join(json.dumps(row) for row in tiny.pairs(3)))
    done = run("train", "export", "--to", "nemo-rl", str(rows), str(out))
    assert done.returncode == 0, done.stderr
    assert len(out.read_text().splitlines()) == 3
    again = run("train", "export", "--to", "openrlhf", str(rows), str(out))
    assert again.returncode == 3
    assert b"--force" in again.stderr
    assert (
        run("train", "export", "--to", "openrlhf", str(rows), str(out), "--force").returncode == 0
    )
    refused = run("train", "export", "--to", "verl", str(rows), str(out), "--force")
    assert refused.returncode == 3
    assert b"remit train dpo" in refused.stderr


BLOCKED = """\
import sys
for name in ("torch", "transformers", "trl"):
    sys.modules[name] = None
from remit.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_torch_there_is_help_and_the_cure_is_told(tmp_path):
    def run(*words):
        command = [sys.executable, "-c", BLOCKED, "train", *words]
        return subprocess.run(command, capture_output=True, timeout=60, check=False)

    shown = run("--help")
    assert shown.returncode == 0, shown.stderr
    for method in (b"sft", b"dpo", b"kto", b"rloo", b"grpo", b"export"):
        assert method in shown.stdout
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "rows.jsonl").write_text(json.dumps(tiny.pairs(1)[0]))
    refused = run("dpo", str(tmp_path / "recipe.yaml"))
    assert refused.returncode == 3
    assert b"pip install 'remit[train]'" in refused.stderr
    assert b"Traceback" not in refused.stderr
