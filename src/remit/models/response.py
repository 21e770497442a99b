"""An upstream's answer as its reader sees it: a bounded buffer that says how the body ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, Self

from remit.models.base import UpstreamError

# Bytes held for a reader that lags before the upstream is made to wait.
_HIGH_WATER = 262_144


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What is allowed of one upstream. Sizes are bytes, times are seconds.

    `first_byte_seconds` runs until the headers are complete; `between_bytes_seconds` between
    two reads of the body, not counting the time that its reader lags. `body_bytes` bounds a
    body read whole; `chunks` is bounded in what it buffers, not in its length.
    """

    connect_seconds: float = 10.0
    first_byte_seconds: float = 300.0
    between_bytes_seconds: float = 60.0
    idle_seconds: float = 30.0
    body_bytes: int = 50_000_000
    header_bytes: int = 65_536
    header_count: int = 256
    connections: int = 256

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"limit {name} must be positive")


class Source(Protocol):
    """Where the body comes from."""

    def abort(self) -> None:
        """Closes the socket at once."""
        ...

    def resume(self) -> None:
        """The reader has caught up."""
        ...

    def run_out(self) -> None:
        """The rest is not wanted, but is short."""
        ...


class ClientResponse:
    """An answer whose headers are in: `status`, `headers` (lower-case names), and its body.

    The body is taken once, by `read` or by `chunks`. Where neither is wanted to its end, `close`
    drops the connection.
    """

    __slots__ = (
        "_ended",
        "_fault",
        "_limits",
        "_parts",
        "_size",
        "_waiter",
        "_wire",
        "headers",
        "status",
    )

    def __init__(
        self, wire: Source, status: int, headers: dict[str, str], limits: ClientLimits
    ) -> None:
        self.status = status
        self.headers = headers
        self._wire: Source | None = wire
        self._limits = limits
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False
        self._fault: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """The whole body. Raises UpstreamError: too_large, timeout, reset, truncated."""
        limit = self._limits.body_bytes
        if self._ended and self._fault is None and len(self._parts) == 1 and self._size <= limit:
            return self._take()
        body = bytearray()
        declared = self.headers.get("content-length", "")
        fits = not declared.isdecimal() or int(declared) <= limit
        try:
            async for part in self:
                body += part
                if not fits or len(body) > limit:
                    raise UpstreamError("too_large", f"upstream body over {limit} bytes")
        finally:
            await self.close()
        return bytes(body)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises UpstreamError as `read` does, but for its size."""
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._parts and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            except asyncio.CancelledError:
                await self.close()
                raise
        if self._parts:
            return self._take()
        if self._fault is not None:
            raise self._fault
        raise StopAsyncIteration

    async def close(self) -> None:
        """Drops what has not been read, and with it the connection where the body is not over."""
        self._parts.clear()
        if self._wire is not None:
            self._wire.abort()
            self._wire = None
            self._ended = True

    aclose = close

    def let_go(self) -> None:
        """Nothing more is wanted, and the body is about to end: the connection may be kept."""
        self._parts.clear()
        if self._wire is not None:
            self._wire.run_out()
            self._wire = None
            self._ended = True

    # What the connection calls.

    def add(self, data: bytes) -> bool:
        """Takes a piece of the body. False where the reader lags: pause."""
        self._parts.append(data)
        self._size += len(data)
        self._wake()
        return self._size < _HIGH_WATER

    def end(self, fault: UpstreamError | None = None) -> None:
        """The body is over; with `fault`, before its time."""
        if not self._ended:
            self._wire = None
            self._ended = True
            self._fault = fault
            self._wake()

    def _take(self) -> bytes:
        # All that has come is one piece: a burst then costs its reader one step, not sixty.
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        if self._wire is not None:
            self._wire.resume()
        return part

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
