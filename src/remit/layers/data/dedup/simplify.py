"""Text as near-duplicates are compared: no case, punctuation, accents or digits.

The definition is FineWeb's (Penedo et al. 2024, as coded in datatrove 0.10's `simplify_text`),
so that results can be compared: lower case, every number is 0, punctuation is a space, white
space is one space, canonical decomposition without marks. One thing is added: a character of a
script that is written without spaces is a word of its own, for otherwise a Chinese page is a
handful of "words" and never has a near-duplicate.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

PIECE = 1 << 18
"""Characters simplified at a time, so that a huge text costs no multiple of its size."""

_SIGNS = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
_CONTROLS = "".join(map(chr, (*range(9), *range(11, 32), *range(127, 160))))
_NUMBER = re.compile(r"\d+(?:[.,،٫⎖⎗⎘]\d+)?")
_SPACE = re.compile(r"\s")
_TO_SPACE = str.maketrans(_SIGNS + _CONTROLS, " " * len(_SIGNS + _CONTROLS))
_GAP = re.compile(f"[\\s{re.escape(_SIGNS)}{re.escape(_CONTROLS)}]+")
_PERHAPS_MARKS = re.compile("[^\x00-\u02ff]+")  # no mark has a lower code
UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff])")


def _bare(run: re.Match[str]) -> str:
    return "".join(c for c in run[0] if unicodedata.category(c) != "Mn")


def simplify(text: str) -> str:
    """`text` as words with one space between them; empty where nothing is left."""
    text = _NUMBER.sub("0", text.lower())
    if text.isascii():
        return " ".join(text.translate(_TO_SPACE).split())
    text = unicodedata.normalize("NFD", _GAP.sub(" ", text))
    text = _PERHAPS_MARKS.sub(_bare, text)
    return " ".join(UNSPACED.sub(r" \1 ", text).split())


def simplified(text: str, size: int = PIECE) -> Iterator[str]:
    """`simplify` piece by piece; the pieces joined by spaces are the whole.

    A piece ends at white space, since nothing in the definition looks across it; so a piece is
    `size` characters or one longer word.
    """
    start = 0
    while len(text) - start > size:
        gap = _SPACE.search(text, start + size)
        if gap is None:
            break
        if piece := simplify(text[start : gap.start()]):
            yield piece
        start = gap.end()
    if piece := simplify(text[start:] if start else text):
        yield piece
