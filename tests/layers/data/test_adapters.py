"""The rules in other people's pipelines give what `RuleStep` and `apply` give."""

from __future__ import annotations

import json
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from remit.layers.data.adapters import ForDatasets, Rules, datatrove_step
from remit.layers.data.texts import UnreadableError

REMIT = """\
remit: 1
organisation: H
assistant: {name: Ada, role: answers}
responsible: {owner: P}
rules:
  - {id: law, says: s, because: b, owner: o, detect: [{phrases: [void]}], then: {data: drop}}
  - {id: mail, says: s, because: b, owner: o, detect: [{identifier: [email]}], then: {data: redact}}
  - {id: tone, says: s, because: b, owner: o, detect: [{phrases: [whatever]}], then: {data: tag}}
  - {id: idea, says: s, because: b, owner: o, detect: [{phrases: [no idea]}],
     then: {data: counter}, answer: I will ask.}
"""
TEXTS = ["Good morning.", "It is void.", "Write to anna@example.com", "Oh whatever"]
LEFT = ["Good morning.", "Write to [email]", "Oh whatever"]


@pytest.fixture
def remit(tmp_path: Path) -> Path:
    path = tmp_path / "remit.yaml"
    path.write_text(REMIT, encoding="utf-8")
    return path


def test_a_mapping_drops_changes_and_keeps_one_schema(remit: Path) -> None:
    mapping = ForDatasets(remit, ["text", "n"])
    out = mapping({"text": TEXTS, "n": [0, 1, 2, 3]})
    assert out == {
        "text": LEFT,
        "n": [0, 2, 3],
        "remit": [[], [], ["tone"]],
        "mask_spans": [[], [], []],
        "remit_counter": ["", "", ""],
    }
    assert mapping({"text": [], "n": []})["text"] == []


def test_a_mapping_adds_counter_examples(remit: Path) -> None:
    out = ForDatasets(remit, ["prompt", "completion"])(
        {"prompt": ["q"], "completion": ["I have no idea"]}
    )
    assert out["completion"] == ["I have no idea", "I will ask."]
    assert out["remit_counter"] == ["", "idea"]


def test_a_mapping_travels_to_other_processes_without_its_compiled_patterns(remit: Path) -> None:
    mapping = ForDatasets(remit, ["text"])
    before = mapping({"text": TEXTS})
    copy = pickle.loads(pickle.dumps(mapping))
    assert "step" not in vars(copy.rules)
    assert copy({"text": TEXTS}) == before


def test_a_row_that_cannot_be_read_is_not_let_through(remit: Path) -> None:
    with pytest.raises(UnreadableError, match="no column with text"):
        ForDatasets(remit, ["said"])({"said": ["void"]})
    out = ForDatasets(remit, ["said"], roles={"said": "document"})({"said": ["void", "fine"]})
    assert out["said"] == ["fine"]


def test_rules_that_may_not_drop_tag(remit: Path) -> None:
    mapping = ForDatasets(remit, ["text"])
    mapping.rules = Rules(remit, tagging={"law": "tagged, not dropped: no labels"})
    assert mapping({"text": ["void"]})["remit"] == [["law"]]


def test_the_step_says_what_is_missing(remit: Path) -> None:
    if find_spec("datatrove") is not None:
        pytest.skip("datatrove is installed")
    with pytest.raises(ImportError, match="pip install datatrove"):
        datatrove_step(remit)


def test_a_datatrove_pipeline_keeps_to_the_remit(remit: Path, tmp_path: Path) -> None:
    pytest.importorskip("datatrove", reason="datatrove is not installed")
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    given = tmp_path / "in"
    given.mkdir()
    for shard in range(2):
        lines = (json.dumps({"text": t, "id": f"{shard}-{n}"}) for n, t in enumerate(TEXTS))
        (given / f"{shard}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    executor = LocalPipelineExecutor(
        pipeline=[
            JsonlReader(str(given)),
            datatrove_step(remit),
            JsonlWriter(str(tmp_path / "out"), compression=None),
        ],
        tasks=2,
        workers=1,
        logging_dir=str(tmp_path / "logs"),
    )
    executor.run()
    for file in sorted((tmp_path / "out").glob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert [row["text"] for row in rows] == LEFT
        assert rows[2]["metadata"]["remit"] == ["tone"]
    assert len(list((tmp_path / "out").glob("*.jsonl"))) == 2


def test_a_data_set_is_mapped_and_its_output_loads(remit: Path, tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets", reason="datasets is not installed")
    made = datasets.Dataset.from_dict({"text": TEXTS * 5, "n": list(range(20))})
    mapping = ForDatasets(remit, made.column_names)
    done = made.map(mapping, batched=True, batch_size=7, remove_columns=made.column_names)
    assert done["text"][:] == LEFT * 5
    done.to_json(tmp_path / "out.jsonl")
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "out.jsonl"), split="train", cache_dir=str(tmp_path / "c")
    )
    assert loaded["text"][:] == LEFT * 5
    assert loaded["remit"][2] == ["tone"]
