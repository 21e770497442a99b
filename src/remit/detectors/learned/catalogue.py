"""Which parts each learned kind has, and which heads of the model answer for them."""

from __future__ import annotations

from pathlib import Path

from remit.detectors.base import Kind
from remit.detectors.learned.classifiers import Classifier, Connect
from remit.detectors.learned.kinds import ExamplesKind, HeadKind, NameKind, Part
from remit.detectors.learned.weights import SHIPPED


def _topic(head: str, reason: str) -> Part:
    return Part((f"topic.{head}.asked",), (f"topic.{head}.given",), reason)


def _same(reason: str, *heads: str) -> Part:
    return Part(heads, heads, reason)


TOPICS = {
    "legal-advice": _topic("legal", "legal advice"),
    "tax-advice": _topic("tax_financial", "tax or financial advice"),
    "financial-advice": _topic("tax_financial", "tax or financial advice"),
    "medical-advice": _topic("medical", "medical advice"),
}
ATTACKS = {
    # A client attacks in his own words; a document or a tool's result attacks from inside.
    "any": Part(("attack.any",), ("attack.indirect",), "an attack"),
    "jailbreak": _same("a jailbreak", "attack.jailbreak"),
    "injection": _same("an injected instruction", "attack.injection"),
    "indirect": _same("an instruction hidden in a document", "attack.indirect"),
    "extraction": _same("asks for the assistant's instructions", "attack.extraction"),
}
HARMS = {
    "any": _same("harm", "harm.any"),
    "hate": _same("hate", "harm.hate"),
    "harassment": _same("harassment", "harm.harassment"),
    "violence": _same("violence", "harm.violence"),
    "self-harm": _same("self-harm", "harm.self_harm"),
    "sexual": _same("sexual content", "harm.sexual"),
    "crime": _same("help with a crime", "harm.crime"),
}
DOUBTS = {"any": _same("a guess", "speech.doubt")}
REFUSALS = {
    "any": _same("a refusal", "speech.refusal_full", "speech.refusal_partial"),
    "full": _same("a refusal", "speech.refusal_full"),
    "partial": _same("a partial refusal", "speech.refusal_partial"),
}
PROMISES = {"any": _same("a promise", "speech.promise")}


def kinds(folder: Path = SHIPPED, connect: Connect | None = None) -> list[Kind]:
    """Every kind that answers from the weights in `folder`, and `classifier`.

    `connect` makes a model of a classifier's address; without it, classifiers fail.
    """
    return [
        HeadKind("topic", TOPICS, "", folder=folder),
        HeadKind("attack", ATTACKS, "any", decode=True, folder=folder),
        HeadKind("harm", HARMS, "any", decode=True, folder=folder),
        HeadKind("doubt", DOUBTS, "any", folder=folder),
        HeadKind("refusal", REFUSALS, "any", folder=folder),
        HeadKind("promise", PROMISES, "any", folder=folder),
        NameKind("person-name", "person", folder),
        NameKind("address", "address", folder),
        NameKind("organisation", "organisation", folder),
        ExamplesKind(folder=folder),
        Classifier(connect),
    ]
