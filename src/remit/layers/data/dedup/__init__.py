"""Layer 1: the same text is learnt from once.

`exact` finds texts that are equal but for white space and Unicode form; `minhash` finds near
ones (Broder 1997; for language models Lee et al. 2022, arXiv 2107.06499), with FineWeb's figures
(Penedo et al. 2024): runs of 5 words, 14 bands of 8 hashes. Of each group the first in the order
of the corpus is kept. Both are out-of-core, and the outcome depends on the corpus alone, not on
how it was cut into shards.

How sure `minhash` is: two texts of Jaccard similarity s share a band with probability
1 - (1 - s^8)^14, which is 0.92 at 0.8, 0.56 at 0.7 and 0.05 at 0.5; and duplicates of duplicates
are one group, however far its ends are apart. `verify` takes out pairs that met by chance.
"""

from __future__ import annotations

from typing import Literal

from remit.layers.data.numeric import require_numpy
from remit.layers.data.rows import Survey, Way

Scope = Literal["row", "segment"]
"""What is compared: a row's texts together, or each text (document, message) by itself."""

MEMORY = 200_000_000
"""Bytes that `settle` works in, beside the interpreter and files mapped into memory."""


def exact(
    *,
    scope: Scope = "row",
    roles: tuple[str, ...] = (),
    way: Way = Way.DROP,
    owner: str = "",
    memory: int = MEMORY,
) -> Survey:
    """Finds equal texts. `roles` names whose texts are compared; empty means everyone's.

    Raises ImportError without numpy, ValueError for figures that make no sense.
    """
    require_numpy("de-duplication")
    from remit.layers.data.dedup.equal import Exact
    from remit.layers.data.dedup.outcome import Verdicts

    return Exact(scope, roles, Verdicts("exact-duplicates", owner, way), memory)


def minhash(
    *,
    words: int = 5,
    bands: int = 14,
    hashes: int = 8,
    seed: int = 1,
    verify: float | None = None,
    scope: Scope = "row",
    roles: tuple[str, ...] = (),
    way: Way = Way.DROP,
    owner: str = "",
    memory: int = MEMORY,
) -> Survey:
    """Finds near-duplicates by MinHash; texts of fewer than `words` words are left alone.

    `bands` of `hashes` each decide which pairs meet. `verify` is the least similarity that a
    pair's signatures must show, None to take every pair that shares a band, as datatrove does.
    Raises ImportError without numpy, ValueError for figures that make no sense.
    """
    require_numpy("de-duplication")
    from remit.layers.data.dedup.near import MinHash, Shape
    from remit.layers.data.dedup.outcome import Verdicts

    shape = Shape(words, bands, hashes, seed)
    verdicts = Verdicts("near-duplicates", owner, way)
    return MinHash(shape, verify, scope, roles, verdicts, memory)
