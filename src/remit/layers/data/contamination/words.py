"""Words as contamination counts them: letters and digits, lower case, nothing else.

In scripts that are written without spaces each character is a word.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")

PIECE = 1 << 18
"""Characters of a text looked at together."""


def plain(text: str) -> str:
    """The words of `text`, one space apart."""
    return " ".join(WORD.findall(text)).lower()


def pieces(text: str, overlap: int, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """(start, end) of parts of about `size` characters; each begins `overlap` words early.

    So a run of `overlap` + 1 words stands whole in exactly one of them.
    """
    start = 0
    if len(text) > size:
        recent: deque[int] = deque(maxlen=overlap)
        end = 0
        for word in WORD.finditer(text):
            if word.end() - start > size and len(recent) == overlap:
                following = recent[0] if overlap else word.start()
                if start < following and start < end:
                    yield start, end
                    start = following
            recent.append(word.start())
            end = word.end()
    yield start, len(text)
