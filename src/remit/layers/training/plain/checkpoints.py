"""Checkpoints of the plain engine: weights and moments as safetensors, counts as JSON.

Nothing that could run code when it is read. There is no random state in them, because there is none
to keep: order, dropout and sampling are functions of the seed and the step.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from remit.layers.training.durable import write_folder
from remit.layers.training.engine import TrainingError

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: steps made, tokens read, seconds spent, and of which recipe."""

    step: int
    tokens: int
    seconds: float
    recipe: str


def write(folder: Path, progress: Progress, model: Any, optimizer: Any, keep: int) -> None:
    """Writes a checkpoint and removes all but the newest `keep`."""

    def fill(aside: Path) -> None:
        save_file(_weights(model), aside / "weights.safetensors")
        save_file(_moments(model, optimizer), aside / "optimizer.safetensors")
        (aside / "progress.json").write_bytes(orjson.dumps(asdict(progress)))

    write_folder(folder / f"step-{progress.step:09d}", fill)
    for old in steps(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def steps(folder: Path) -> list[Path]:
    """The finished checkpoints, oldest first."""
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def last(folder: Path, recipe: str) -> Progress | None:
    """How far the newest checkpoint is. Raises TrainingError where it is of another recipe."""
    found = steps(folder)
    if not found:
        return None
    try:
        progress = Progress(**orjson.loads((found[-1] / "progress.json").read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{found[-1]}: {error}; delete it to go on from the one before"
        ) from error
    if progress.recipe != recipe:
        raise TrainingError(
            f"{folder} holds checkpoints of another recipe or other data; "
            "name a new folder with out:, or train without --resume"
        )
    return progress


def read(folder: Path, progress: Progress, model: Any, optimizer: Any) -> None:
    """Brings model and optimizer to where the checkpoint was. Raises TrainingError."""
    place = folder / f"step-{progress.step:09d}"
    try:
        weights = load_file(place / "weights.safetensors")
        moments = load_file(place / "optimizer.safetensors")
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(weights[name])
        state = {}
        for name, value in model.named_parameters():
            if f"{name}/step" in moments:
                kept = ("step", *_MOMENTS)
                state[value] = {key: moments[f"{name}/{key}"].to(value.device) for key in kept}
        optimizer.state.update(state)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{place}: {error}; delete it to go on from the one before") from error


def _weights(model: Any) -> dict[str, Tensor]:
    return {name: value.detach().contiguous() for name, value in model.named_parameters()}


def _moments(model: Any, optimizer: Any) -> dict[str, Tensor]:
    moments: dict[str, Tensor] = {}
    for name, value in model.named_parameters():
        state = optimizer.state.get(value)
        if state:
            moments[f"{name}/step"] = torch.as_tensor(state["step"], dtype=torch.float32).clone()
            for key in _MOMENTS:
                moments[f"{name}/{key}"] = state[key].contiguous()
    return moments
