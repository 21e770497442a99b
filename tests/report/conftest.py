"""A small remit, a record kept by a real guard under it, and what a report makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from keeping import Make, start

from remit.evidence import Evidence
from remit.layers.guard.guard import Guard
from remit.layers.guard.recorded import Recorded
from remit.policy import Policy, load
from remit.report import Asked, Report, compose, gather

REMIT = """\
remit: 1
organisation: Test & Sons
assistant: {name: Ada, role: helps}
responsible: {owner: Someone, reviewer: Reader}
rules:
  - id: no-advice
    says: Does not give advice.
    because: It is not ours to give.
    owner: Counsel
    severity: high
    then: {data: drop, input: allow, output: hand_over}
    detect: [{phrases: [you should sue]}]
    audit: [{judge: default}]
    tolerance: 10%
  - id: no-guess
    says: Does not guess.
    because: It costs.
    owner: Someone
    then: {output: flag}
    detect: [{phrases: [probably]}]
    audit: [{judge: default}]
"""
ANSWERS = ("It is due in May.", "You should sue him.", "Probably in May.", "I am an AI. In May.")


@pytest.fixture
def remit(tmp_path: Path) -> Path:
    path = tmp_path / "remit.yaml"
    path.write_text(REMIT, "utf-8")
    return path


@pytest.fixture
def policy(remit: Path) -> Policy:
    return load(remit).policy


@pytest.fixture
def record(tmp_path: Path, remit: Path, policy: Policy) -> Path:
    """A start and four answers: one of them handed over, one flagged."""
    path = tmp_path / "evidence.db"
    with Evidence.open(path, writer="w") as evidence:
        evidence.append_sync(start(policy, "2026-01-02T00:00:00.000Z"))
        guarded = Recorded(Guard.load(remit), evidence, "model-1")
        for answer in ANSWERS:
            turns = [{"role": "user", "content": "When?"}]
            guarded.input(turns)
            guarded.output([*turns, {"role": "assistant", "content": answer}])
    return path


@pytest.fixture
def make(remit: Path, policy: Policy, record: Path) -> Make:
    """The report on the record, with more asked for by name."""

    def made(**more: Any) -> Report:
        return compose(gather(Asked(**{**_asked(remit, policy, record), **more})))

    return made


def _asked(remit: Path, policy: Policy, record: Path) -> dict[str, Any]:
    return {"policy": policy, "policy_file": str(remit), "evidence": str(record)}
