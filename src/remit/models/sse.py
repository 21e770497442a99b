"""Server-sent events on the wire: the event-stream format of the WHATWG HTML standard, 9.2."""

from __future__ import annotations

from typing import NamedTuple

from remit.models.base import UpstreamError

_BOM = b"\xef\xbb\xbf"
_PREFIX = b"data: "


class Event(NamedTuple):
    """One event: its `event:` name, empty where it has none, and its data lines joined by LF."""

    name: str
    data: bytes


class SseParser:
    """Events out of bytes, however those were split.

    An event without data lines (a comment, a bare `id:`) is not one. `max_event` bounds one
    event in bytes, framing included.
    """

    __slots__ = ("_after_cr", "_buffer", "_max", "_started")

    def __init__(self, max_event: int = 1_000_000) -> None:
        self._buffer = bytearray()
        self._max = max_event
        self._after_cr = False
        self._started = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises UpstreamError `too_large`."""
        if not self._started:
            data = self._without_bom(data)
        if self._after_cr or b"\r" in data:
            data = self._with_bare_lf(data)
        buffer = self._buffer
        if not buffer and data.endswith(b"\n\n"):
            blocks = data[:-2].split(b"\n\n")
        else:
            # Looking back one byte keeps the search linear when an event comes byte by byte.
            searched = max(0, len(buffer) - 1)
            buffer += data
            if buffer.find(b"\n\n", searched) >= 0:
                end = buffer.rfind(b"\n\n")
                blocks = bytes(buffer[:end]).split(b"\n\n")
                del buffer[: end + 2]
            else:
                blocks = []
        if len(buffer) > self._max or (len(data) > self._max and _longest(blocks) > self._max):
            raise UpstreamError("too_large", f"upstream sent an event over {self._max} bytes")
        return [event for block in blocks if (event := _parse(block)) is not None]

    def finish(self) -> bytes:
        """What is left of an event that was begun and never ended: empty after a clean end."""
        lines = bytes(self._buffer).split(b"\n")
        return b"\n".join(line for line in lines if line and not line.startswith(b":"))

    def _without_bom(self, data: bytes) -> bytes:
        data = bytes(self._buffer) + data
        self._buffer.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._buffer += data
            return b""
        self._started = True
        return data.removeprefix(_BOM)

    def _with_bare_lf(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def frame(data: bytes, name: str = "") -> bytes:
    """`data` as one event, ready to send. A line break in it starts another data line."""
    start = f"event: {name}\n".encode() if name else b""
    if b"\n" in data or b"\r" in data:
        text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        data = text.replace(b"\n", b"\n" + _PREFIX)
    return start + _PREFIX + data + b"\n\n"


def _longest(blocks: list[bytes]) -> int:
    return max(map(len, blocks), default=0)


def _parse(block: bytes) -> Event | None:
    if block.startswith(_PREFIX) and b"\n" not in block:
        return Event("", block[len(_PREFIX) :])
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name, b"\n".join(data)) if data else None
