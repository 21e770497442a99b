"""What passes between the HTTP server and its application, and how it is put on the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server allows. Sizes are bytes, times are seconds.

    Raises ValueError where a limit is not positive: zero would mean "none" to one reader and
    "unlimited" to another.
    """

    header_bytes: int = 32_768
    header_count: int = 128
    body_bytes: int = 10_000_000
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    linger_seconds: float = 2.0
    connections: int = 4096
    pipeline: int = 16

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"limit {name} must be positive")


@dataclass(slots=True)
class Request:
    """A whole request.

    `path` and `query` are as they came, percent-encoding kept; `headers` have lower-case names,
    repeated ones joined by `, ` (RFC 9110 section 5.3); `client` is the peer's address.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    client: str
    disconnected: bool = False
    _callbacks: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Calls `callback` if the client goes away before its answer is complete.

        The application's task is cancelled right after, so most need no callback.
        """
        if self.disconnected:
            callback()
        else:
            self._callbacks.append(callback)

    def disconnect(self) -> None:
        """Tells the application that nobody waits for the answer any more."""
        self.disconnected = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


@dataclass(slots=True)
class Response:
    """An answer: `body` whole, or `stream`, whose items are each flushed at once.

    Framing belongs to the server: content-length, transfer-encoding and connection headers
    given here are left out. A stream that raises ends the connection without the terminating
    chunk, so that the client knows it was cut short.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None

    async def discard(self) -> None:
        """Closes the stream: runs a generator's `finally` now, not when it is collected."""
        aclose = getattr(self.stream, "aclose", None)
        if aclose is not None:
            await aclose()


App = Callable[[Request], Awaitable[Response]]


def has_body(status: int, method: str) -> bool:
    """Whether an answer carries content at all (RFC 9110 section 6.4.1)."""
    return method != "HEAD" and status not in _BODILESS


def head(response: Response, *, chunked: bool, close: bool) -> bytes:
    """The status line and headers.

    Raises ValueError where the status is not final (200 to 599), or where a header would split
    the response (CR, LF or NUL in it) or cannot be written in Latin-1.
    """
    if not 200 <= response.status <= 599:
        raise ValueError(f"response status {response.status} is not within 200 to 599")
    lines = [_STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} \r\n"]
    for name, value in response.headers:
        if name.lower() not in _FRAMING:
            lines.append(f"{name}: {value}\r\n")
    if response.status in _BODILESS:
        pass
    elif response.stream is None:
        lines.append(f"content-length: {len(response.body)}\r\n")
    elif chunked:
        lines.append("transfer-encoding: chunked\r\n")
    if close:
        lines.append("connection: close\r\n")
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise ValueError("response header holds CR, LF or NUL: strip it before answering")
    return (text + "\r\n").encode("latin-1")


def refusal(status: int, code: str, message: str) -> Response:
    """An error answer in OpenAI's shape, so that official clients show its message."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Response(
        status,
        [("content-type", "application/json")],
        json.dumps({"error": error}).encode(),
    )
