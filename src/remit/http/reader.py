"""Bytes in, requests out: HTTP/1.1 parsing with every bound and smuggling defence (RFC 9112).

llhttp's strict mode refuses bare LF, folded headers, repeated or malformed Content-Length, and
Content-Length together with Transfer-Encoding. What it lets through is refused here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import httptools

from remit.http.message import Limits, Request, Response, refusal

_FOREVER = math.inf


class Phase(Enum):
    """How far the message being read has come."""

    IDLE = 0
    HEAD = 1
    BODY = 2


class Incoming(NamedTuple):
    """A whole request, and what its framing says of the answer's."""

    request: Request
    keep_alive: bool
    chunks: bool


class Reader:
    """Reads one connection. `items` fills with requests in order; a refusal is the last item.

    After a refusal, or a request that ends the connection, `closed` is True and nothing more is
    read. `deadline` is when the phase must be over, in the seconds of `clock`.
    """

    __slots__ = (
        "_body",
        "_client",
        "_clock",
        "_fed",
        "_headers",
        "_keep_alive",
        "_limits",
        "_lines",
        "_parser",
        "_pending",
        "_url",
        "_version",
        "closed",
        "continue_due",
        "deadline",
        "items",
        "phase",
    )

    def __init__(self, limits: Limits, client: str, clock: Callable[[], float]) -> None:
        self.items: deque[Incoming | Response] = deque()
        self.phase = Phase.IDLE
        self.closed = False
        self.continue_due = False
        self.deadline = clock() + limits.header_seconds
        self._parser = httptools.HttpRequestParser(self)
        self._limits = limits
        self._client = client
        self._clock = clock
        self._headers: dict[str, str] = {}
        self._lines: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._url = b""
        self._version = "1.1"
        self._keep_alive = True
        self._fed = 0
        self._pending = 0

    def feed(self, data: bytes) -> None:
        """Reads `data`. Never raises: what is wrong becomes a refusal among the items."""
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.closed = True
        except httptools.HttpParserError as error:
            self.refuse(400, "malformed_request", f"malformed HTTP request: {error}")
        if self.phase is Phase.IDLE:
            return
        # Unfinished headers, trailers and chunk extensions pile up unseen inside the parser:
        # count what was fed since the message began or its body last grew.
        self._pending += len(data)
        limits = self._limits
        if self._pending > limits.header_bytes or len(self._lines) > limits.header_count:
            self._refuse_header_size()

    def refuse(self, status: int, code: str, message: str) -> None:
        """Ends reading with an error answer, after the answers of the requests before."""
        if not self.closed:
            self.closed = True
            self.phase = Phase.IDLE
            self.deadline = _FOREVER
            self.continue_due = False
            self.items.append(refusal(status, code, message))

    def expire(self) -> None:
        """The deadline of an unfinished message has passed."""
        what = "headers" if self.phase is Phase.HEAD else "body"
        self.refuse(408, "request_timeout", f"request {what} took too long: send them faster")

    def restart_clock(self) -> None:
        """Gives an unfinished message its full time again, after reading was paused."""
        if self.phase is Phase.HEAD:
            self.deadline = self._clock() + self._limits.header_seconds
        elif self.phase is Phase.BODY:
            self.deadline = self._clock() + self._limits.body_seconds

    # What the parser calls, in this order.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self.closed:
            return
        self.phase = Phase.HEAD
        self.deadline = self._clock() + self._limits.header_seconds
        self._lines = []
        self._url = b""
        self._pending = -self._fed

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer, which is dropped (RFC 9110 section 6.5.1)."""
        if self.phase is Phase.HEAD:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The blank line: everything that can be judged before the body is."""
        if self.closed:
            return
        limits, parser, lines = self._limits, self._parser, self._lines
        size = len(self._url) + sum([len(name) + len(value) + 4 for name, value in lines])
        if size > limits.header_bytes or len(lines) > limits.header_count:
            self._refuse_header_size()
            return
        headers = self._headers = self._gather()
        self._version = parser.get_http_version()
        # An HTTP/1.0 client that keeps connections could not tell where a stream ends.
        self._keep_alive = (
            parser.should_keep_alive() and not parser.should_upgrade() and self._version == "1.1"
        )
        if (fault := self._framing_fault()) is not None:
            self.refuse(400, "malformed_request", fault)
        elif int(headers.get("content-length", "0")) > limits.body_bytes:
            self._refuse_body_size()
        elif "expect" in headers and not self._expect(headers["expect"]):
            self.refuse(417, "expectation_failed", "only Expect: 100-continue is understood")
        else:
            self.phase = Phase.BODY
            self._pending = -self._fed
            if "content-length" in headers or "transfer-encoding" in headers:
                self.deadline = self._clock() + limits.body_seconds

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.closed:
            return
        self._body += data
        self._pending = -self._fed
        if len(self._body) > self._limits.body_bytes:
            self._refuse_body_size()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        if self.closed:
            return
        path, _, query = self._target().partition("?")
        method = self._parser.get_method().decode("ascii")
        request = Request(method, path, query, self._headers, bytes(self._body), self._client)
        if self._body:
            self._body = bytearray()
        self.phase = Phase.IDLE
        self.deadline = _FOREVER
        self.continue_due = False
        self.closed = not self._keep_alive
        self.items.append(Incoming(request, self._keep_alive, self._version == "1.1"))

    def _gather(self) -> dict[str, str]:
        lines = self._lines
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1").rstrip(" \t")
            for name, value in lines
        }
        if len(headers) == len(lines):
            return headers
        headers = {}
        for name, value in lines:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
            earlier = headers.get(key)
            if earlier is not None and key == "host":
                self.refuse(400, "malformed_request", "more than one Host header: send one")
            joint = "; " if key == "cookie" else ", "
            headers[key] = text if earlier is None else f"{earlier}{joint}{text}"
        return headers

    def _target(self) -> str:
        if self._url.startswith(b"/"):
            return self._url.decode("latin-1").partition("#")[0]
        if self._url == b"*":
            return "*"
        url = httptools.parse_url(self._url)
        query = b"?" + url.query if url.query else b""
        return ((url.path or b"/") + query).decode("latin-1")

    def _framing_fault(self) -> str | None:
        coding = self._headers.get("transfer-encoding")
        if self._version not in ("1.1", "1.0"):
            return f"HTTP version {self._version} is not served: use 1.1"
        if coding is not None and coding.lower() != "chunked":
            return "Transfer-Encoding must be chunked and nothing else"
        if coding is not None and self._version == "1.0":
            return "Transfer-Encoding needs HTTP/1.1"
        if self._version == "1.1" and not self._headers.get("host"):
            return "no Host header: HTTP/1.1 needs one"
        if self._parser.get_method() == b"CONNECT":
            return "CONNECT is not served: this is no proxy"
        return None

    def _expect(self, value: str) -> bool:
        # RFC 9110 section 10.1.1: from an HTTP/1.0 client the expectation is ignored.
        self.continue_due = self._version == "1.1"
        return value.lower() == "100-continue"

    def _refuse_header_size(self) -> None:
        limits = self._limits
        self.refuse(
            431,
            "headers_too_large",
            f"headers over {limits.header_bytes} bytes or {limits.header_count} lines",
        )

    def _refuse_body_size(self) -> None:
        self.refuse(413, "request_too_large", f"request body over {self._limits.body_bytes} bytes")
