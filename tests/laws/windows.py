"""Reading in windows, as a stream does, without the stream: what the union of windows comes to."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from remit.detectors.text import Text, visible
from remit.types import Span

Scanning = Callable[..., tuple[set[tuple[int, Span]], int]]


def in_windows(scan: Scanning, text: str, ends: Sequence[int]) -> set[tuple[int, Span]]:
    """All hits of windows that end at the given indices and at the text's end."""
    hits: set[tuple[int, Span]] = set()
    settled, lead = 0, ""
    for end in [*ends, len(text)]:
        final = end == len(text)
        window = Text(lead + text[settled:end], len(lead))
        found, upto = scan(window, final=final)
        shift = settled - len(lead)
        hits |= {(use, Span(s.start + shift, s.end + shift, s.label)) for use, s in found}
        if not final:
            settled = max(settled, upto + shift)
            lead = context(text[:settled])
        else:
            break
    return hits


def context(passed: str) -> str:
    """The last character, and before an invisible one the last that can be seen."""
    if not passed or visible(passed[-1]):
        return passed[-1:]
    seen = [char for char in passed if visible(char)]
    return "".join(seen[-1:]) + passed[-1]


def covered(hits: set[tuple[int, Span]]) -> set[tuple[int, int]]:
    """Each use's covered characters."""
    return {(use, index) for use, span in hits for index in range(span.start, span.end)}


def small_regex(rng: random.Random, depth: int = 3) -> str:
    """A random pattern of the dialect over a small alphabet."""
    if depth == 0 or rng.random() < 0.35:
        return rng.choice(
            (
                "a",
                "b",
                "1",
                " ",
                r"\d",
                r"\w",
                r"\W",
                r"\s",
                "[ab]",
                "[^a]",
                "[1-3-]",
                ".",
                "é",
                r"\b",
                "A",
                "-",
            )
        )
    way = rng.randrange(6)
    one = small_regex(rng, depth - 1)
    if way == 0:
        return f"(?:{one}|{small_regex(rng, depth - 1)})"
    if way == 1:
        low = rng.randrange(0, 3)
        return f"(?:{one}){{{low},{low + rng.randrange(0, 3)}}}" + rng.choice(("", "", "?"))
    if way == 2:
        return f"(?:{one})?"
    if way == 3:
        return rf"\b{one}" if rng.random() < 0.5 else rf"{one}\b"
    return one + small_regex(rng, depth - 1)


def small_text(rng: random.Random, size: int = 24) -> str:
    """A random text over the patterns' alphabet, with odd characters in it."""
    return "".join(rng.choices("aabb112 -_.é\n\u200bßⅫ你𝗮", k=rng.randrange(1, size)))


def some_ends(rng: random.Random, text: str) -> list[int]:
    """Where windows end: at every character, or at some."""
    if rng.random() < 0.5:
        return list(range(1, len(text)))
    return sorted(rng.sample(range(1, len(text) + 1), min(len(text), rng.randrange(0, 6))))
