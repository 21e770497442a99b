"""The plain engine: a lean loop in torch for a model that one process holds in full precision.

Imported only where it is used, because importing torch takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from remit.layers.training.durable import write_folder
from remit.layers.training.engine import Report, Reward, Trained
from remit.layers.training.plain import loading
from remit.layers.training.plain.encoding import Encoder
from remit.layers.training.plain.forward import reader
from remit.layers.training.plain.loop import Loop
from remit.layers.training.plain.making import objective
from remit.layers.training.recipes import ONLINE, Recipe
from remit.layers.training.rows import Rows

__all__ = ["PlainEngine"]


class PlainEngine:
    """Trains in this process, in full precision, with what the processor has."""

    name = "plain"

    def __init__(self, rewards: Sequence[Reward] = ()) -> None:
        self._rewards = tuple(rewards)

    def train(
        self,
        recipe: Recipe,
        rows: Rows,
        *,
        start: Path | str,
        out: Path,
        report: Report,
        held: Rows | None = None,
        resume: bool = False,
    ) -> Trained:
        """See `Engine.train`. Raises TrainingError."""
        begin = time.perf_counter()
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        out.mkdir(parents=True, exist_ok=True)
        model, tokenizer = loading.load(start)
        at = loading.device()
        model.to(at)
        read = reader(model, at, loading.autocast(recipe, at))
        encoder = Encoder(tokenizer, recipe.max_length, recipe.too_long)
        made = objective(recipe, read, encoder, rows, self._rewards, report)
        notes = encoder.notes
        watched = objective(recipe, read, encoder, held, self._rewards, report) if held else None
        every = recipe.rollouts.iterations if recipe.method in ONLINE else 1
        identity = f"{recipe.digest}/{rows.digest}"
        loop = Loop(recipe, model, made, watched, out, report, identity, every)
        progress, points = loop.run(resume=resume)
        final = out / "final"
        write_folder(final, lambda aside: loading.save(model, tokenizer, aside))
        seconds = progress.seconds if resume else time.perf_counter() - begin
        return Trained(final, points, progress.step, progress.tokens, seconds, notes, loop.stopped)
