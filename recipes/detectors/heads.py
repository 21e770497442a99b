"""The heads: their names and order, which fixes the columns of both stages."""

from __future__ import annotations

TOPICS = ("legal", "tax_financial", "medical")
HEADS: tuple[str, ...] = (
    *(f"topic.{topic}.{side}" for topic in TOPICS for side in ("asked", "given")),
    "attack.jailbreak",
    "attack.injection",
    "attack.indirect",
    "attack.extraction",
    "attack.any",
    "harm.any",
    "harm.hate",
    "harm.harassment",
    "harm.violence",
    "harm.self_harm",
    "harm.sexual",
    "harm.crime",
    "speech.doubt",
    "speech.refusal_full",
    "speech.refusal_partial",
    "speech.promise",
)
INDEX = {name: column for column, name in enumerate(HEADS)}
LABELS = (
    "O",
    "B-person",
    "I-person",
    "B-address",
    "I-address",
    "B-organisation",
    "I-organisation",
)
