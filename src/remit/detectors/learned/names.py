"""Names in running text: from the encoder's labels of word pieces to spans of characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from remit.detectors.learned.encoder import Encoded, Floats
from remit.detectors.learned.weights import Names

_INITIAL = re.compile(r"(?<!\w)[^\W\d_]\Z")
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
    if not encoded.offsets:
        return found
    shares = _shares(encoded.tokens, labels.temperature)
    joins = False
    for first, last in _words(text, encoded.offsets):
        share = shares[first:last].mean(axis=0)
        probability = 1 - float(share[labels.labels.index("O")])
        if probability < labels.threshold:
            joins = False
            continue
        start, end = encoded.offsets[first][0], encoded.offsets[last - 1][1]
        kind = _kind(share, labels.labels)
        # The first piece says whether the word begins a name; those after it are inside anyway.
        begins = _sum(shares[first], labels.labels, "B-") > _sum(shares[first], labels.labels, "I-")
        same = bool(found) and found[-1].kind == kind
        if same and ((joins and not begins) or _bridged(text, found[-1], start)):
            before = found.pop()
            found.append(Name(before.start, end, kind, max(before.probability, probability)))
        else:
            found.append(Name(start, end, kind, probability))
        joins = True
    # A sign, a number or a lone letter is no name, whatever stands around it.
    return [name for name in found if _lettered(text[name.start : name.end])]


def _lettered(part: str) -> bool:
    letters = [char for char in part if char.isalpha()]
    return len(letters) > 1 or any(char > "\u2e80" for char in letters)


def _bridged(text: str, before: Name, start: int) -> bool:
    """True where only the sign of one name stands between: O'Brien, Anne-Marie, J. Smith."""
    gap = text[before.end : start]
    if gap in ("'", "’", "-"):
        return True
    return gap in (".", ". ") and bool(_INITIAL.search(text[before.start : before.end]))


def _shares(tokens: Floats, temperature: float) -> Floats:
    """Logits as probabilities, `[pieces, labels]`."""
    scaled = tokens / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _kind(share: Floats, labels: Sequence[str]) -> str:
    """The likeliest kind of name, begun or inside."""
    return max(KINDS, key=lambda kind: _sum(share, labels, f"-{kind}"))


def _sum(share: Floats, labels: Sequence[str], part: str) -> float:
    """The probability of all labels that hold a part."""
    return sum(float(share[at]) for at, label in enumerate(labels) if part in label)


def _words(text: str, offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) piece of each word."""
    first = 0
    for at in range(1, len(offsets) + 1):
        if at == len(offsets) or not _joined(text, offsets[at - 1], offsets[at]):
            yield first, at
            first = at


def _joined(text: str, here: tuple[int, int], after: tuple[int, int]) -> bool:
    """True where no white space and no sign stands between two pieces, and neither is one."""
    around = text[here[0] : here[1]] + text[after[0] : after[1]]
    signs = (unicodedata.category(char)[0] for char in around)
    # Of a character that folds to two pieces both have the same offsets.
    return after[0] <= here[1] and not any(sign in "PSZ" for sign in signs)
