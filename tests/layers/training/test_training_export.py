"""Exports read back as the other trainers read them, by their documented keys."""

from __future__ import annotations

import json

import pytest
import tiny

from remit.layers.training.engine import TrainingError
from remit.layers.training.export import TARGETS, export
from remit.layers.training.rows import rows_of


def exported(values, method, target, path):
    export(rows_of(values, method), target, path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def messages(value, role):
    return [{"role": role, "content": value}] if isinstance(value, str) else value


@pytest.mark.parametrize("chat", [True, False])
def test_openrlhf_reads_pairs_by_prompt_and_two_answers_of_messages(tmp_path, chat):
    values = tiny.rows("dpo", 4, chat=chat)
    values[0]["margin"] = 0.5
    for row, out in zip(
        values, exported(values, "dpo", "openrlhf", tmp_path / "o.jsonl"), strict=True
    ):
        # reward_dataset.py renders data[prompt_key] + data[chosen_key] with the chat template
        conversation = out["prompt"] + out["chosen"]
        assert conversation == [
            *messages(row["prompt"], "user"),
            *messages(row["chosen"], "assistant"),
        ]
        assert out["rejected"] == messages(row["rejected"], "assistant")
        assert out.get("margin") == row.get("margin")
        assert out["meta"] == row["meta"]


def test_openrlhf_reads_answers_and_prompts(tmp_path):
    values = tiny.rows("sft", 3)
    for row, out in zip(
        values, exported(values, "sft", "openrlhf", tmp_path / "s.jsonl"), strict=True
    ):
        assert out["prompt"] + out["completion"] == [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["completion"]},
        ]
    values = tiny.rows("rloo", 3)
    for row, out in zip(
        values, exported(values, "rloo", "openrlhf", tmp_path / "p.jsonl"), strict=True
    ):
        assert json.loads(out["label"]) == {"wanted": row["wanted"]}
        assert out["datasource"] == "remit"


def test_nemo_rl_reads_pairs_as_ranked_completions(tmp_path):
    values = tiny.rows("dpo", 4, chat=True)
    for row, out in zip(
        values, exported(values, "dpo", "nemo-rl", tmp_path / "n.jsonl"), strict=True
    ):
        assert out["context"] == row["prompt"]
        ranked = sorted(out["completions"], key=lambda c: c["rank"])
        assert [c["rank"] for c in ranked] == [0, 1]
        assert [c["completion"] for c in ranked] == [row["chosen"], row["rejected"]]


def test_nemo_rl_reads_answers_as_messages_and_prompts_as_input_and_output(tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert exported([{"messages": turns}], "sft", "nemo-rl", tmp_path / "m.jsonl") == [
        {"messages": turns}
    ]
    (out,) = exported([{"prompt": "a", "wanted": "b"}], "rloo", "nemo-rl", tmp_path / "p.jsonl")
    assert out["input"] == "a"
    assert json.loads(out["output"]) == {"wanted": "b"}


def test_verl_reads_prompts_and_answers_from_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    values = tiny.rows("grpo", 3, chat=True)
    values[1]["other"] = [1, {"x": None}]
    export(rows_of(values, "grpo"), "verl", tmp_path / "p.parquet")
    read = parquet.read_table(tmp_path / "p.parquet").to_pylist()
    for number, (row, out) in enumerate(zip(values, read, strict=True)):
        assert out["prompt"] == row["prompt"]
        assert out["data_source"] == "remit"
        assert out["reward_model"]["style"] == "rule"
        assert out["extra_info"]["index"] == number
        rest = {name: value for name, value in row.items() if name != "prompt"}
        assert json.loads(out["reward_model"]["ground_truth"]) == rest
    export(rows_of(tiny.rows("sft", 2), "sft"), "verl", tmp_path / "s.parquet")
    assert [
        m["role"] for m in parquet.read_table(tmp_path / "s.parquet")["messages"][0].as_py()
    ] == [
        "user",
        "assistant",
    ]


@pytest.mark.parametrize(
    ("target", "method"),
    [("verl", "dpo"), ("verl", "kto"), ("nemo-rl", "kto"), ("openrlhf", "kto")],
)
def test_what_a_trainer_has_no_place_for_is_refused_with_another_way(tmp_path, target, method):
    with pytest.raises(TrainingError, match=f"remit train {method}"):
        export(rows_of(tiny.rows(method, 2), method), target, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_prompt_that_does_not_fit_is_refused_rather_than_bent(tmp_path):
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]
    with pytest.raises(TrainingError, match="one user's message"):
        export(rows_of([{"prompt": turns}], "rloo"), "nemo-rl", tmp_path / "x.jsonl")


def test_an_unknown_trainer_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(TrainingError, match=", ".join(TARGETS)):
        export(rows_of(tiny.rows("sft", 1), "sft"), "other", tmp_path / "x")
