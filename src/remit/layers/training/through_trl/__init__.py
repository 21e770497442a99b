"""The TRL engine: adapters, sharded models, vLLM, and any model that a hub has.

TRL's trainers do the training. This room chooses their settings, of which several defaults would
train something else than the recipe says (see `settings`), counts what they would drop in silence,
and tells reports what they log. Nothing of `trl.experimental` is used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from remit.layers.training.engine import Report, Reward, Trained
from remit.layers.training.extra import needs
from remit.layers.training.recipes import Recipe
from remit.layers.training.rows import Rows
from remit.layers.training.through_trl import keeping
from remit.layers.training.through_trl.telling import Telling

__all__ = ["TrlEngine"]


class TrlEngine:
    """Trains through TRL 1.x, in this process or in one of several that accelerate started."""

    name = "trl"

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
        """See `Engine.train`. Raises TrainingError or MissingExtraError."""
        from remit.layers.training.through_trl.trainers import trainer

        if recipe.rollouts.vllm:
            needs("vllm")
        begin = time.perf_counter()
        folder = out / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        identity = f"{recipe.digest}/{rows.digest}"
        found = keeping.last(folder, identity) if resume else None
        telling = Telling(report, out / "metrics.jsonl", found.step if found else 0)
        made = trainer(recipe, rows, held, start, folder, self._rewards, telling)
        made.trainer.add_callback(keeping.Keeping(identity, recipe.keep))
        made.trainer.add_callback(telling)
        try:
            made.trainer.train(resume_from_checkpoint=str(found.folder) if found else None)
        finally:
            telling.close()
        final = keeping.save(made, recipe, out)
        points = tuple(telling.points)
        return Trained(
            final,
            points,
            int(made.trainer.state.global_step),
            int(made.trainer.state.num_input_tokens_seen or telling.tokens),
            time.perf_counter() - begin,
            made.notes,
            telling.stopped,
        )
