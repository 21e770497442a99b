"""The sending half of a connection: bytes out, backpressure, patience with a slow reader."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

# Bytes above which copying pieces together costs more than a second write.
_JOIN = 65_536


class Sender:
    """Writes to one transport. `seconds` is how long a client may take none of what waits."""

    __slots__ = (
        "_blocked",
        "_loop",
        "_out",
        "_patience",
        "_queued",
        "_seconds",
        "_transport",
        "_unsent",
    )

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, seconds: float
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._seconds = seconds
        self._blocked: asyncio.Future[None] | None = None
        self._patience = math.inf
        self._unsent = 0
        self._out: list[bytes] = []
        self._queued = 0

    def write(self, start: bytes, body: bytes = b"") -> None:
        """Sends both, at once."""
        if self._transport.is_closing():
            return
        if len(body) < _JOIN:
            self._transport.write(start + body)
        else:
            self._transport.write(start)
            self._transport.write(body)

    async def stream(self, start: bytes, items: AsyncIterator[bytes], *, chunks: bool) -> None:
        """Sends `start`, then each item as it comes, in chunks (RFC 9112 section 7.1) or bare.

        Raises what `items` raises, after what came before it was sent.
        """
        try:
            self._queue(start)
            async for item in items:
                if not item:  # an empty chunk would end the body
                    continue
                self._queue(b"%x\r\n%b\r\n" % (len(item), item) if chunks else item)
                if self._queued >= _JOIN:
                    # A stream that never waits must not keep the loop from everyone else.
                    self._flush()
                    await asyncio.sleep(0)
                if self._blocked is not None:
                    await self._blocked
            if chunks:
                self._queue(b"0\r\n\r\n")
        finally:
            self._flush()

    async def drain(self) -> None:
        """Waits until the client has taken most of what was sent."""
        if self._blocked is not None:
            await self._blocked

    def block(self) -> None:
        """The client reads more slowly than it is written to."""
        self._blocked = self._loop.create_future()
        self.be_patient(self._seconds)

    def unblock(self, *, closing: bool) -> None:
        """The client has caught up."""
        blocked, self._blocked = self._blocked, None
        if blocked is not None and not blocked.done():
            blocked.set_result(None)
        if not closing:
            self._patience = math.inf

    def finish(self, linger_seconds: float) -> None:
        """Nothing more will be sent: the client has this long to take it and to hang up."""
        unsent = self._transport.get_write_buffer_size()
        self.be_patient(self._seconds if unsent else linger_seconds)

    def be_patient(self, seconds: float) -> None:
        """Waits `seconds` more, and on as long as some of what is unsent is taken by then."""
        self._patience = self._loop.time() + seconds
        self._unsent = self._transport.get_write_buffer_size()

    def is_stalled(self, now: float) -> bool:
        """Whether patience is over at `now`, in the loop's seconds."""
        if now <= self._patience:
            return False
        if self._transport.get_write_buffer_size() >= self._unsent:
            return True
        self.be_patient(self._seconds)
        return False

    def _queue(self, piece: bytes) -> None:
        """Sends `piece` as soon as the stream waits: what is ready together goes out together."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(piece)
        self._queued += len(piece)

    def _flush(self) -> None:
        if self._out and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
        self._queued = 0
