"""Trackers by name: a run is also told to TensorBoard, Weights & Biases or MLflow.

Only what is named in the recipe is used, and nothing is sent anywhere that was not named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from remit.layers.training.engine import Point, Report, Rollout, TrainingError
from remit.layers.training.extra import needs
from remit.layers.training.recipes import Recipe


class _Tracker:
    """A report that passes each number on as `split/metric` at its step."""

    def begin(self, steps: int, first: int) -> None:
        """Nothing to tell yet."""

    def step(self, point: Point) -> None:
        """Passes the numbers on."""
        self._log({f"{point.split}/{name}": v for name, v in point.metrics.items()}, point.step)

    def rollouts(self, step: int, sampled: Sequence[Rollout]) -> None:
        """Texts of people stay here; only numbers are passed on."""

    def _log(self, values: Mapping[str, float], step: int) -> None:
        raise NotImplementedError


class TensorBoard(_Tracker):
    """Event files in the run's `tensorboard/`; read them with `tensorboard --logdir`."""

    def __init__(self, recipe: Recipe) -> None:
        needs("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(Path(recipe.out, "tensorboard")))

    def _log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()


class Wandb(_Tracker):
    """A run of Weights & Biases in the project `remit`, with the recipe as its configuration."""

    def __init__(self, recipe: Recipe) -> None:
        needs("wandb")
        wandb = import_module("wandb")
        name = Path(recipe.out).name
        self._run = wandb.init(project="remit", name=name, config=recipe.to_json(), dir=recipe.out)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)


class Mlflow(_Tracker):
    """A run of MLflow at the place that its own environment names."""

    def __init__(self, recipe: Recipe) -> None:
        needs("mlflow")
        mlflow = import_module("mlflow")
        self._client: Any = mlflow
        mlflow.start_run(run_name=Path(recipe.out).name)
        mlflow.log_params({k: str(v)[:500] for k, v in recipe.to_json().items()})

    def _log(self, values: Mapping[str, float], step: int) -> None:
        self._client.log_metrics(dict(values), step=step)


TRACKERS: Mapping[str, Callable[[Recipe], Report]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": Mlflow,
}


def trackers(recipe: Recipe) -> list[Report]:
    """The recipe's trackers, begun. Raises TrainingError or MissingExtraError."""
    for name in recipe.trackers:
        if name not in TRACKERS:
            raise TrainingError(f"trackers: {name}: have {', '.join(TRACKERS)}")
    return [TRACKERS[name](recipe) for name in recipe.trackers]
