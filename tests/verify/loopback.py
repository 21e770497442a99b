"""A model behind a socket that answers in whatever bytes a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Self

from remit.models.openai import OpenAICompatible
from remit.models.response import ClientLimits
from remit.verify.pace import Pace
from remit.verify.targets import Layered
from remit.verify.upstream import Upstream

Act = Callable[[int, asyncio.StreamWriter], Awaitable[None]]
"""Answers the n-th request."""
LIMITS = ClientLimits(
    connect_seconds=2, first_byte_seconds=0.4, between_bytes_seconds=0.3, body_bytes=200_000
)


def said(text: str | None, **more: object) -> bytes:
    """A completion that says so."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"model": "m", "choices": [choice], **more}).encode()


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sends(*parts: bytes, pause: float = 0.0) -> Act:
    """Answers every request alike."""

    async def act(number: int, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return act


class Loopback:
    """Use as an async context; `target` asks it with short limits."""

    def __init__(self, act: Act, *, retries: int = 0, seconds: float = 1.0) -> None:
        self._act, self._retries, self._seconds = act, retries, seconds
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}/v1"
        model = OpenAICompatible(self.url, None, limits=LIMITS)
        upstream = Upstream("model", model, pace=Pace(retries=self._retries), seconds=self._seconds)
        self.target = Layered("model", upstream)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.target.upstream.close()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.requests.append(body)
                self.times.append(asyncio.get_running_loop().time())
                await self._act(len(self.requests) - 1, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
