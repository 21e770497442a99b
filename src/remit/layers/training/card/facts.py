"""What a card says, gathered from a run's files. Every file that is read is named with its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

import remit
from remit.layers.training.engine import TrainingError
from remit.layers.training.runs import weights_digest
from remit.types import Json

FORMAT = 1
_MOST_BYTES = 64 << 20
_RUN_FILES = ("run.json", "constitution.json")


def card(
    run: Path | str,
    *,
    gate: Path | str | None = None,
    agreement: Path | str | None = None,
    alarm: Path | str | None = None,
) -> Json:
    """The facts of a run's folder, with a gate's result, reviewers' agreement and an alarm.

    Raises TrainingError where the folder holds no run, or a file cannot be read.
    """
    folder = Path(run)
    name = next((name for name in _RUN_FILES if (folder / name).is_file()), None)
    if name is None:
        raise TrainingError(f"{folder}: no run there ({' or '.join(_RUN_FILES)}); train one")
    made = _read(folder / name)
    sources = {name: folder / name, "gate": gate, "agreement": agreement, "alarm": alarm}
    given = {key: Path(path) for key, path in sources.items() if path is not None}
    judged, agreed = _optional(gate), _optional(agreement)
    sounded = _optional(alarm) or (made.get("outcome") or {}).get("alarm")
    return {
        "format": FORMAT,
        "remit": remit.__version__,
        "kind": _kind(name, made),
        "model": _model(folder, made),
        "start": _start(made),
        "policy": made.get("policy"),
        "recipe": made.get("recipe", {}),
        "recipe_digest": made.get("recipe_digest", ""),
        **{key: made.get(key, []) for key in ("data", "held", "measured")},
        "data_digest": made.get("data_digest", ""),
        "taught_by": _teachers(made),
        "versions": made.get("versions", {}),
        "stages": {key: made[key] for key in ("revised", "compared", "sft", "dpo") if key in made},
        "outcome": made.get("outcome", {}),
        "gate": judged,
        "agreement": agreed,
        "alarm": sounded,
        "failures": _failures(made, judged, agreed, sounded),
        "sources": {key: _digest(path) for key, path in given.items()},
    }


def _kind(name: str, made: Json) -> str:
    if name == "constitution.json":
        return "constitution"
    return str((made.get("recipe") or {}).get("method", "reward"))


def _model(folder: Path, made: Json) -> Json:
    for stage in ("dpo", "rloo", "grpo", "sft"):
        if isinstance(made.get(stage), dict) and "sha256" in made[stage]:
            return {"folder": made[stage]["folder"], "sha256": made[stage]["sha256"]}
    return {"folder": str(folder / "final"), "sha256": weights_digest(str(folder / "final"))}


def _start(made: Json) -> Json:
    told = made.get("start") or made.get("model") or {}
    return {"name": told.get("model") or told.get("name") or "", "sha256": told.get("sha256", "")}


def _teachers(made: Json) -> list[str]:
    """Who or what said which replies are good: people, detectors, a model."""
    taught = []
    if "critic" in made:
        taught.append(f"critic: {made['critic']['kind']} ({made['critic']['name']})")
        taught.append(f"reviser: {made['reviser']}")
    rollouts = (made.get("recipe") or {}).get("rollouts") or {}
    taught += [f"reward: {next(iter(one))}" for one in rollouts.get("rewards", ())]
    taught += [f"data: {origin['name']}, {origin['rows']} rows" for origin in made.get("data", [])]
    return taught


def _failures(made: Json, gate: Any, agreement: Any, alarm: Any) -> list[str]:
    """What did not go well, in words. An empty list: nothing is known of, not: all is well."""
    found = []
    outcome = made.get("outcome") or {}
    if alarm:
        found.append(f"alarm: {alarm['words']}")
    elif outcome.get("stopped"):
        found.append(f"stopped early: {outcome['stopped']}")
    found += [str(note) for note in [*outcome.get("notes", []), *made.get("notes", [])]]
    if gate is None:
        found.append("no gate was run: what the model does now was not compared with before")
    else:
        found += [
            f"{line['measure']}: {line['words']}"
            for line in gate["lines"]
            if line["decision"] != "pass"
        ]
        found += [f"{name}: nobody measured it" for name in gate.get("unmeasured", [])]
    if agreement is None:
        found.append("no agreement of reviewers is on record")
    return found


def _optional(path: Path | str | None) -> Any:
    return None if path is None else _read(Path(path))


def _read(path: Path) -> Json:
    try:
        with path.open("rb") as file:
            value: Any = orjson.loads(file.read(_MOST_BYTES))
    except (OSError, orjson.JSONDecodeError) as error:
        raise TrainingError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise TrainingError(f"{path}: holds no JSON object")
    found: Json = value
    return found


def _digest(path: Path) -> Mapping[str, str]:
    with path.open("rb") as file:
        return {"name": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
