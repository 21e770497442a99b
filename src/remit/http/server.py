"""A lean HTTP/1.1 server: limits, faults and draining, with no knowledge of what it serves."""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from functools import partial
from typing import Self

from remit.http.connection import Connection
from remit.http.message import App, Limits, Request, Response, refusal

__all__ = ["App", "Limits", "Request", "Response", "Server", "refusal", "serve"]


class Server:
    """A listening server. Made by `serve`; usable as an async context manager."""

    def __init__(self, app: App, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.limits = limits
        self.loop = loop
        self.draining = False
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._shortest = min(
            limits.header_seconds,
            limits.body_seconds,
            limits.idle_seconds,
            limits.write_seconds,
            limits.linger_seconds,
        )
        self._sweeper = loop.call_later(self._tick, self._sweep)

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports that are listened on, one for each socket."""
        sockets = self._listener.sockets if self._listener else ()
        return tuple(s.getsockname()[1] for s in sockets if s.family != socket.AF_UNIX)

    @property
    def port(self) -> int:
        """The first port. Raises ValueError where the server does not listen on TCP."""
        if not self.ports:
            raise ValueError("server listens on no TCP port: it is closed, or on a UNIX socket")
        return self.ports[0]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def listen(self, listener: asyncio.Server) -> None:
        """Takes the listening sockets, to close them later."""
        self._listener = listener

    def admit(self, connection: Connection) -> bool:
        """Counts a new connection in. False where the limit is reached: answer 503 and close."""
        self._connections.add(connection)
        return len(self._connections) <= self.limits.connections and not self.draining

    def forget(self, connection: Connection) -> None:
        """Counts a closed connection out."""
        self._connections.discard(connection)
        if not self._connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def close(self, grace_seconds: float = 10.0) -> None:
        """Stops accepting, lets running answers finish for `grace_seconds`, then cuts them off."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.drain()
        if self._connections:
            self._emptied = self.loop.create_future()
            await asyncio.wait([self._emptied], timeout=grace_seconds)
        leftover = [connection.abort() for connection in list(self._connections)]
        tasks = [task for task in leftover if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        self._sweeper.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def _tick(self) -> float:
        return max(0.01, min(1.0, self._shortest / 8))

    def _sweep(self) -> None:
        # One timer for all connections: a timer each would cost more than parsing a request.
        now = self.loop.time()
        for connection in list(self._connections):
            connection.check(now)
        self._sweeper = self.loop.call_later(self._tick, self._sweep)


async def serve(
    app: App,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: Limits | None = None,
    ssl: tls.SSLContext | None = None,
    reuse_port: bool = False,
    sock: socket.socket | None = None,
    backlog: int = 1024,
) -> Server:
    """Serves `app` on `host`:`port`, or on the bound socket `sock`. Port 0 picks a free one.

    With `reuse_port` several worker processes share one port (SO_REUSEPORT). Raises OSError
    where the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    server = Server(app, limits or Limits(), loop)
    listen = partial(
        loop.create_server,
        partial(Connection, server),
        ssl=ssl,
        backlog=backlog,
        reuse_port=reuse_port or None,
        ssl_handshake_timeout=server.limits.header_seconds if ssl else None,
    )
    try:
        listener = await (listen(sock=sock) if sock is not None else listen(host, port))
    except BaseException:
        await server.close(0)
        raise
    server.listen(listener)
    return server
