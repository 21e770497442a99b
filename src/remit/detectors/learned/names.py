"""Names in running text: from the encoder's labels of word pieces to spans of characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remit.detectors.learned.encoder import Encoded
from remit.detectors.learned.weights import Names

KINDS = ("person", "address", "organisation")


@dataclass(frozen=True, slots=True)
class Name:
    """Characters `start` to `end` (exclusive), what they name, and how probably."""

    start: int
    end: int
    kind: str
    probability: float


def names(text: str, encoded: Encoded, labels: Names) -> list[Name]:
    """Every name in a text, in order. `labels` says how the logits are read and where to cut."""
    found: list[Name] = []
    joins = False
    for first, last, share in _words(text, encoded, labels.temperature):
        start, end = encoded.offsets[first][0], encoded.offsets[last - 1][1]
        probability = 1 - float(share[labels.labels.index("O")])
        if probability < labels.threshold:
            joins = False
            continue
        kind, begins = _kind(share, labels.labels)
        if joins and not begins and found[-1].kind == kind:
            before = found.pop()
            found.append(Name(before.start, end, kind, max(before.probability, probability)))
        else:
            found.append(Name(start, end, kind, probability))
        joins = True
    return found


def _words(
    text: str, encoded: Encoded, temperature: float
) -> Iterator[tuple[int, int, npt.NDArray[np.float32]]]:
    """First and last (exclusive) piece of each word, and the mean of its pieces' probabilities."""
    if not encoded.offsets:
        return
    scaled = encoded.tokens / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares = scaled / scaled.sum(axis=1, keepdims=True)
    first = 0
    for at in range(1, len(encoded.offsets) + 1):
        if at == len(encoded.offsets) or not _joined(text, encoded.offsets[at - 1 : at + 1]):
            yield first, at, shares[first:at].mean(axis=0)
            first = at


def _joined(text: str, pair: Sequence[tuple[int, int]]) -> bool:
    (start, end), (after, stop) = pair
    # Of a character that folds to two pieces both have the same offsets.
    signs = (unicodedata.category(char)[0] for char in text[start:end] + text[after:stop])
    return after <= end and not any(sign in "PSZ" for sign in signs)


def _kind(share: npt.NDArray[np.float32], labels: Sequence[str]) -> tuple[str, bool]:
    """The likeliest kind of name, and whether a new name begins here."""
    begins = {kind: float(share[labels.index(f"B-{kind}")]) for kind in KINDS}
    inside = {kind: float(share[labels.index(f"I-{kind}")]) for kind in KINDS}
    kind = max(KINDS, key=lambda one: begins[one] + inside[one])
    return kind, begins[kind] > inside[kind]
