"""Texts as the encoder sees them: word pieces, their case, their place in the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

CLS, SEP = 101, 102


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of one text: ids, cases and (start, end) offsets, no special tokens, nothing cut."""

    ids: list[int]
    cases: list[int]
    offsets: list[tuple[int, int]]


def case(piece: str) -> int:
    """0 lower or no letter, 1 capital first, 2 two letters or more, all capitals."""
    letters = [char for char in piece if char.lower() != char.upper()]
    if not letters or not piece[0].isupper():
        return 0
    return 2 if len(letters) > 1 and all(char.isupper() for char in letters) else 1


def pieces(tokenizer: Tokenizer, text: str) -> Pieces:
    """A text's pieces."""
    coded = tokenizer.encode(text, add_special_tokens=False)
    return Pieces(coded.ids, [case(text[s:e]) for s, e in coded.offsets], coded.offsets)


def windows(count: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Windows of at most `size` of `count` pieces, `overlap` shared; an empty text has one."""
    step = size - overlap
    last = max(0, -(-(count - size) // step))
    return [(i * step, min(i * step + size, count)) for i in range(last + 1)]


def batch(parts: list[tuple[list[int], list[int]]]) -> tuple[npt.NDArray[np.int64], ...]:
    """Ids, mask and cases, padded, with [CLS] and [SEP] around each part."""
    width = max(len(ids) for ids, _ in parts) + 2
    ids, mask, cases = (np.zeros((len(parts), width), np.int64) for _ in range(3))
    for row, (own, shape) in enumerate(parts):
        ids[row, : len(own) + 2] = [CLS, *own, SEP]
        cases[row, 1 : len(own) + 1] = shape
        mask[row, : len(own) + 2] = 1
    return ids, mask, cases
