"""One client's connection: requests answered in order, backpressure both ways, no idle task."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import Protocol, cast

from remit.http.message import App, Limits, Response, has_body, head, refusal
from remit.http.reader import Incoming, Phase, Reader
from remit.http.sender import Sender

log = logging.getLogger(__name__)

# Bytes parsed at a time, so that one read full of tiny requests cannot outrun the pipeline bound.
_SLICE = 16_384


class Host(Protocol):
    """What a connection needs to know of its server."""

    app: App
    limits: Limits
    loop: asyncio.AbstractEventLoop
    draining: bool

    def admit(self, connection: Connection) -> bool:
        """Counts it in; False where it must be refused."""
        ...

    def forget(self, connection: Connection) -> None:
        """Counts it out."""
        ...


class Connection(asyncio.Protocol):
    """Speaks HTTP/1.1 on one transport.

    A client that closes, or half-closes, has gone: the application's task is cancelled at once,
    so that no model goes on writing for nobody.
    """

    __slots__ = (
        "_closing",
        "_current",
        "_held",
        "_host",
        "_lost",
        "_reader",
        "_reading",
        "_sender",
        "_task",
        "_transport",
    )

    _transport: asyncio.Transport
    _reader: Reader
    _sender: Sender

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held = bytearray()
        self._current: Incoming | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading = True
        self._closing = False
        self._lost = False

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        client = peer[0] if isinstance(peer, tuple) else "local"
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        limits, loop = self._host.limits, self._host.loop
        self._reader = Reader(limits, client, loop.time)
        self._sender = Sender(self._transport, loop, limits.write_seconds)
        if not self._host.admit(self):
            self._reader.refuse(503, "overloaded", "too many connections: try again later")
            self._advance()

    def data_received(self, data: bytes) -> None:
        """Bytes have come. What comes after the last request is thrown away."""
        if self._reader.closed:
            return
        if self._held or len(data) > _SLICE:
            self._held += data
            self._feed_held()
        else:
            self._reader.feed(data)
        self._advance()

    def eof_received(self) -> None:
        """The client has closed, or half-closed, its side."""
        self._abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._lost = True
        self._host.forget(self)
        self._abandon()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        self._sender.block()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._sender.unblock(closing=self._closing)

    # What the server calls.

    def check(self, now: float) -> None:
        """Enforces the deadlines that have passed at `now`."""
        if self._sender.is_stalled(now):
            self._transport.abort()
            return
        reader = self._reader
        if now > reader.deadline and self._reading and not self._closing:
            if reader.phase is Phase.IDLE:
                self._close(linger=False)
            else:
                reader.expire()
                self._advance()

    def drain(self) -> None:
        """Closes once the request being read or answered is done; at once where there is none."""
        if self._current is None and self._reader.phase is Phase.IDLE and not self._reader.items:
            self._close(linger=False)

    def abort(self) -> asyncio.Task[None] | None:
        """Cuts the connection off. Returns the cancelled task of the application, if any."""
        task = self._task
        self._abandon()
        self._transport.abort()
        return task

    # Reading.

    def _feed_held(self) -> None:
        reader, held = self._reader, self._held
        while held and not reader.closed and len(reader.items) < self._host.limits.pipeline:
            reader.feed(bytes(held[:_SLICE]))
            del held[:_SLICE]
        if reader.closed:
            held.clear()

    def _advance(self) -> None:
        """Starts the next answer when none is running, and reads on as far as the bounds allow."""
        reader = self._reader
        if self._current is None and not self._closing:
            if self._held and not reader.items:
                self._feed_held()
            if reader.items:
                item = reader.items.popleft()
                if isinstance(item, Response):
                    self._refuse(item)
                else:
                    self._current = item
                    self._task = self._host.loop.create_task(self._answer(item))
            elif reader.continue_due:
                reader.continue_due = False
                self._sender.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        may_read = not self._held and len(reader.items) < self._host.limits.pipeline
        if may_read != self._reading and not self._transport.is_closing():
            self._reading = may_read
            if may_read:
                reader.restart_clock()
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # Answering.

    async def _answer(self, incoming: Incoming) -> None:
        complete = False
        try:
            complete = await self._respond(incoming)
        finally:
            self._current = self._task = None
            if not complete and not self._lost:
                self._transport.abort()
        if self._lost or not complete:
            return
        if not incoming.keep_alive or self._host.draining:
            self._close()
            return
        reader = self._reader
        if reader.phase is Phase.IDLE and not reader.closed:
            reader.deadline = self._host.loop.time() + self._host.limits.idle_seconds
        self._advance()

    async def _respond(self, incoming: Incoming) -> bool:
        """Calls the application and writes its answer. False where it could not be completed."""
        response: Response | None = None
        try:
            response = await self._host.app(incoming.request)
            start = self._head(response, incoming)
        except Exception:
            log.exception("the application failed on %s", incoming.request.path)
            if response is not None:
                await response.discard()
            response = refusal(500, "internal_error", "the server failed on this request")
            start = self._head(response, incoming)
        sends = has_body(response.status, incoming.request.method)
        if self._lost or response.stream is None or not sends:
            await response.discard()
            self._sender.write(start, response.body if sends else b"")
            await self._sender.drain()
            return True
        try:
            return await self._send_stream(start, response.stream, chunks=incoming.chunks)
        finally:
            await response.discard()

    def _head(self, response: Response, incoming: Incoming) -> bytes:
        close = not incoming.keep_alive or self._host.draining
        return head(response, chunked=incoming.chunks, close=close)

    async def _send_stream(
        self, start: bytes, stream: AsyncIterator[bytes], *, chunks: bool
    ) -> bool:
        try:
            await self._sender.stream(start, stream, chunks=chunks)
        except Exception:
            log.exception("the application's stream failed: the answer is cut short")
            # Without the last chunk a clean close reads as truncated; a body that runs to the
            # end of the connection is only cut visibly by a reset.
            if chunks:
                self._close()
            return chunks
        return True

    # Ending.

    def _refuse(self, response: Response) -> None:
        self._sender.write(head(response, chunked=False, close=True), response.body)
        self._close()

    def _close(self, *, linger: bool = True) -> None:
        """Closes once everything is sent, by default leaving the client time to read it.

        Closing while unread bytes wait would reset the connection, and the client might lose
        the answer: so the sending side is closed, and what comes is dropped for a while.
        """
        if self._closing or self._transport.is_closing():
            return
        self._closing = self._reader.closed = True
        self._held.clear()
        self._sender.finish(self._host.limits.linger_seconds)
        if linger and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _abandon(self) -> None:
        current, self._current = self._current, None
        self._reader.closed = True
        self._reader.items.clear()
        if current is not None:
            if self._task is not None:
                self._task.cancel()
            current.request.disconnect()
