"""Bytes to batches of rows' bytes: cut at line ends, never more than a bound in memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from remit.layers.data.streams import DamagedError

MAX_ROW = 16_000_000
"""Bytes of a row at most. A longer one is quarantined, piece by piece."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that follow one another: `lines` are the bytes of each, `block` of all of them.

    `number` and `offset` are the first row's number and its place in the unpacked source.
    """

    number: int
    offset: int
    block: bytes
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a row that cannot be read, and why; `last` where the row ends with it.

    `offset` is where the row begins.
    """

    number: int
    offset: int
    data: bytes
    reason: str
    last: bool


@dataclass(frozen=True, slots=True)
class Break:
    """The packed stream ends here, before its time. `at` and `unread` count packed bytes.

    `rows` are known to be there all the same, from `number` on: a table says how many it holds.
    """

    number: int
    offset: int
    reason: str
    at: int
    unread: int
    rows: int = 0


Item = Batch | Piece | Break


class Cutter:
    """Cuts pieces of a stream at `delimiter` into batches, none of them across a part's border."""

    def __init__(
        self, part_bytes: int, number: int = 0, offset: int = 0, *, most: int = MAX_ROW
    ) -> None:
        self._part_bytes = part_bytes
        self._most = most
        self._number = number
        self._offset = self._began = offset
        self._delimiter = b"\n"
        self._long = f"the row is longer than {most:,} bytes"

    def cut(self, pieces: Iterator[bytes], *, paragraphs: bool = False) -> Iterator[Item]:
        """The batches, in order. A damaged stream ends with a Break, after its torn last row."""
        carry = b""
        damage: DamagedError | None = None
        try:
            for index, piece in enumerate(pieces):
                if index == 0 and paragraphs:
                    self._delimiter = b"\r\n\r\n" if b"\r\n\r\n" in piece else b"\n\n"
                data = carry + piece if carry else piece
                *lines, carry = data.split(self._delimiter)
                yield from self._batches(data[: len(data) - len(carry)], lines)
                if len(carry) > self._most:
                    data, carry = carry, b""
                    carry = yield from self._too_long(data, pieces)
        except DamagedError as error:
            damage = error
        *lines, rest = carry.split(self._delimiter)  # what followed a row that was too long
        yield from self._batches(carry[: len(carry) - len(rest)], lines)
        if rest and (damage or len(rest) > self._most):
            yield self._piece(rest, damage.reason if damage else self._long, last=True)
        elif rest:
            yield self._batch(rest, [rest])
        if damage:
            yield Break(self._number, self._offset, damage.reason, damage.at, damage.unread)

    def _too_long(self, data: bytes, pieces: Iterator[bytes]) -> Generator[Piece, None, bytes]:
        """Passes a row on that is longer than the bound; answers what follows it."""
        reason = self._long
        tail = data[-len(self._delimiter) + 1 :] if len(self._delimiter) > 1 else b""
        try:
            for piece in pieces:
                yield self._piece(data, reason, last=False)
                seam = (tail + piece).find(self._delimiter)
                if seam >= 0:
                    end = seam + len(self._delimiter) - len(tail)
                    yield self._piece(piece[:end], reason, last=True)
                    return piece[end:]
                data, tail = piece, piece[-len(tail) :] if tail else b""
        except DamagedError:
            yield self._piece(data, reason, last=True)
            raise
        yield self._piece(data, reason, last=True)
        return b""

    def _piece(self, data: bytes, reason: str, *, last: bool) -> Piece:
        piece = Piece(self._number, self._began, data, reason, last)
        self._offset += len(data)
        if last:
            self._number += 1
            self._began = self._offset
        return piece

    def _batches(self, block: bytes, cut: list[bytes]) -> Iterator[Item]:
        if not block:
            return
        lines = [line + self._delimiter for line in cut]
        part = self._offset // self._part_bytes
        if (self._offset + len(block) - 1) // self._part_bytes == part and len(block) < self._most:
            yield self._batch(block, lines)
            return
        held: list[bytes] = []
        start = self._offset
        for line in lines:
            long = len(line) > self._most
            if held and (long or start // self._part_bytes != part):
                yield self._batch(b"".join(held), held)
                held = []
            part = start // self._part_bytes
            start += len(line)
            if long:
                yield self._piece(line, self._long, last=True)
            else:
                held.append(line)
        if held:
            yield self._batch(b"".join(held), held)

    def _batch(self, block: bytes, lines: list[bytes]) -> Batch:
        batch = Batch(self._number, self._offset, block, lines)
        self._number += len(lines)
        self._offset += len(block)
        self._began = self._offset
        return batch
