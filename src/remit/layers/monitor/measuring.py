"""What is measured of an audited conversation, to see whether traffic or answers drift.

Numbers alone: lengths, the time it took, a language, and, where the learned detectors are
installed, whether it refused and which topics were asked for. No text is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.detectors.registry import Registry
from remit.enforce import Enforcer, compile_policy
from remit.layers.monitor.languages import language_of
from remit.layers.monitor.quantities import topic
from remit.policy import Detect, Loaded, Policy, PolicyError, Rule
from remit.types import Interaction, Message, Stage, Verdict

_LEARNED_SECONDS: Final = 10.0
"""Between two readings by the learned detectors, which take a hundred times as long as all else."""

_TOPICS: Final = ("legal-advice", "tax-advice", "medical-advice")
_REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Measured:
    """Values by quantity (see `quantities`), and a language; empty where it is not known."""

    values: dict[str, float]
    language: str


class Measurer:
    """Measures conversations under one remit. `learned` reads topics and refusals, if it can."""

    def __init__(self, policy: Policy, learned: Enforcer | None = None) -> None:
        self.policy = policy
        self._learned = learned
        self._languages = policy.assistant.languages if policy.assistant else ("en",)
        self._next = 0.0

    @classmethod
    def of(cls, loaded: Loaded, kinds: Registry) -> Measurer:
        """With the learned detectors where they are installed and the remit asks for monitoring.

        They take a hundred megabytes: a first look at a remit should not cost that.
        """
        asked = loaded.policy.monitor is not None
        return cls(loaded.policy, _learned(loaded, kinds) if asked else None)

    async def measure(self, turns: Sequence[Message], seconds: float) -> Measured:
        """The conversation up to and with its newest answer, which took so many seconds."""
        asked = next((t.text for t in reversed(turns) if t.role == "user"), "")
        answered = turns[-1].text if turns and turns[-1].role == "assistant" else ""
        language = language_of(asked)
        values = {
            "asked": float(len(asked)),
            "answered": float(len(answered)),
            "turns": float(sum(turn.role == "user" for turn in turns)),
            "seconds": seconds,
        }
        if language:
            values["foreign"] = float(language not in self._languages)
        if self._learned is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _LEARNED_SECONDS
            values |= await self._read(self._learned, asked, answered)
        return Measured(values, language)

    async def _read(self, learned: Enforcer, asked: str, answered: str) -> dict[str, float]:
        values: dict[str, float] = {}
        for stage, role, text in (
            (Stage.INPUT, "user", asked),
            (Stage.OUTPUT, "assistant", answered),
        ):
            verdict = await learned.ajudge(Interaction((Message(role, text),)), stage)
            values |= _shares(verdict)
        return values


def _shares(verdict: Verdict) -> dict[str, float]:
    """1 or 0 for each question that was answered."""
    return {
        name if name == _REFUSED else topic(name): float((result.score or 0.0) >= 0.5)
        for name, result in verdict.rules.items()
        if result.failure is None
    }


def _learned(loaded: Loaded, kinds: Registry) -> Enforcer | None:
    """Questions about topics and refusals, as rules that only flag; None without the extra."""
    asked: list[tuple[str, str, Any, Stage]] = [
        (name, "topic", name, Stage.INPUT) for name in _TOPICS
    ]
    asked.append((_REFUSED, "refusal", "full", Stage.OUTPUT))
    rules = tuple(_question(*one) for one in asked)
    policy = loaded.policy.model_copy(update={"rules": rules})
    try:
        return compile_policy(Loaded(policy, loaded.source), kinds)
    except PolicyError:
        return None


def _question(name: str, kind: str, config: Any, stage: Stage) -> Rule:
    detect = (Detect(kind=kind, config=config),)
    return Rule(
        id=name, says=name, because="drift", owner="monitor", detect=detect, then={stage: "flag"},
        on_failure="flag",
    )  # fmt: skip
