"""A run: its folder, from the recipe to the trained model, and what all of it was made of.

recipe.yaml      the recipe as it was read
run.json         recipe, data and model by hash, versions, what it cost, what was left out
metrics.jsonl    what was measured at each step
curves.svg       the same as a picture
checkpoints/     what a run that was stopped goes on from
final/           the model, in the Hugging Face layout
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import orjson

from remit.layers.training.durable import write_file, write_json
from remit.layers.training.engine import (
    Point,
    Report,
    Reward,
    Rollout,
    Trained,
    TrainingError,
    engine,
)
from remit.layers.training.plots import curves
from remit.layers.training.recipes import Recipe
from remit.layers.training.rows import Rows, read_rows
from remit.types import Json

_ENGINE_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "vllm")


@dataclass(frozen=True, slots=True)
class Several:
    """Several reports as one, told in order."""

    reports: Sequence[Report]

    def begin(self, steps: int, first: int) -> None:
        """Tells all of them."""
        for report in self.reports:
            report.begin(steps, first)

    def step(self, point: Point) -> None:
        """Tells all of them."""
        for report in self.reports:
            report.step(point)

    def rollouts(self, step: int, sampled: Sequence[Rollout]) -> None:
        """Tells all of them."""
        for report in self.reports:
            report.rollouts(step, sampled)


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe with its rows read, ready to be trained."""

    recipe: Recipe
    raw: bytes
    rows: Rows
    held: Rows | None = None

    @property
    def out(self) -> Path:
        """The run's folder."""
        return Path(self.recipe.out)

    def train(
        self,
        report: Report,
        rewards: Sequence[Reward] = (),
        *,
        resume: bool = False,
        writes: bool = True,
    ) -> Trained:
        """Trains, and keeps the run's folder. One process of several has `writes`.

        Raises TrainingError; a folder that holds another run is never written over.
        """
        if writes:  # another process of this run has begun to write when this one looks
            self._free(resume=resume)
        self.out.mkdir(parents=True, exist_ok=True)
        if writes:
            write_file(self.out / "recipe.yaml", self.raw)
            write_json(self.out / "run.json", self.to_json())
        trained = engine(self.recipe, rewards).train(
            self.recipe,
            self.rows,
            start=_start(self.recipe),
            out=self.out,
            report=report,
            held=self.held,
            resume=resume,
        )
        if writes:
            write_json(self.out / "run.json", {**self.to_json(), "outcome": outcome(trained)})
            write_file(self.out / "curves.svg", curves(trained.history).encode())
        return trained

    def to_json(self) -> Json:
        """What the run is made of, by hash; known before it begins."""
        return {
            "recipe": self.recipe.to_json(),
            "recipe_digest": self.recipe.digest,
            "engine": self.recipe.engine_name,
            "policy": _policy(self.recipe.policy),
            "data": [origin.to_json() for origin in self.rows.origins],
            "data_digest": self.rows.digest,
            "held": [origin.to_json() for origin in self.held.origins] if self.held else [],
            "start": {"model": self.recipe.model, "sha256": weights_digest(self.recipe.model)},
            "versions": versions(),
        }

    def _free(self, *, resume: bool) -> None:
        if resume:
            return
        kept = self.out / "final", self.out / "checkpoints", self.out / "metrics.jsonl"
        if any(path.exists() for path in kept):
            raise TrainingError(
                f"{self.out} holds a run already; --resume goes on with it, "
                "or name another folder with out:"
            )


def prepare(recipe: Recipe, raw: bytes) -> Run:
    """Reads the rows that a recipe names. Raises RowsError; a held-out row may not train, too."""
    rows = read_rows(recipe.data, recipe.method)
    if recipe.eval is None:
        return Run(recipe, raw, rows)
    held = read_rows(recipe.eval.data, recipe.method)
    known = {_prompt(row) for row in rows}
    common = sum(_prompt(row) in known for row in held)
    if common:
        raise TrainingError(
            f"{common:,} of {len(held):,} held-out rows have a prompt that is trained on; "
            "take those prompts out of data: or of eval: data:"
        )
    return Run(recipe, raw, rows, held)


def outcome(trained: Trained) -> Json:
    """What came of a training, without its history."""
    last = trained.history[-1].to_json() if trained.history else {}
    return {
        "steps": trained.steps,
        "tokens": trained.tokens,
        "seconds": round(trained.seconds, 3),
        "last": last,
        "notes": list(trained.notes),
        "stopped": trained.stopped,
        "model_sha256": weights_digest(str(trained.folder)),
    }


def weights_digest(model: str) -> str:
    """SHA-256 over a model folder's safetensors and configuration; empty for a name on a hub."""
    folder = Path(model)
    if not folder.is_dir():
        return ""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors" or path.name == "config.json":
            with path.open("rb") as file:
                total.update(
                    f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
                )
    return total.hexdigest()


def versions() -> dict[str, str]:
    """The versions of Python and of what trains."""
    found = {"python": platform.python_version()}
    for package in _ENGINE_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _start(recipe: Recipe) -> Path | str:
    folder = Path(recipe.model)
    return folder if folder.is_dir() else recipe.model


def _policy(path: str) -> str | None:
    if not path:
        return None
    from remit.policy import load

    return load(path).policy.digest


def _prompt(row: Json) -> bytes:
    prompt = row["prompt"] if "prompt" in row else row["messages"][:-1]
    return orjson.dumps(prompt, option=orjson.OPT_SORT_KEYS)
