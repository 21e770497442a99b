"""Lines as people really type them: other case, slips of the fingers, no punctuation.

Attacks and benign lines are roughened alike, so that roughness itself says nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Roughen = Callable[[str, random.Random], str]


def _lower(text: str, _: random.Random) -> str:
    return text.lower()


def _upper(text: str, _: random.Random) -> str:
    return text.upper()


def _bare(text: str, _: random.Random) -> str:
    return re.sub(r"[^\w\s]", "", text).lower()


def _slips(text: str, rng: random.Random) -> str:
    """One letter in fifteen swapped with the next, dropped or doubled."""
    letters = list(text)
    for i in range(len(letters) - 1):
        if rng.random() > 1 / 15 or not (letters[i] + letters[i + 1]).isalpha():
            continue
        kind = rng.randrange(3)
        if kind == 0:
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
        else:
            letters[i] = letters[i] * (kind - 1) * 2
    return "".join(letters)


def _random_case(text: str, rng: random.Random) -> str:
    return "".join(rng.choice((char.lower(), char.upper())) for char in text)


_WAYS: tuple[Roughen, ...] = (_lower, _upper, _bare, _slips, _slips, _random_case)


def rough(text: str, rng: random.Random) -> str:
    """The text under one of the ways, by chance."""
    return rng.choice(_WAYS)(text, rng)


def beside(text: str, ordinary: str, rng: random.Random) -> str:
    """The text before or after an ordinary request, as attacks often travel."""
    joint = rng.choice((" ", "\n", "\n\n"))
    parts = (text, ordinary) if rng.random() < 0.4 else (ordinary, text)
    return joint.join(parts)
