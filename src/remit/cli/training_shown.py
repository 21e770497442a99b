"""How a training is shown: a bar while it runs, a plan before it, a summary after it."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from remit.cli.terminal import safe, say, say_json, table

if TYPE_CHECKING:
    from remit.layers.training.engine import Point, Rollout, Trained
    from remit.layers.training.runs import Run

_WIDE = 24
_SECONDS = 0.2
_SHOWN = ("loss", "accuracy", "margin", "reward", "kl", "entropy")


class Bar:
    """A progress bar on stderr, only where that is a terminal."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._on = sys.stderr.isatty()
        self._steps = self._first = 1
        self._begun = self._next = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._on:
            sys.stderr.write("\n")

    def begin(self, steps: int, first: int) -> None:
        """The clock starts."""
        self._steps, self._first = steps, first
        self._begun = time.monotonic()

    def step(self, point: Point) -> None:
        """Shows how far it is, at most some times a second."""
        last = point.step == self._steps
        if not self._on or point.split != "train" or (time.monotonic() < self._next and not last):
            return
        self._next = time.monotonic() + _SECONDS
        done = point.step / self._steps
        full = round(done * _WIDE)
        made = point.step - self._first + 1
        left = (time.monotonic() - self._begun) / made * (self._steps - point.step)
        told = "  ".join(f"{n} {point.metrics[n]:.4g}" for n in _SHOWN if n in point.metrics)
        bar = "█" * full + "░" * (_WIDE - full)
        sys.stderr.write(
            f"\r{self._method} {bar} {point.step}/{self._steps}  {_time(left)} left  {told}\033[K"
        )
        sys.stderr.flush()

    def rollouts(self, step: int, sampled: Sequence[Rollout]) -> None:
        """Completions are not shown here."""


def plan(run: Run, launch: Sequence[str], *, as_json: bool) -> None:
    """What would be done, and by which command where it is done by several processes."""
    told = run.to_json()
    if as_json:
        say_json({**told, "launch": list(launch)})
        return
    recipe = run.recipe
    rows = [
        ("what", "value"),
        ("method", recipe.method),
        ("engine", recipe.engine_name),
        ("from", recipe.model),
        *((f"data {origin.name}", f"{origin.rows:,} rows") for origin in run.rows.origins),
        ("held out", f"{len(run.held):,} rows" if run.held else "none: name some under eval:"),
        ("batch", f"{recipe.batch} rows, in {recipe.accumulate} part(s)"),
        ("learning rate", f"{recipe.lr:g}, {recipe.schedule}"),
        ("KL weight", f"{recipe.kl_weight:g}"),
        ("out", recipe.out),
        ("recipe digest", recipe.digest[:16]),
    ]
    for line in table(rows):
        say(line)
    if launch:
        say()
        say(shlex.join(launch))


def summary(trained: Trained) -> str:
    """One line: steps, tokens, time, and the last of what was measured."""
    rate = trained.tokens / trained.seconds if trained.seconds else 0.0
    last = trained.history[-1].metrics if trained.history else {}
    told = "  ".join(f"{name} {last[name]:.4g}" for name in _SHOWN if name in last)
    return safe(
        f"trained {trained.steps:,} steps, {trained.tokens:,} tokens in {_time(trained.seconds)} "
        f"({rate:,.0f} tokens/s)  {told}"
    )


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
