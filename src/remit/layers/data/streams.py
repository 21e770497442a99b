"""A file as pieces of its unpacked bytes, each piece small whatever the file claims.

Where a packed stream is damaged, all that can be unpacked before the damage is given first; then
`DamagedError` says what happened and how much was not read.
Sources: RFC 1952 (gzip), RFC 8878 (zstd).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from remit.layers.data.sources import Source

PIECE = 4_000_000
_FEED = 65_536
_GZIP = 31  # zlib's wbits for a gzip member
_MAX_WINDOW = 1 << 27
_ZSTD_MAGIC = 0xFD2FB528
_SKIPPABLE = 0x184D2A50

Seen = Callable[[int], None]
"""Is told how many bytes of the file were read."""


class DamagedError(Exception):
    """The stream cannot be unpacked further. `at` and `unread` count bytes of the packed file."""

    def __init__(self, reason: str, at: int, unread: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at
        self.unread = unread


def unpacked(source: Source, seen: Seen) -> Iterator[bytes]:
    """The whole file, unpacked. Raises DamagedError, after all that came before the damage."""
    with Path(source.path).open("rb") as file:
        if source.packing == "gzip":
            yield from _gathered(_gunzip(file, source.size, seen))
        elif source.packing == "zstd":
            yield from _gathered(_unzstd(file, source.size, seen))
        else:
            while data := file.read(PIECE):
                seen(len(data))
                yield data


def between(path: str, start: int, stop: int, seen: Seen) -> Iterator[bytes]:
    """Of a file of lines, those whose first byte is in `start` to `stop`, whole."""
    with Path(path).open("rb") as file:
        at = _line_start(file, start, stop)
        seen(min(at, stop) - start)
        last = b""
        while at < stop and (data := file.read(min(PIECE, stop - at))):
            at += len(data)
            last = data[-1:]
            seen(len(data))
            yield data
        while last and last != b"\n" and (data := file.read(PIECE)):
            end = data.find(b"\n") + 1
            yield data[:end] if end else data
            last = b"\n" if end else data[-1:]


def _line_start(file: BinaryIO, start: int, stop: int) -> int:
    """Goes to the first line that begins at `start` or after; answers where that is."""
    if start == 0:
        return 0
    at = start - 1
    file.seek(at)
    while at < stop and (data := file.read(_FEED)):
        end = data.find(b"\n") + 1
        at += end or len(data)
        if end:
            break
    file.seek(at)
    return at


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Small pieces as larger ones; what was gathered before the damage is given first."""
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
    except DamagedError:
        yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


# --- gzip ----------------------------------------------------------------------------------------


def _gunzip(file: BinaryIO, size: int, seen: Seen) -> Iterator[bytes]:
    member, at, left = zlib.decompressobj(_GZIP), 0, b""
    fresh = True
    while data := left or file.read(_FEED):
        if not left:
            seen(len(data))
        if fresh and not data.strip(b"\0"):  # padding between members and after the last, as gzip
            at, left = at + len(data), b""
            continue
        before = member.copy()
        try:
            piece = member.decompress(data, PIECE)
        except zlib.error as error:
            yield from _salvaged(before, data)
            raise DamagedError(f"the gzip stream is damaged ({error})", at, size - at) from None
        yield piece
        left = member.unconsumed_tail or member.unused_data
        at += len(data) - len(left)
        fresh = member.eof
        if fresh:
            member = zlib.decompressobj(_GZIP)
    if not fresh:
        yield member.flush()
        raise DamagedError("the gzip stream is cut off", at, size - at)


def _salvaged(member: Any, data: bytes) -> Iterator[bytes]:
    """What comes before the damage in `data`, to the byte."""
    for index in range(len(data)):
        try:
            yield member.decompress(data[index : index + 1])
        except zlib.error:
            return


# --- zstd ----------------------------------------------------------------------------------------


def _unzstd(file: BinaryIO, size: int, seen: Seen) -> Iterator[bytes]:
    """Unpacks block by block: none holds more than 128 KB, so that no piece can be a bomb."""
    codec = zstandard()
    unpacker = codec.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    while True:
        at = file.tell()
        frame = None
        try:
            magic = file.read(4)
            if not magic:
                return
            number = int.from_bytes(magic, "little")
            if number & ~0xF == _SKIPPABLE:
                _skip(file, size)
            elif number != _ZSTD_MAGIC:
                raise EOFError("no frame begins here")
            else:
                frame = unpacker.decompressobj()
                for piece in _frame(file, magic):
                    yield frame.decompress(piece)
                    seen(len(piece))
        except (EOFError, codec.ZstdError) as error:
            at = min(max(at, file.tell()), size)
            raise DamagedError(f"the zstd stream is damaged ({error})", at, size - at) from None


def _skip(file: BinaryIO, size: int) -> None:
    length = int.from_bytes(_exactly(file, 4), "little")
    if file.tell() + length > size:
        raise EOFError("cut off")
    file.seek(length, 1)


def _frame(file: BinaryIO, magic: bytes) -> Iterator[bytes]:
    """A frame's header, its blocks, its checksum (RFC 8878, section 3.1.1)."""
    descriptor = _exactly(file, 1)
    flags = descriptor[0]
    single = flags >> 5 & 1
    rest = (1 - single) + (0, 1, 2, 4)[flags & 3] + ((single, 2, 4, 8)[flags >> 6])
    yield magic + descriptor + _exactly(file, rest)
    last = False
    while not last:
        head = _exactly(file, 3)
        number = int.from_bytes(head, "little")
        last, kind, length = bool(number & 1), number >> 1 & 3, number >> 3
        yield head + _exactly(file, 1 if kind == 1 else length)
    if flags >> 2 & 1:
        yield _exactly(file, 4)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError("cut off")
    return data


def zstandard() -> Any:
    """The module. Raises MissingExtraError where it is not installed."""
    try:
        import zstandard as module
    except ImportError:
        raise MissingExtraError("zst files need zstandard", "data") from None
    return module


class MissingExtraError(Exception):
    """A format needs an optional part; the message says how to install it."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need}: pip install 'remit[{extra}]'")
