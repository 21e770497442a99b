"""Rows in the formats of other trainers, for PPO or for models that need a cluster of their own.

    openrlhf   JSON Lines; messages under `prompt`, `completion`, `chosen`, `rejected`; read with
               --apply_chat_template and --prompt_key/--input_key prompt (openrlhf/datasets)
    nemo-rl    JSON Lines; preferences as `context` and ranked `completions` (PreferenceDataset),
               else `messages` (OpenAIFormatDataset), else `input` and `output` (ResponseDataset)
    verl       Parquet; `data_source`, `prompt`, `ability`, `reward_model`, `extra_info`
               (RLHFDataset), or `messages` (MultiTurnSFTDataset)

All three speak in messages, so a text prompt becomes the user's message. Where a trainer has no
place for a kind of rows, they are refused rather than bent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from remit.layers.training.engine import TrainingError
from remit.layers.training.extra import needs
from remit.layers.training.rows import Origin, Rows, write_rows
from remit.types import Json

Kind = Literal["preference", "imitation", "unpaired", "prompts"]
_SOURCE = "remit"


def kind_of(row: Json) -> Kind:
    """What rows of this shape are for."""
    if "chosen" in row:
        return "preference"
    if "label" in row:
        return "unpaired"
    return "imitation" if "completion" in row or "messages" in row else "prompts"


def method_of(row: Json) -> str:
    """A method whose rows have this shape: by it they are checked."""
    return {"preference": "dpo", "unpaired": "kto", "imitation": "sft", "prompts": "rloo"}[
        kind_of(row)
    ]


def export(rows: Rows, target: str, out: Path) -> Origin:
    """Writes all rows for a trainer. Raises TrainingError for rows that it has no place for."""
    if target not in TARGETS:
        raise TrainingError(f"--to {target}: have {', '.join(TARGETS)}")
    kinds = {kind_of(row) for row in rows}
    if len(kinds) != 1:
        raise TrainingError(
            f"the rows are of several kinds ({', '.join(sorted(kinds))}); part them"
        )
    (kind,) = kinds
    shape = TARGETS[target].get(kind)
    if shape is None:
        raise TrainingError(
            f"{target} has no place for {kind} rows; it takes {', '.join(TARGETS[target])}. "
            f"Train them with remit train {method_of(rows.rows[0])}"
        )
    shaped = (shape(row, number) for number, row in enumerate(rows))
    if target == "verl":
        return _write_parquet(out, list(shaped))
    return write_rows(out, shaped)


def _asked(row: Json) -> list[Json]:
    """The prompt as messages."""
    if "messages" in row and "prompt" not in row:
        return list(row["messages"][:-1])
    return _turns(row["prompt"], "user")


def _answered(row: Json, name: str = "completion") -> list[Json]:
    if "messages" in row and "completion" not in row and name == "completion":
        return [row["messages"][-1]]
    return _turns(row[name], "assistant")


def _turns(value: Any, role: str) -> list[Json]:
    return [{"role": role, "content": value}] if isinstance(value, str) else list(value)


def _rest(row: Json) -> Json:
    used = ("prompt", "completion", "messages", "chosen", "rejected", "label", "margin")
    return {name: value for name, value in row.items() if name not in used}


# --- OpenRLHF ------------------------------------------------------------------------------------


def _openrlhf_preference(row: Json, _: int) -> Json:
    margin = {"margin": row["margin"]} if row.get("margin") is not None else {}
    sides = {name: _answered(row, name) for name in ("chosen", "rejected")}
    return {"prompt": _asked(row), **sides, **margin, **_rest(row)}


def _openrlhf_imitation(row: Json, _: int) -> Json:
    return {"prompt": _asked(row), "completion": _answered(row), **_rest(row)}


def _openrlhf_prompts(row: Json, _: int) -> Json:
    return {"prompt": _asked(row), "datasource": _SOURCE, "label": _told(row), **_rest(row)}


# --- NeMo-RL -------------------------------------------------------------------------------------


def _nemo_preference(row: Json, _: int) -> Json:
    ranked = [
        {"rank": rank, "completion": _answered(row, name)}
        for rank, name in enumerate(("chosen", "rejected"))
    ]
    return {"context": _asked(row), "completions": ranked, **_rest(row)}


def _nemo_imitation(row: Json, _: int) -> Json:
    return {"messages": [*_asked(row), *_answered(row)], **_rest(row)}


def _nemo_prompts(row: Json, _: int) -> Json:
    *before, last = _asked(row)
    if before:
        raise TrainingError(
            "nemo-rl's ResponseDataset takes one user's message as input; this prompt has several"
        )
    return {"input": last["content"], "output": _told(row), **_rest(row)}


# --- verl ----------------------------------------------------------------------------------------


def _verl_imitation(row: Json, number: int) -> Json:
    return {"messages": _bare([*_asked(row), *_answered(row)]), "extra_info": _extra(row, number)}


def _verl_prompts(row: Json, number: int) -> Json:
    return {
        "data_source": _SOURCE,
        "prompt": _bare(_asked(row)),
        "ability": "alignment",
        "reward_model": {"style": "rule", "ground_truth": _told(row)},
        "extra_info": _extra(row, number),
    }


def _bare(messages: Sequence[Json]) -> list[Json]:
    # A Parquet column has one type: messages with keys of their own would not fit the next row's.
    return [{"role": m["role"], "content": m["content"]} for m in messages]


def _extra(row: Json, number: int) -> Json:
    return {"index": number, "split": "train", "columns": _told(row)}


def _told(row: Json) -> str:
    """What a reward may need of a row beyond its prompt, as JSON."""
    return orjson.dumps(_rest(row), option=orjson.OPT_SORT_KEYS).decode()


def _write_parquet(out: Path, rows: list[Json]) -> Origin:
    needs("pyarrow")
    import hashlib

    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), out)
    return Origin(out.name, hashlib.sha256(out.read_bytes()).hexdigest(), len(rows))


Shape = Callable[[Json, int], Json]
TARGETS: Mapping[str, Mapping[str, Shape]] = {
    "openrlhf": {
        "preference": _openrlhf_preference,
        "imitation": _openrlhf_imitation,
        "prompts": _openrlhf_prompts,
    },
    "verl": {"imitation": _verl_imitation, "prompts": _verl_prompts},
    "nemo-rl": {
        "preference": _nemo_preference,
        "imitation": _nemo_imitation,
        "prompts": _nemo_prompts,
    },
}


def first_row(path: Path) -> Json:
    """The first row of a file, by which its kind is known. Raises TrainingError."""
    for row in _some(path):
        return row
    raise TrainingError(f"{path}: no rows; nothing can be exported from nothing")


def _some(path: Path) -> Iterator[Json]:
    with path.open("rb") as file:
        while line := file.readline(1 << 24):
            if line.strip():
                try:
                    value = orjson.loads(line)
                except ValueError as error:
                    raise TrainingError(f"{path}: no JSON Lines: {error}") from None
                if not isinstance(value, dict):
                    raise TrainingError(f"{path}: a line is no object")
                yield value
