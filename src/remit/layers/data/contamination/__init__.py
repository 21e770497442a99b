"""Layer 1: what a model is tested on is not what it learns from.

A text is contaminated where it shares a run of 13 words with an evaluation item, as in Brown et
al. 2020 (GPT-3, arXiv 2005.14165, appendix C), who count lower-case words without punctuation.
There, items shorter than that count with all their words, but not below 8. Dolma (Soldaini et
al. 2024) and datatrove take 12 or 13, with numbers folded too; here numbers count, since an item
of arithmetic *is* its numbers.

To do as GPT-3 did: `way=Way.REDACT, window=200, most_cuts=10` takes out each run with 200
characters around it, and drops the texts that would fall into more than 10 parts. Two things
are not done: short remainders are not thrown away, and a run that stands in many training texts
(a proverb, a licence) counts like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from remit.layers.data.numeric import require_numpy
from remit.layers.data.rows import Step, Way


def step(
    files: Iterable[Path],
    *,
    fields: tuple[str, ...] = (),
    size: int = 13,
    shortest: int = 8,
    window: int = 0,
    most_cuts: int | None = None,
    way: Way = Way.DROP,
    owner: str = "",
) -> Step:
    """Marks texts that share `size` words in a row with an item of `files`.

    Files are JSON Lines (`.jsonl`, `.json`, also `.gz`; `fields` names what to read, empty means
    every string) or text, one item a line. Items of `shortest` to `size` - 1 words must occur
    whole; shorter ones are not looked for, and counted in the step's `skipped`. Spans are widened
    by `window` characters; a text in which more than `most_cuts` places are found is dropped.
    Raises ImportError without numpy; ValueError for figures that make no sense, a file without an
    item, or a line that cannot be read (a test set that is only half read protects nothing).
    """
    require_numpy("decontamination")
    from remit.layers.data.contamination.find import Contamination, Marking
    from remit.layers.data.contamination.index import index
    from remit.layers.data.contamination.items import items

    if not 1 <= shortest <= size <= 1000 or window < 0:
        raise ValueError("contamination: need 1 <= shortest <= size <= 1000 and window >= 0")
    found = index(items([Path(file) for file in files], fields), size, shortest)
    return Contamination(found, Marking(owner, way, window, most_cuts))
