"""Plays the same cases on every rung. One model call serves all rungs that would ask the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from remit.enforce import Enforcer
from remit.layers.guard import Guard
from remit.models.base import Model, Reply
from remit.policy import Policy
from remit.types import Action, Interaction, Message, Stage
from remit.verify.cache import ReplyMemory
from remit.verify.cases import Case, Transcript
from remit.verify.ladder.auditor import Auditor
from remit.verify.ladder.checkpoints import Checkpoints
from remit.verify.ladder.judging import PAUSED, Judged, judged
from remit.verify.ladder.monitoring import Pausing
from remit.verify.ladder.steps import Layers
from remit.verify.runner import play
from remit.verify.targets import LAYERS as AROUND
from remit.verify.targets import Layered, layered
from remit.verify.upstream import Upstream
from remit.verify.wire import Sampling

Opener = Callable[[Path], Model]


@dataclass(frozen=True, slots=True)
class Climb:
    """What is climbed: the remit, its detectors compiled, the cases, and how replies are drawn.

    `heat` is the sampling temperature: at nought a model says the likeliest reply only, and a
    habit that it has in four replies of ten is never seen. `seed` orders the cases for the monitor.
    """

    policy: Policy
    guard: Guard
    auditor: Auditor
    cases: Sequence[Case]
    heat: float = 1.0
    repeats: int = 1
    seed: int = 0

    @property
    def enforcer(self) -> Enforcer:
        """The compiled remit."""
        return self.guard.enforcer


@dataclass(frozen=True, slots=True)
class Climbed:
    """Judgements of all cases under one set of layers, in the order of the cases, repeats inside.

    `paused` says at which reply, and for which rule, the monitor paused the assistant; else empty.
    """

    layers: Layers
    outcomes: Mapping[str, tuple[Judged, ...]]
    paused: str = ""


async def climb(
    climb: Climb,
    checkpoints: Checkpoints,
    steps: Sequence[Layers],
    opened: Opener,
    told: Callable[[Layers], None] = lambda _: None,
) -> list[Climbed]:
    """Every step, the same cases in the same order with the same draws."""
    models: dict[Path, Model] = {}
    memory = ReplyMemory()
    results = []
    try:
        for layers in steps:
            folder = checkpoints.of(layers)
            if folder not in models:
                models[folder] = opened(folder)
            targets = [
                _target(climb, _upstream(folder, models[folder], climb, memory, repeat), layers)
                for repeat in range(climb.repeats)
            ]
            results.append(await _climbed(climb, targets, layers))
            told(layers)
    finally:
        for model in models.values():
            await model.close()
    return results


def _upstream(
    folder: Path, model: Model, climb: Climb, memory: ReplyMemory, repeat: int
) -> Upstream:
    drawing = _Drawing(model, repeat)
    origin = f"{folder}#{repeat}"
    return Upstream(folder.name, drawing, "", Sampling(climb.heat), replies=memory, origin=origin)


class _Drawing:
    """A model that draws by a seed: each repeat is a draw of its own, the same on every rung."""

    def __init__(self, model: Model, seed: int) -> None:
        self.name = model.name
        self._model, self._seed = model, seed

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        return await self._model.chat({**request, "seed": self._seed}, headers)

    async def models(self) -> Reply:
        return await self._model.models()

    async def close(self) -> None:
        """The model is closed by whoever opened it."""


def _target(climb: Climb, upstream: Upstream, layers: Layers) -> Layered:
    on = [layer for layer in AROUND if layer in layers]
    return layered(upstream.name, upstream, climb.policy, on, climb.guard)


async def _climbed(climb: Climb, targets: Sequence[Layered], layers: Layers) -> Climbed:
    pausing = Pausing(climb.policy) if "monitor" in layers else None
    order = [(case, repeat) for case in climb.cases for repeat in range(climb.repeats)]
    Random(climb.seed).shuffle(order)  # noqa: S311  an order, not a secret
    found: dict[str, list[tuple[int, Judged]]] = {case.id: [] for case in climb.cases}
    for case, repeat in order:
        if pausing is not None and pausing.paused_by:
            played = _paused(case, pausing.answer)
        else:
            played = await play(case, targets[repeat], repeat)
            if pausing is not None and not played.error:
                pausing.delivered(_broken(played, climb.enforcer))
        found[case.id].append((repeat, judged(played, climb.enforcer, climb.auditor)))
    outcomes = {name: tuple(one for _, one in sorted(of, key=_first)) for name, of in found.items()}
    paused = "" if pausing is None or not pausing.paused_by else _told(pausing)
    return Climbed(layers, outcomes, paused)


def _first(pair: tuple[int, Judged]) -> int:
    return pair[0]


def _told(pausing: Pausing) -> str:
    return f"after {pausing.after} replies, for {pausing.paused_by}"


def _paused(case: Case, answer: str) -> Transcript:
    said = [*case.opening, *(Message("user", turn) for turn in case.turns[-1:])]
    return replace(Transcript(case, (*said, Message("assistant", answer))), finish=PAUSED)


def _broken(played: Transcript, enforcer: Enforcer) -> frozenset[str]:
    verdict = enforcer.judge(Interaction(played.messages), Stage.OUTPUT)
    return frozenset(r for r, found in verdict.rules.items() if found.action > Action.ALLOW)
