"""What a reward model on features sees of a reply. Each map says so in words, for the card.

A body of features is frozen: it is for few pairs and a small machine, where training a language
model on them would learn the pairs by heart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from math import log1p
from typing import Protocol

from remit.enforce import Enforcer
from remit.layers.training.engine import Prompt
from remit.layers.training.extra import needs
from remit.layers.training.judged import Judged
from remit.layers.training.reward.pairs import last_turn
from remit.types import Stage

_MOST_CHARACTERS = 4000


class FeatureMap(Protocol):
    """Numbers for a reply to a prompt."""

    @property
    def name(self) -> str:
        """By which a saved model names it."""

    @property
    def sees(self) -> str:
        """What the numbers are, in words."""

    @property
    def version(self) -> str:
        """Changes wherever the numbers would."""

    def __call__(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[list[float]]:
        """One list of numbers a reply, all of one length."""


class Length:
    """How long a reply is. A shortcut that models find anyway is better seen than hidden."""

    name = "length"
    sees = "the reply's length in characters, and the logarithm of it"
    version = "1"

    def __call__(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[list[float]]:
        """Two numbers a reply."""
        return [[log1p(len(reply)), len(reply) / 1000] for reply in replies]


class Meaning:
    """The shipped sentence encoder (extra `learned`): where the reply lies, and what is in it."""

    name = "meaning"
    sees = (
        "the reply alone through the shipped sentence encoder: 384 numbers of meaning, and the "
        "logits of its questions about topics, attacks and harm. It does not see the prompt"
    )

    def __init__(self) -> None:
        """Loads the encoder. Raises MissingExtraError, WeightsError."""
        needs("numpy", "onnxruntime", "tokenizers")
        from remit.detectors.learned.encoder import Encoder
        from remit.detectors.learned.weights import SHIPPED, manifest

        shipped = manifest(SHIPPED)
        self.version = f"{shipped.version}:{shipped.files['encoder.onnx'][0][:16]}"
        self._encoder = Encoder(shipped)

    def __call__(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[list[float]]:
        """384 and as many as there are heads."""
        return [self._one(reply) for reply in replies]

    def _one(self, reply: str) -> list[float]:
        encoded = self._encoder.read(reply[:_MOST_CHARACTERS] or " ")
        return [*encoded.pooled.mean(0).tolist(), *encoded.heads.tolist()]


class Rules:
    """The scores of a remit's own detectors, one a rule, as at the output stage."""

    name = "rules"

    def __init__(self, enforcer: Enforcer, stage: Stage = Stage.OUTPUT) -> None:
        self._judged = Judged(enforcer, stage)
        self.sees = f"the scores of the detectors of {', '.join(self._judged.rules) or 'no rule'}"
        self.version = enforcer.policy.digest[:16]

    def __call__(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[list[float]]:
        """One number a rule; a detector that failed counts as a violation, never as clean."""
        found = self._judged.scores(prompts, replies)
        return [[scores[rule] for rule in self._judged.rules] for scores in found]


class Numbers:
    """Any function of a prompt's last turn and a reply, under a name: what a caller brings."""

    def __init__(
        self, name: str, sees: str, version: str, read: Callable[[str, str], Sequence[float]]
    ) -> None:
        self.name, self.sees, self.version = name, sees, version
        self._read = read

    def __call__(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[list[float]]:
        """What the function gives."""
        pairs = zip(prompts, replies, strict=True)
        return [list(self._read(last_turn(prompt), reply)) for prompt, reply in pairs]


def together(
    maps: Sequence[FeatureMap], prompts: Sequence[Prompt], replies: Sequence[str]
) -> list[list[float]]:
    """All maps' numbers side by side, a list a reply."""
    parts = [each(prompts, replies) for each in maps]
    return [[x for part in parts for x in part[row]] for row in range(len(replies))]


def fingerprint(maps: Sequence[FeatureMap]) -> str:
    """SHA-256 of which maps in which versions."""
    named = "\n".join(f"{each.name} {each.version}" for each in maps)
    return hashlib.sha256(named.encode()).hexdigest()
