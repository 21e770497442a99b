"""What can be wrong with a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

COPY: Final = "compare with a copy of the file, and ask who could write to it"
"""The cure for what somebody did."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something is not as it was written. `writer` is empty and `seq` 0 where it is no entry."""

    writer: str
    seq: int
    what: str
    cure: str = ""

    def __str__(self) -> str:
        where = f"{self.writer}:{self.seq}: " if self.writer else ""
        return f"{where}{self.what}" + (f"; {self.cure}" if self.cure else "")
