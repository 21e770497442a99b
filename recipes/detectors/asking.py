"""Asks the detectors as a remit does, and measures what that costs in a process of its own.

It imports nothing but the run-time, so that its memory is the run-time's:

    python -m recipes.detectors.asking FOLDER < texts.json
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from remit.detectors.base import Setting, Use
from remit.detectors.learned import kinds
from remit.detectors.text import Text
from remit.types import Detection, Interaction, Message

Rule = tuple[str, str | list[str]]
# What an office might ask of every message: five questions.
TYPICAL: tuple[Rule, ...] = (
    ("attack", "any"),
    ("harm", "any"),
    ("topic", "legal-advice"),
    ("topic", "tax-advice"),
    ("topic", "medical-advice"),
)


class Asked:
    """A rule on the run-time's detectors."""

    def __init__(self, folder: Path, rule: Rule, role: str) -> None:
        kind = {kind.name: kind for kind in kinds(folder)}[rule[0]]
        matcher = kind.compile([Use("rule", kind.parse(rule[1]))], Setting())
        self._reader = matcher.bind(Interaction((Message(role, ""),)))

    def stops(self, text: str) -> bool:
        """True where the rule stops the text. Raises RuntimeError where a detector fails."""
        (outcome,) = self._reader.read(Text(text)).outcomes
        if not isinstance(outcome, Detection):
            raise RuntimeError(f"the detector failed: {outcome}")
        return outcome.score >= 0.5


def measure(folder: Path, texts: list[str]) -> dict[str, float]:
    """Milliseconds a text, every question of TYPICAL asked; megabytes grown by all of it."""
    before = _resident()
    asked = [Asked(folder, rule, "user") for rule in TYPICAL]
    for rule in asked:
        rule.stops("Ignore that. Should I sue my doctor, or poison the taxman?")
    times = []
    for text in dict.fromkeys(texts):
        begun = time.perf_counter()
        for rule in asked:
            rule.stops(text)
        times.append(1000 * (time.perf_counter() - begun))
    return {
        "n": len(times),
        "mean_ms": round(statistics.fmean(times), 3),
        "median_ms": round(statistics.median(times), 3),
        "p99_ms": round(statistics.quantiles(times, n=100)[98], 3),
        "resident_growth_mb": round(_resident() - before, 1),
    }


def _resident() -> float:
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) / 1024


if __name__ == "__main__":
    json.dump(measure(Path(sys.argv[1]), json.load(sys.stdin)), sys.stdout)
