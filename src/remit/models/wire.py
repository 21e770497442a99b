"""One connection to an upstream: an exchange at a time, bounded, and exact about how it ended."""

from __future__ import annotations

import asyncio
import math
import socket
from typing import Protocol, cast

import httptools

from remit.models.base import UpstreamError
from remit.models.response import ClientLimits, ClientResponse

# Above this, copying a body behind its headers costs more than a second write.
_JOIN = 65_536
_RUN_OUT_SECONDS = 1.0


class Stale(Exception):  # noqa: N818  (a signal to the pool; no caller ever sees it)
    """A kept connection turned out closed before a byte of the answer."""


class Pool(Protocol):
    """Where a connection goes back to."""

    def release(self, wire: Wire) -> None:
        """The exchange is over and the connection can carry another."""
        ...

    def forget(self, wire: Wire) -> None:
        """The connection is gone."""
        ...


class Wire(asyncio.Protocol):
    """Speaks HTTP/1.1 to an upstream on one transport.

    `deadline` is when the present wait has lasted too long, in the loop's seconds.
    """

    __slots__ = (
        "_complete",
        "_headers",
        "_interim",
        "_limits",
        "_lines",
        "_loop",
        "_method",
        "_parser",
        "_paused",
        "_pool",
        "_reply",
        "_response",
        "_size",
        "_spoiled",
        "_touched",
        "_transport",
        "_used",
        "deadline",
    )

    _transport: asyncio.Transport

    def __init__(self, pool: Pool, limits: ClientLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._limits = limits
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._reply: asyncio.Future[ClientResponse] | None = None
        self._response: ClientResponse | None = None
        self._headers: dict[str, str] = {}
        self._lines: list[tuple[bytes, bytes]] = []
        self._method = ""
        self._size = 0
        self._touched = self._used = self._paused = False
        self._complete = self._interim = self._spoiled = False
        self.deadline = math.inf

    @property
    def usable(self) -> bool:
        """Whether another exchange may be tried."""
        return not self._transport.is_closing()

    async def exchange(self, method: str, head: bytes, body: bytes) -> ClientResponse:
        """Sends a request; returns once the answer's headers are in.

        Raises UpstreamError, or Stale where an earlier exchange's connection was closed since.
        """
        reply: asyncio.Future[ClientResponse] = self._loop.create_future()
        self._reply = reply
        self._response = None
        self._lines = []
        self._method = method
        self._size = 0
        self._touched = self._complete = False
        self.deadline = self._loop.time() + self._limits.first_byte_seconds
        if len(body) < _JOIN:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        try:
            return await reply
        except asyncio.CancelledError:
            self.abort()
            raise

    def abort(self) -> None:
        """Closes the socket at once."""
        self._spoiled = True
        self._transport.abort()

    def check(self, now: float) -> None:
        """Enforces the deadline: an exchange times out, an idle connection is closed."""
        if now <= self.deadline:
            return
        if self._reply is None:
            self.abort()
        elif self._response is None:
            seconds = self._limits.first_byte_seconds
            self._fail("timeout", f"upstream sent no whole headers within {seconds:g} s")
        else:
            seconds = self._limits.between_bytes_seconds
            self._fail("timeout", f"upstream sent nothing for {seconds:g} s")

    def run_out(self) -> None:
        """Drops the little that is left of the answer, then is free again; or else is closed."""
        self.resume()
        self._response = None
        self.deadline = self._loop.time() + _RUN_OUT_SECONDS

    def resume(self) -> None:
        """The reader of the body has caught up."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self.deadline = self._loop.time() + self._limits.between_bytes_seconds
            self._transport.resume_reading()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer, or of nobody's: a kept connection has nothing to say."""
        if self._reply is None:
            self.abort()
            return
        self._touched = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("bad_response", "upstream switched protocols unasked")
        except httptools.HttpParserError as error:
            self._spoiled = True
            if not self._complete:
                self._fail("bad_response", f"upstream answered malformed HTTP: {error}")
        if self._complete:
            self._finish()
            return
        # Headers, trailers and chunk extensions pile up unseen inside the parser.
        self._size += len(data)
        if self._size > self._limits.header_bytes + len(data) * (self._response is not None):
            self._fail_on_headers()
        if self._response is not None and not self._paused:
            self.deadline = self._loop.time() + self._limits.between_bytes_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed: whether that ends the body or cuts it off depends on the framing."""
        if self._reply is not None:
            ended = exc is None and not self._spoiled and self._runs_to_the_end()
            if self._response is not None and ended:
                self._response.end()
            elif self._response is None and not self._touched:
                self._fail("reset", "upstream closed the connection without an answer")
            elif exc is not None:
                self._fail("reset", f"upstream broke the connection off: {exc}")
            else:
                self._fail("truncated", "upstream closed the connection within its answer")
        self._pool.forget(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """The first byte of an answer. A second one was not asked for."""
        self._spoiled |= self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; trailers are dropped."""
        if self._response is None:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The blank line."""
        if self._complete or self._reply is None or self._reply.done():
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._interim = True
            return
        if not 200 <= status <= 599:
            self._fail("bad_response", f"upstream answered with status {status}")
            return
        lines, limits = self._lines, self._limits
        size = sum([len(name) + len(value) + 4 for name, value in lines])
        if size > limits.header_bytes or len(lines) > limits.header_count:
            self._fail_on_headers()
            return
        self._headers = _gather(lines)
        self._response = ClientResponse(self, status, self._headers, self._limits)
        self._reply.set_result(self._response)
        self._size = 0
        if self._method == "HEAD":
            # The parser would wait for the body that the headers announce.
            self._complete = self._spoiled = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._response is None or self._complete:
            return
        self._size = 0
        if not self._response.add(data) and not self._paused:
            self._paused = True
            self.deadline = math.inf
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The last byte of an answer, or of an interim one (RFC 9110 section 15.2)."""
        if self._interim:
            self._interim = False
            self._lines = []
        elif self._reply is not None and self._reply.done():
            self._complete = True
            self._spoiled |= not self._parser.should_keep_alive()

    # Ending.

    def _runs_to_the_end(self) -> bool:
        headers = self._headers
        return "content-length" not in headers and "transfer-encoding" not in headers

    def _finish(self) -> None:
        response, self._response, self._reply = self._response, None, None
        # An answer that came before the request was sent leaves half a request on the wire.
        reusable = not self._spoiled and not self._transport.get_write_buffer_size()
        self.resume()
        if response is not None:
            response.end()
        if reusable:
            self._used = True
            self.deadline = self._loop.time() + self._limits.idle_seconds
            self._pool.release(self)
        else:
            self.abort()

    def _fail_on_headers(self) -> None:
        limits = self._limits
        bound = f"{limits.header_bytes} bytes or {limits.header_count} lines"
        self._fail("too_large", f"upstream headers over {bound}")

    def _fail(self, kind: str, message: str) -> None:
        reply, response = self._reply, self._response
        self._reply = self._response = None
        if response is not None:
            response.end(UpstreamError(kind, message))
        elif reply is not None and not reply.done():
            stale = self._used and not self._touched and kind == "reset"
            reply.set_exception(Stale() if stale else UpstreamError(kind, message))
        self.abort()


def _gather(lines: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names to values, repeated ones joined (RFC 9110 section 5.3)."""
    headers: dict[str, str] = {}
    for name, value in lines:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
