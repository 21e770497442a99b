"""A lean HTTP/1.1 client for one upstream: kept connections, hard bounds, exact failures."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections import deque
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from remit.models.base import UpstreamError
from remit.models.response import ClientLimits, ClientResponse
from remit.models.wire import Stale, Wire

__all__ = ["Client", "ClientLimits", "ClientResponse"]

_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Client:
    """Requests to one origin, such as `https://api.openai.com`, over a pool of connections.

    Redirects are not followed and proxies not used: what is sent goes to this origin only.
    Raises ValueError where `origin` is not scheme, host and port alone.
    """

    def __init__(
        self,
        origin: str,
        *,
        ssl: tls.SSLContext | None = None,
        limits: ClientLimits | None = None,
    ) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("origin must be http://host[:port] or https://host[:port]")
        if parts.username is not None or parts.path not in ("", "/") or parts.query:
            raise ValueError("origin must hold no user, path or query: give only scheme and host")
        secure = parts.scheme == "https"
        self.limits = limits or ClientLimits()
        self._host = parts.hostname
        self._port = parts.port or (443 if secure else 80)
        self._ssl = (ssl or _verified()) if secure else None
        self._host_line = f"host: {parts.netloc}\r\n"
        waits = self.limits
        shortest = min(waits.first_byte_seconds, waits.between_bytes_seconds, waits.idle_seconds)
        self._tick = max(0.01, min(1.0, shortest / 8))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[Wire] = []
        self._open: set[Wire] = set()
        self._connecting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"Client({self._host}:{self._port})"

    async def request(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> ClientResponse:
        """Sends a request; returns once the answer's headers are in.

        A kept connection that the upstream has closed meanwhile is replaced once, as long as no
        byte of an answer came. Raises UpstreamError: connect, timeout, reset, truncated,
        too_large, bad_response; ValueError where `path` or a header would split the request.
        """
        head = self._head(method, path, headers, body)
        wire = await self._acquire()
        try:
            return await wire.exchange(method, head, body)
        except Stale:
            wire = await self._acquire(fresh=True)
            return await wire.exchange(method, head, body)

    async def close(self) -> None:
        """Drops all connections, those in use too."""
        for wire in list(self._open):
            wire.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # What a connection calls.

    def release(self, wire: Wire) -> None:
        """Keeps the connection for the next request."""
        self._idle.append(wire)
        self._wake_one()

    def forget(self, wire: Wire) -> None:
        """Drops a closed connection."""
        self._open.discard(wire)
        if wire in self._idle:
            self._idle.remove(wire)
        self._wake_one()

    # The pool.

    def _adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        # Connections belong to the loop that made them: those of an earlier one are dead.
        self._loop = loop
        self._idle.clear()
        self._open.clear()
        self._waiting.clear()
        self._connecting = 0
        self._sweeper = None

    async def _acquire(self, *, fresh: bool = False) -> Wire:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._adopt(loop)
        while self._idle:
            # The last one in is the least likely to have been closed by the upstream.
            wire = self._idle.pop()
            if wire.usable and not fresh:
                return wire
            wire.abort()
        seconds = self.limits.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._make(loop)
        except TimeoutError:
            message = f"no connection to {self._host}:{self._port} within {seconds:g} s"
            raise UpstreamError("connect", message) from None
        except (OSError, UnicodeError) as error:
            message = f"cannot connect to {self._host}:{self._port}: {error}"
            raise UpstreamError("connect", message) from error

    async def _make(self, loop: asyncio.AbstractEventLoop) -> Wire:
        while len(self._open) + self._connecting >= self.limits.connections:
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake_one()
                raise
            if self._idle and (wire := self._idle.pop()).usable:
                return wire
        self._connecting += 1
        try:
            _, wire = await loop.create_connection(
                lambda: Wire(self, self.limits, loop), self._host, self._port, ssl=self._ssl
            )
        except BaseException:
            self._wake_one()
            raise
        finally:
            self._connecting -= 1
        self._open.add(wire)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._tick, self._sweep, loop)
        return wire

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        # One timer for all connections, and none while there are none.
        now = loop.time()
        for wire in list(self._open):
            wire.check(now)
        self._sweeper = loop.call_later(self._tick, self._sweep, loop) if self._open else None

    def _head(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1\r\n", self._host_line]
        for name, value in headers:
            if name.lower() not in _FRAMING:
                lines.append(f"{name}: {value}\r\n")
        if body or method not in ("GET", "HEAD"):
            lines.append(f"content-length: {len(body)}\r\n")
        text = "".join(lines)
        if text.count("\n") != len(lines) or text.count("\r") != len(lines) or " " in path:
            raise ValueError("request path or header holds a space, CR or LF: refuse it earlier")
        return (text + "\r\n").encode("latin-1")


def _verified() -> tls.SSLContext:
    context = tls.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
