"""Identifiers are found in time that grows with the text, whatever the text is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from remit.layers.data import keys


class Counted:
    """A pattern that counts the bytes each search of it goes over."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.bytes = 0

    def search(self, data: bytes, start: int = 0, end: int | None = None) -> Any:
        stop = len(data) if end is None else end
        match = self._pattern.search(data, start, stop)
        self.bytes += (match.end() if match else stop) - start
        return match


DENSE = ["1", "1 ", "12 ", "123456 ", "12345.", "1234567890", "1)(", "\\u0031", "0 1  2   3    "]


def work(monkeypatch: pytest.MonkeyPatch, block: bytes) -> Iterator[int]:
    """Bytes gone over, numbers that were read as ends, identifiers that were found."""
    number = Counted(keys._NUMBER)
    with monkeypatch.context() as patched:
        patched.setattr(keys, "_NUMBER", number)
        found = sum(1 for _ in keys.identifiers(block))
    yield from (number.bytes, len(keys._number_ends(block)), found)


@pytest.mark.parametrize("piece", DENSE)
def test_ten_times_the_digits_are_ten_times_the_work(monkeypatch, piece):
    few, many = (piece.encode() * n for n in (2_000, 20_000))
    for small, large in zip(work(monkeypatch, few), work(monkeypatch, many), strict=True):
        assert large <= 11 * small + 100
        assert small <= 10 * len(few)
