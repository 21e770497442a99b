"""What TRL logs, told to a report in the names that both engines share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from remit.layers.training.durable import Journal
from remit.layers.training.engine import Point, Report, Rollout, StopTraining

_NAMES = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "lr",
    "rewards/accuracies": "accuracy",
    "accuracy": "accuracy",
    "rewards/margins": "margin",
    "margin": "margin",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "logps/chosen": "logp_chosen",
    "logps/rejected": "logp_rejected",
    "kl": "kl",
    "reward": "reward",
    "entropy": "entropy",
    "completions/mean_length": "length",
    "num_tokens": "tokens",
}


class Telling(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Passes logs on to a report and a journal, and ends the training where the report says so."""

    def __init__(self, report: Report, journal: Path, first: int) -> None:
        self.stopped = ""
        self.tokens = 0
        self._report = report
        self._path, self._first = journal, first
        self._journal: Journal | None = None

    @property
    def points(self) -> Sequence[Point]:
        """All points so far, those before a resume included."""
        return self._journal.points if self._journal else ()

    def close(self) -> None:
        """No more will come."""
        if self._journal:
            self._journal.close()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The journal is opened by one process of several."""
        if state.is_world_process_zero:
            self._journal = Journal(self._path, self._first)
            self._report.begin(state.max_steps, self._first + 1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Renames and passes on what was logged."""
        if self._journal is None or not logs:
            return
        held = any(name.startswith("eval_") for name in logs)
        metrics = named(logs)
        if not metrics or "train_runtime" in logs:
            return
        self.tokens = int(metrics.get("tokens", self.tokens))
        point = Point(int(state.global_step), metrics, "held" if held else "train")
        self._journal.add(point)
        self._guarded(lambda: self._report.step(point))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ends the training, with a checkpoint, where a report asked for it."""
        if self.stopped:
            control.should_training_stop = True
            control.should_save = True

    def sampled(self, step: int, rollouts: Sequence[Rollout]) -> None:
        """Completions were rewarded; called from within a reward."""
        self._guarded(lambda: self._report.rollouts(step, rollouts))

    def _guarded(self, tell: Any) -> None:
        try:
            tell()
        except StopTraining as stop:
            # Raised through the trainer it would be lost with all that was learnt.
            self.stopped = str(stop) or "stopped by a report"


def named(logs: Any) -> dict[str, float]:
    """Logged numbers under the names of both engines; rewards by their own name."""
    found = {}
    for key, value in logs.items():
        name = key.removeprefix("eval_")
        if name.startswith("rewards/") and name.endswith("/mean"):
            found["reward/" + name.split("/")[1]] = float(value)
        elif name in _NAMES:
            found[_NAMES[name]] = float(value)
    return found
