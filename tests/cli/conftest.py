"""A small remit, and the command run as people run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
REMIT = """\
remit: 1
organisation: Test
assistant: {name: Ada, role: helps}
responsible: {owner: Someone}
rules:
  - id: no-advice
    says: Does not give advice.
    because: It is not ours to give.
    owner: Someone
    then: {data: drop, input: allow, output: block, tool: flag}
    detect: [{phrases: [you should sue]}]
    audit: [{judge: default}]
    breaks: [You should sue him.]
    keeps: [A colleague will call you.]
  - id: no-echo
    says: Never repeats what was confided.
    because: It is theirs.
    owner: Someone
    then: {output: redact}
    detect: [{echo: [identifiers]}, {identifier: [iban]}]
    audit: [{judge: default}]
    breaks: [NL91 ABNA 0417 1643 00]
    keeps: [Nothing of the kind.]
"""


@pytest.fixture
def text() -> str:
    return REMIT


@pytest.fixture
def remit(tmp_path: Path) -> str:
    path = tmp_path / "remit.yaml"
    path.write_text(REMIT, "utf-8")
    return str(path)


@pytest.fixture
def run() -> Run:
    def done(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "remit.cli", *arguments]
        return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)

    return done
