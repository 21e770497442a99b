"""The loop: loss, gradient, step, and a checkpoint now and then. It knows no method."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from remit.layers.training.durable import Journal
from remit.layers.training.engine import Point, Report, StopTraining, TrainingError
from remit.layers.training.plain import checkpoints
from remit.layers.training.plain.checkpoints import Progress
from remit.layers.training.plain.objectives import Loss, Objective
from remit.layers.training.recipes import Recipe


def optimizer(model: Any, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), fused; norms and biases do not decay."""
    parameters = [value for value in model.parameters() if value.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=recipe.lr, fused=True)


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step counted from 1: a rise from nought, then the schedule."""
    warm = math.ceil(recipe.warmup * steps)
    if step <= warm:
        return recipe.lr * step / warm
    done = (step - 1 - warm) / max(1, steps - warm)
    if recipe.schedule == "linear":
        return recipe.lr * (1 - done)
    if recipe.schedule == "cosine":
        return recipe.lr * 0.5 * (1 + math.cos(math.pi * done))
    return recipe.lr


@dataclass
class Loop:
    """One training from its first or next step to its end."""

    recipe: Recipe
    model: Any
    objective: Objective
    held: Objective | None
    out: Path
    report: Report
    identity: str
    every: int = 1
    stopped: str = ""
    _metrics: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def run(self, *, resume: bool) -> tuple[Progress, tuple[Point, ...]]:
        """Trains; answers how far it came and all points. `stopped` says why it ended early."""
        adam = optimizer(self.model, self.recipe)
        found = checkpoints.last(self._folder, self.identity) if resume else None
        progress = found or Progress(0, 0, 0.0, self.identity)
        if found:
            checkpoints.read(self._folder, found, self.model, adam)
        journal = Journal(self.out / "metrics.jsonl", progress.step)
        self.report.begin(self.objective.steps, progress.step + 1)
        self.model.train()
        try:
            progress = self._steps(adam, progress, journal)
        finally:
            journal.close()
        return progress, tuple(journal.points)

    @property
    def _folder(self) -> Path:
        return self.out / "checkpoints"

    def _steps(self, adam: Any, progress: Progress, journal: Journal) -> Progress:
        steps = self.objective.steps
        for step in range(progress.step + 1, steps + 1):
            begin = time.perf_counter()
            tokens = self._step(adam, step, steps)
            seconds = progress.seconds + time.perf_counter() - begin
            progress = Progress(step, progress.tokens + tokens, seconds, self.identity)
            try:
                self._tell(progress, steps, journal)
            except StopTraining as stop:
                self.stopped = str(stop) or "stopped by a report"
            last = bool(self.stopped) or step == steps
            # Between two uses of the same completions there is nothing to resume at.
            if last or (step % self.recipe.save_every < self.every and step % self.every == 0):
                checkpoints.write(self._folder, progress, self.model, adam, self.recipe.keep)
            if last:
                break
        return progress

    def _step(self, adam: Any, step: int, steps: int) -> int:
        # Dropout and sampling of a step are the same in every run, also in one that was resumed.
        torch.manual_seed((self.recipe.seed << 32) + step)
        self._metrics.clear()
        tokens = 0
        for part in self.objective.parts(step):
            loss = self.objective.loss(part)
            (loss.value * part.share).backward()
            tokens += loss.tokens
            self._count(loss, part.share)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        if not math.isfinite(float(norm)):
            raise TrainingError(
                f"step {step}: the gradient is no number any more; lower lr or max_grad_norm, "
                "and --resume from the last checkpoint"
            )
        for group in adam.param_groups:
            group["lr"] = rate(self.recipe, step, steps)
        adam.step()
        adam.zero_grad(set_to_none=True)
        self._metrics |= {"grad_norm": float(norm), "lr": rate(self.recipe, step, steps)}
        return tokens

    def _count(self, loss: Loss, share: float) -> None:
        for name, value in loss.metrics.items():
            self._metrics[name] += float(value) * share

    def _tell(self, progress: Progress, steps: int, journal: Journal) -> None:
        step = progress.step
        if step % self.recipe.log_every == 0 or step == steps:
            told = {"tokens": float(progress.tokens), "seconds": progress.seconds}
            self._say(Point(step, {**self._metrics, **told}), journal)
        watched = self.recipe.eval
        if self.held and watched and (step % watched.every == 0 or step == steps):
            self._say(Point(step, measured(self.model, self.held), "held"), journal)

    def _say(self, point: Point, journal: Journal) -> None:
        journal.add(point)
        self.report.step(point)


def measured(model: Any, held: Objective) -> dict[str, float]:
    """The mean metrics of held-out rows; nothing is learnt."""
    found: dict[str, float] = defaultdict(float)
    model.eval()
    with torch.no_grad():
        for part in held.whole():
            for name, value in held.loss(part).metrics.items():
                found[name] += float(value) * part.share
    model.train()
    return dict(found)
