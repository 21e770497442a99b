"""The whole record as a stream of JSON Lines, without ever holding more than a little of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import suppress
from typing import BinaryIO, Final, cast

from remit.evidence import export

_CHUNK: Final = 65_536
_AHEAD: Final = 4
_WAIT_SECONDS: Final = 60.0


class _GoneError(OSError):
    """Nobody reads any more."""


class _Pipe:
    """A file that hands what is written to a reader, and waits while the reader is behind."""

    def __init__(self) -> None:
        self.chunks: queue.Queue[bytes | Exception] = queue.Queue(_AHEAD)
        self.gone = threading.Event()
        self._gathered = bytearray()

    def write(self, data: bytes) -> int:
        self._gathered += data
        if len(self._gathered) >= _CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        chunk = bytes(self._gathered)
        self._gathered.clear()
        if chunk:
            self.put(chunk)

    def put(self, item: bytes | Exception) -> None:
        if self.gone.is_set():
            raise _GoneError("the reader has gone away")
        try:
            self.chunks.put(item, timeout=_WAIT_SECONDS)
        except queue.Full:
            raise _GoneError("the reader has stopped reading") from None


def lines(url: str) -> Generator[bytes, None, None]:
    """The export of the record at `url`, in chunks. Closing it ends the reading.

    Raises EvidenceError in the middle of it where the record cannot be read on.
    """
    pipe = _Pipe()
    thread = threading.Thread(target=_write, args=(url, pipe), name="remit-export", daemon=True)
    thread.start()
    try:
        while chunk := pipe.chunks.get():
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk
    finally:
        pipe.gone.set()
        while not pipe.chunks.empty():
            pipe.chunks.get_nowait()
        thread.join()


def _write(url: str, pipe: _Pipe) -> None:
    try:
        export(url, cast("BinaryIO", pipe))
        pipe.flush()
        pipe.put(b"")
    except _GoneError:
        pass
    except Exception as error:  # noqa: BLE001  it is raised again where somebody reads
        with suppress(_GoneError):
            pipe.put(error)
