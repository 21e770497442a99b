"""In which order rows are learnt from: a pure function of seed and epoch.

So a run that was killed needs no random state to go on with the same rows. Rows of like length
come into one batch, which saves padding; which batch comes when is random.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

# Rows that are sorted together, in batches: wide enough to save padding, narrow enough that a
# batch is no sample of one length only.
_WINDOW = 16


def batches(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """The rows of each batch of an epoch, every row once, the last batch of a window shorter."""
    drawn = random.Random(f"{seed}/{epoch}")  # noqa: S311  an order, not a secret
    order = list(range(len(lengths)))
    drawn.shuffle(order)
    made: list[list[int]] = []
    for begin in range(0, len(order), size * _WINDOW):
        window = sorted(order[begin : begin + size * _WINDOW], key=lambda row: lengths[row])
        made += [window[at : at + size] for at in range(0, len(window), size)]
    drawn.shuffle(made)
    return made


def by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """All rows in batches of at most so many padded tokens, long ones first; for reading only."""
    made: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if made and lengths[made[-1][0]] * (len(made[-1]) + 1) <= tokens:
            made[-1].append(row)
        else:
            made.append([row])
    return made


def pieces(rows: Sequence[int], lengths: Sequence[int], parts: int) -> list[list[int]]:
    """One batch in `parts` micro-batches of like length."""
    ordered = sorted(rows, key=lambda row: lengths[row])
    size = -(-len(ordered) // parts)
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]
