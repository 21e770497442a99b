"""What a TRL run leaves: checkpoints that are known to be whole, and the final model.

The trainer writes a checkpoint file by file. A kill in the middle leaves a folder that looks like
one; so a marker is written last, and only marked folders are gone on from.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from transformers import TrainerCallback

from remit.layers.training.durable import write_folder, write_json
from remit.layers.training.engine import TrainingError
from remit.layers.training.recipes import Recipe

_MARKER = "remit.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole checkpoint."""

    folder: Path
    step: int


@dataclass(frozen=True, slots=True)
class Made:
    """A trainer, what it is to save, and what became of rows before it saw them."""

    trainer: Any
    tokenizer: Any
    notes: tuple[str, ...]


class Keeping(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Marks each checkpoint when all of it is written, and keeps the newest `keep`."""

    def __init__(self, identity: str, keep: int) -> None:
        self._identity, self._keep = identity, keep

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The trainer has written everything."""
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
        step = int(state.global_step)
        write_json(folder / _MARKER, {"identity": self._identity, "step": step})
        for old in _whole(Path(args.output_dir))[: -self._keep]:
            shutil.rmtree(old.folder, ignore_errors=True)


def last(folder: Path, identity: str) -> Kept | None:
    """The newest whole checkpoint. Raises TrainingError where it is of another recipe."""
    found = _whole(folder)
    if not found:
        return None
    told = orjson.loads((found[-1].folder / _MARKER).read_bytes())
    if told.get("identity") != identity:
        raise TrainingError(
            f"{folder} holds checkpoints of another recipe or other data; "
            "name a new folder with out:, or train without --resume"
        )
    return found[-1]


def _whole(folder: Path) -> list[Kept]:
    found = []
    for marker in folder.glob(f"checkpoint-*/{_MARKER}"):
        number = marker.parent.name.removeprefix("checkpoint-")
        if number.isdecimal():
            found.append(Kept(marker.parent, int(number)))
    return sorted(found, key=lambda kept: kept.step)


def save(made: Made, recipe: Recipe, out: Path) -> Path:
    """Writes the final model, and the adapter beside it where one was trained."""
    trainer, final = made.trainer, out / "final"
    if recipe.lora is None:
        # Every process takes part: a sharded model is gathered while it is saved.
        trainer.save_model(str(out / "checkpoints" / "gathered"))
        if trainer.is_world_process_zero():
            shutil.rmtree(final, ignore_errors=True)
            (out / "checkpoints" / "gathered").replace(final)
            _bare(made, final)
        return final
    if not trainer.is_world_process_zero():
        return final
    model = trainer.accelerator.unwrap_model(trainer.model)
    if recipe.lora.quantise:
        write_folder(final, lambda aside: _written(model, made, aside))
        return final
    write_folder(out / "adapter", lambda aside: _written(model, made, aside))
    merged = model.merge_and_unload()
    write_folder(final, lambda aside: _written(merged, made, aside))
    return final


def _written(model: Any, made: Made, folder: Path) -> None:
    model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)


def _bare(made: Made, final: Path) -> None:
    made.tokenizer.save_pretrained(final)
    (final / "training_args.bin").unlink(missing_ok=True)  # a pickle that nobody needs
