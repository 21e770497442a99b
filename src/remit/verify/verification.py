"""One verification as a value: what was asked, of whom, and what came of it. Outputs read this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from remit.policy import Policy
from remit.verify.contrast import Contrast
from remit.verify.mutation import Mutant
from remit.verify.plan import Suites
from remit.verify.results import Outcome
from remit.verify.verdicts import Decision, Limits, Line, verdict


@dataclass(frozen=True, slots=True)
class Verified:
    """One target with its numbers."""

    name: str
    lines: tuple[Line, ...]
    outcome: Outcome
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Regression:
    """This run against a baseline, by target: paired, so that the same seeds are compared."""

    baseline: str
    contrasts: tuple[Contrast, ...]

    @property
    def worse(self) -> tuple[Contrast, ...]:
        """Where this run is worse than the baseline."""
        return tuple(c for c in self.contrasts if c.answer == "worse")


@dataclass(frozen=True, slots=True)
class Verification:
    """`started` is UTC in ISO 8601, `seconds` how long it took, `spent` what it cost."""

    policy: Policy
    remit_version: str
    suites: Suites
    limits: Limits
    targets: tuple[Verified, ...]
    seed: int = 0
    repeats: int = 1
    started: str = ""
    seconds: float = 0.0
    spent: float = 0.0
    stopped: str = ""
    ladder: bool = False
    contrasts: tuple[Contrast, ...] = ()
    regression: Regression | None = None
    mutants: tuple[Mutant, ...] = ()

    @property
    def judged(self) -> tuple[Verified, ...]:
        """The targets that the verdict is about: of a ladder only its top, the whole assistant."""
        return self.targets[-1:] if self.ladder else self.targets

    @property
    def not_asked(self) -> tuple[str, ...]:
        """The rules of the remit that no case was about, so that nothing is said of them."""
        asked = {line.rule for target in self.judged for line in target.lines}
        return tuple(rule.id for rule in self.policy.rules if rule.id not in asked)

    @property
    def decision(self) -> Decision:
        """What it all comes to."""
        if self.regression is not None and self.regression.worse:
            return "fail"
        return verdict([line for target in self.judged for line in target.lines])

    def decisive(self) -> Iterator[tuple[str, Line]]:
        """The lines that keep it from passing."""
        for target in self.judged:
            for line in target.lines:
                if line.decision in ("fail", "not enough evidence"):
                    yield target.name, line
