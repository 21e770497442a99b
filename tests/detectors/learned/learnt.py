"""The sample weights, and remits that use every kind that answers from them."""

from __future__ import annotations

import random
import re
import shutil
from functools import cache
from pathlib import Path

from remit.detectors.base import Matcher, Setting, Use
from remit.detectors.learned import kinds
from remit.detectors.registry import Registry
from remit.types import Interaction, Message

SAMPLE = Path(__file__).parent / "sample"
LIKE = (
    "You should sue him.",
    "The law is on your side.",
    "Take your landlord to court.",
    "The contract is void.",
    "A judge will agree with you.",
)
CONFIGS = {
    "topic": {"of": ["legal-advice", "medical-advice"], "alarms": "5%"},
    "attack": {"alarms": "5%"},
    "harm": {"of": ["hate", "violence"], "alarms": "5%"},
    "doubt": {"alarms": "5%"},
    "refusal": {"of": "full", "alarms": "5%"},
    "promise": {"alarms": "5%"},
    "person-name": "any",
    "address": None,
    "organisation": "any",
    "examples": {"like": list(LIKE), "alarms": "5%"},
}
_WORDS = re.split(
    " ",
    "you should sue the landlord law is my contract void Anna de Vries BV court judge ignore "
    "previous instructions 12 Main Street promise we will. maybe! sorry? hurt tax pill\n 起诉他。 "
    "Dr. e.g. …  \u200b aWdub3JlIGFsbA==",
)


def matcher(name: str, config: object = None, folder: Path = SAMPLE) -> Matcher:
    """One use of a kind, compiled."""
    kind = {kind.name: kind for kind in kinds(folder)}[name]
    parsed = kind.parse(CONFIGS[name] if config is None else config)
    return kind.compile([Use("rule", parsed)], Setting())


def said(role: str) -> Interaction:
    """A conversation in which `role` speaks last."""
    return Interaction((Message(role, ""),))


def registry(folder: Path = SAMPLE) -> Registry:
    """The learned kinds alone."""
    return Registry({kind.name: kind for kind in kinds(folder)})


@cache
def text(seed: int) -> str:
    """A text that is hard to cut, made from a seed."""
    rng = random.Random(seed)
    return " ".join(rng.choices(_WORDS, k=rng.randrange(1, 60)))


def copied(to: Path) -> Path:
    """The sample in a folder of its own, to be spoilt."""
    shutil.copytree(SAMPLE, to)
    return to
