"""What a training engine is: from a recipe, rows and a starting model to a trained model.

An engine knows losses and batches; it knows no rule, no detector and no person. What it may be
given from outside is a `Reward` (what a completion is worth) and a `Report` (who is told, and who
may stop it). Two engines stand behind the protocol: `plain`, a lean loop in torch for a model that
one process can hold, and `trl` for everything larger. Neither is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from remit.layers.training.recipes import Recipe
from remit.layers.training.rows import Rows
from remit.types import Json

# A text, or the messages of a conversation: `[{"role": "user", "content": …}, …]`.
Prompt = str | Sequence[Json]


class TrainingError(Exception):
    """It cannot be trained; the message names the thing and the cure."""


class StopTraining(Exception):  # noqa: N818  a decision, as StopIteration is, and no error
    """Raised by a report to end the training now; what was learnt so far is kept as the result."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one optimiser step: `step` counts from 1, `metrics` by name."""

    step: int
    metrics: Mapping[str, float]
    split: str = "train"

    def to_json(self) -> Json:
        """As a line of `metrics.jsonl`."""
        return {"step": self.step, "split": self.split, **self.metrics}


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion and what each reward gave for it; None where it does not apply."""

    prompt: Prompt
    completion: str
    rewards: Mapping[str, float | None]
    row: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sampled completion: its text, its log-probability in nats, its tokens, and if it ended.

    `logprob` is of the whole completion, its end token included, under the model itself: at
    temperature 1, whatever it was sampled at. `ended` is False where `max_tokens` cut it.
    """

    text: str
    logprob: float
    tokens: tuple[int, ...]
    ended: bool


class Report(Protocol):
    """Is told of everything that happens; `step` may raise StopTraining."""

    def begin(self, steps: int, first: int) -> None:
        """The training has `steps` steps in all, of which those before `first` are done."""

    def step(self, point: Point) -> None:
        """A step was made, or held-out rows were measured."""

    def rollouts(self, step: int, sampled: Sequence[Rollout]) -> None:
        """Completions were sampled and rewarded (RLOO, GRPO)."""


class Silent:
    """A report to nobody."""

    def begin(self, steps: int, first: int) -> None:
        """Says nothing."""

    def step(self, point: Point) -> None:
        """Says nothing."""

    def rollouts(self, step: int, sampled: Sequence[Rollout]) -> None:
        """Says nothing."""


class Reward(Protocol):
    """What completions are worth."""

    @property
    def name(self) -> str:
        """By which it is reported and weighted; unique in a training."""

    def __call__(
        self, prompts: Sequence[Prompt], completions: Sequence[str], rows: Sequence[Json]
    ) -> list[float | None]:
        """A number for each completion, in order; None where the rule does not apply."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it: the model's folder, what was measured, and what it cost.

    `folder` has the Hugging Face layout (safetensors, configuration, tokenizer). `tokens` counts
    what the method itself reads, prompt and completions, without padding and without the
    reference's pass. `notes` say what was left out or cut, and `stopped` why it ended early.
    """

    folder: Path
    history: tuple[Point, ...]
    steps: int
    tokens: int
    seconds: float
    notes: tuple[str, ...] = ()
    stopped: str = ""


class Engine(Protocol):
    """Trains a model."""

    @property
    def name(self) -> str:
        """`plain` or `trl`."""

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
        """Trains from the model at `start`; writes `out/checkpoints` and `out/final`.

        `start` is a local folder or, for `trl`, a name on a hub. `held` rows are measured and not
        learnt from. `resume` goes on from the last checkpoint in `out`. Raises TrainingError.
        """


def engine(recipe: Recipe, rewards: Sequence[Reward] = ()) -> Engine:
    """The engine that a recipe asks for, or that fits it. Raises TrainingError without torch."""
    from remit.layers.training.extra import needs

    needs("torch", "transformers", "safetensors")
    if recipe.engine_name == "plain":
        from remit.layers.training.plain import PlainEngine

        return PlainEngine(rewards)
    needs("trl", "accelerate", "datasets", *(("peft",) if recipe.lora else ()))
    from remit.layers.training.through_trl import TrlEngine

    return TrlEngine(rewards)
