"""The remit file: parse, refuse, lint, digest, diff, templates."""

from __future__ import annotations

from pathlib import Path

from remit.policy.load import Loaded, load, loads, schema
from remit.policy.model import (
    STAGE_WORDS,
    Assistant,
    Colleague,
    Detect,
    Example,
    Policy,
    Responsible,
    Rule,
)
from remit.policy.source import Mark, PolicyError, Problem
from remit.policy.steering import Steering, Training, steering

__all__ = [
    "STAGE_WORDS",
    "Assistant",
    "Colleague",
    "Detect",
    "Example",
    "Loaded",
    "Mark",
    "Path",
    "Policy",
    "PolicyError",
    "Problem",
    "Responsible",
    "Rule",
    "Steering",
    "Training",
    "load",
    "loads",
    "schema",
    "steering",
]
