"""Choices that look random and are the same for the same seed, on every machine and Python."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of choices named by its parts.

    Built on `random.random()` alone: of the standard generator only that sequence is promised to
    stay the same between versions of Python, and a suite's hash must not change with them.
    """

    def __init__(self, *parts: object) -> None:
        self._random = Random("\x1f".join(str(part) for part in parts))  # noqa: S311  no secret

    def share(self) -> float:
        """A number from 0 up to but not including 1."""
        return self._random.random()

    def below(self, n: int) -> int:
        """A whole number from 0 to `n` - 1."""
        return int(self._random.random() * n)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options. Raises IndexError where there is none."""
        return options[self.below(len(options))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order (Fisher and Yates 1938, in Durstenfeld's form)."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed
