"""A folder of checkpoints: `ladder.json` says which weights a model has under which layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from remit.verify.ladder.steps import Layers

_MOST_BYTES = 1 << 20
_KEYS = ("none", "data", "training", "data+training")
_CURE = "write it as python -m recipes.house does"


class CheckpointsError(ValueError):
    """A folder of checkpoints that cannot be climbed; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Folders of weights by what made them, the cases, and the auditor's expressions."""

    folders: Mapping[str, Path]
    exam: Path
    auditor: Path

    def of(self, layers: Layers) -> Path:
        """The weights that a model has under these layers."""
        made = [layer for layer in ("data", "training") if layer in layers]
        return self.folders["+".join(made) or "none"]


def read_checkpoints(folder: Path) -> Checkpoints:
    """The folder's `ladder.json`. Raises CheckpointsError."""
    path = folder / "ladder.json"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CheckpointsError(f"{path} is larger than {_MOST_BYTES:,} bytes; {_CURE}")
        value: Any = orjson.loads(path.read_bytes())
        named = value["checkpoints"]
        folders = {key: _inside(folder, named[key], path) for key in _KEYS}
        exam = _inside(folder, value.get("exam", "exam.jsonl"), path)
        auditor = _inside(folder, value.get("auditor", "auditor.yaml"), path)
    except OSError as error:
        raise CheckpointsError(f"{path} cannot be read ({error.strerror}); {_CURE}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointsError(f"{path} names no checkpoints ({error}); {_CURE}") from None
    for place in (*folders.values(), exam, auditor):
        if not place.exists():
            raise CheckpointsError(f"{path} names {place}, which is not there; {_CURE}")
    return Checkpoints(folders, exam, auditor)


def _inside(folder: Path, name: object, path: Path) -> Path:
    place = (folder / str(name)).resolve()
    if not isinstance(name, str) or not place.is_relative_to(folder.resolve()):
        raise CheckpointsError(f"{path} names {name!r}, which is no place inside its folder")
    return place
