"""Rows and recipes as people write them, and as they should not."""

from __future__ import annotations

import json

import pytest
import tiny

from remit.layers.training import rows as rows_module
from remit.layers.training.recipes import RecipeError, parse_recipe, read_recipe
from remit.layers.training.rows import RowsError, read_rows, rows_of, write_rows

BASE = "model: m\ndata: d.jsonl\nout: o\nlr: 1e-4\n"


@pytest.mark.parametrize("method", ["sft", "dpo", "kto", "rloo", "grpo", "reward"])
@pytest.mark.parametrize("chat", [True, False])
def test_rows_are_read_as_they_were_written_with_their_provenance(tmp_path, method, chat):
    values = tiny.rows(method, 5, chat=chat)
    written = write_rows(tmp_path / "rows.jsonl", values)
    read = read_rows([tmp_path / "rows.jsonl"], method)
    assert list(read) == values
    assert read.origins == (written,)


def test_messages_train_too(tmp_path):
    value = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert rows_of([value], "sft").rows == (value,)


@pytest.mark.parametrize(
    ("line", "method", "fault"),
    [
        (b"{", "sft", "no JSON"),
        (b"[]", "sft", "no object"),
        (b'{"prompt": "a"}', "sft", "lacks completion"),
        (b'{"prompt": 1, "completion": "b"}', "sft", "prompt is neither a text nor a list"),
        (b'{"prompt": [], "completion": "b"}', "sft", "prompt is neither a text nor a list"),
        (b'{"messages": "hello"}', "sft", "should be a list"),
        (b'{"messages": [{"role": "user", "content": "a"}]}', "sft", "do not end with the assis"),
        (b'{"prompt": [{"role": "user"}], "completion": "b"}', "sft", "without a text"),
        (b'{"prompt": [{"role": "me", "content": ""}], "completion": ""}', "sft", "role is none"),
        (b'{"prompt": "a", "completion": "b", "label": 1}', "kto", "neither true nor false"),
        (b'{"prompt": "a", "chosen": "b"}', "dpo", "lacks rejected"),
        (b'{"prompt": "a", "chosen": "b", "rejected": "c", "margin": "x"}', "dpo", "no number"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line_and_the_right_shape(
    tmp_path, line, method, fault
):
    path = tmp_path / "rows.jsonl"
    good = json.dumps(tiny.rows(method, 1)[0]).encode()
    path.write_bytes(good + b"\n\n" + line + b"\n" + good + b"\n")
    with pytest.raises(RowsError) as refused:
        read_rows([path], method)
    assert f"{path}:3: " in str(refused.value)
    assert fault in str(refused.value)
    assert f"rows for {method} are {{" in str(refused.value)


def test_many_malformed_rows_are_counted_and_some_shown(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"nonsense\n" * 50)
    with pytest.raises(RowsError, match="and 45 rows more"):
        read_rows([path], "sft")


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "LINE_BYTES", 1000)
    (tmp_path / "rows.jsonl").write_bytes(b'{"prompt": "' + b"a" * 5000)
    with pytest.raises(RowsError, match="longer than 1,000 bytes"):
        read_rows([tmp_path / "rows.jsonl"], "rloo")


def test_no_rows_and_no_file_are_refused(tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"\n")
    with pytest.raises(RowsError, match="no rows"):
        read_rows([tmp_path / "empty.jsonl"], "sft")
    with pytest.raises(RowsError, match=r"none\.jsonl"):
        read_rows([tmp_path / "none.jsonl"], "sft")


def test_the_digest_of_rows_knows_their_order_and_not_their_spelling():
    one, two = {"prompt": "a", "b": 1}, {"b": 1, "prompt": "a"}
    other = {"prompt": "c"}
    assert rows_of([one, other], "rloo").digest == rows_of([two, other], "rloo").digest
    assert rows_of([one, other], "rloo").digest != rows_of([other, one], "rloo").digest


# --- Recipes -------------------------------------------------------------------------------------


def test_a_recipe_is_five_lines_and_its_paths_are_of_its_folder(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "dpo.yaml").write_text("method: dpo\n" + BASE)
    recipe = read_recipe(tmp_path / "dpo.yaml")
    assert recipe.model == str(tmp_path / "m")
    assert recipe.data == (str(tmp_path / "d.jsonl"),)
    assert recipe.out == str(tmp_path / "o")
    assert recipe.lr == 1e-4
    assert recipe.engine_name == "plain"


def test_a_name_on_a_hub_stays_a_name(tmp_path):
    recipe = parse_recipe(BASE.replace("m\n", "owner/model\n", 1).encode(), tmp_path, method="sft")
    assert recipe.model == "owner/model"


@pytest.mark.parametrize(
    ("method", "beta"), [("dpo", 0.1), ("kto", 0.1), ("rloo", 0.05), ("grpo", 0.04), ("sft", 0)]
)
def test_no_method_with_a_reference_is_without_a_tie_to_it_unasked(tmp_path, method, beta):
    assert parse_recipe(BASE.encode(), tmp_path, method=method).kl_weight == beta


@pytest.mark.parametrize(
    ("method", "text", "fault"),
    [
        ("dpo", "learning_rate: 1", "learning_rate: no such key; have method, model, data"),
        ("dpo", "dpo: {label: 0.1}", "dpo.label: no such key; have loss, label_smoothing"),
        ("dpo", "lora: {r: 8}", "lora.r: no such key; have rank, alpha"),
        ("dpo", "dpo: {label_smoothing: 0.5}", "dpo.label_smoothing"),
        ("sft", "beta: 0.1", "beta has no meaning for sft"),
        ("sft", "kto: {desirable: 2}", "kto has no meaning for sft"),
        ("dpo", "rollouts: {group: 2}", "rollouts has no meaning for dpo"),
        ("kto", "batch: 1", "batch must be > 1"),
        ("kto", "batch: 8\naccumulate: 8", "batch must be > 1"),
        ("grpo", "batch: 6\nrollouts: {group: 4}", "make batch (6) a multiple of rollouts.group"),
        ("sft", "batch: 6\naccumulate: 4", "must be a multiple of accumulate"),
        ("sft", "engine: plain\nlora: {}", "lora is not for engine: plain; take engine: trl"),
        ("dpo", "engine: trl\ndpo: {label_smoothing: 0.1}", "take engine: plain"),
        ("sft", "epochs: .inf", "epochs"),
        ("sft", "lr: -1", "lr"),
        ("sft", "steps: 1.5", "steps"),
        ("sft", "method: dpo", "method: dpo is not sft"),
        ("sft", "x: !!python/object/apply:os.system [ls]", "no YAML"),
        ("sft", "- a", "no YAML"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_cure(tmp_path, method, text, fault):
    with pytest.raises(RecipeError) as refused:
        parse_recipe(f"{BASE}{text}\n".encode(), tmp_path, "a.yaml", method)
    assert fault in str(refused.value)
    assert "a.yaml" in str(refused.value)


def test_a_recipe_must_say_what_cannot_be_guessed(tmp_path):
    with pytest.raises(RecipeError) as refused:
        parse_recipe(b"method: sft\n", tmp_path)
    for key in ("model", "data", "out", "lr"):
        assert f"{key}: is missing" in str(refused.value)


def test_an_endless_recipe_is_not_read(tmp_path):
    with pytest.raises(RecipeError, match="a short file"):
        parse_recipe(b"#" * (1 << 21), tmp_path)


def test_lora_and_several_processes_choose_the_engine_that_has_them(tmp_path):
    for text in ("lora: {}", "distributed: {processes: 2}", "method: reward"):
        method = "" if "method" in text else "sft"
        recipe = parse_recipe(f"{BASE}{text}\n".encode(), tmp_path, method=method)
        assert recipe.engine_name == "trl"


def test_what_does_not_decide_the_outcome_does_not_change_the_digest(tmp_path):
    def digest(text=""):
        return parse_recipe(f"{BASE}{text}\n".encode(), tmp_path, method="sft").digest

    assert digest() == digest("save_every: 3\nkeep: 9\ntrackers: tensorboard\nlog_every: 5")
    assert digest() == digest("batch: 16  # the default, written out")
    assert digest() != digest("seed: 1")
