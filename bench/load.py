"""Load on one chat-completions endpoint; prints its figures as one line of JSON.

Whole answers and unpaced streams are driven by `wrk` where it is installed, else (and with
`--drain`) by the client below, which lets what is under way at the end finish. Paced streams are
always driven by the client below: it takes the time to the first event and to the first text,
and checks that each stream ended with `[DONE]` and that its text is the one that the upstream
sent. It is a process of its own, so that its cost is not counted as the gateway's:

    python bench/load.py URL --connections 16 --seconds 4 --kind whole|stream|paced
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import orjson
import uvloop

from sample import ANSWER, deltas, request_body

GRACE = 60.0
"""Seconds that answers still under way at the end of the window get to finish."""

CHECK_EVERY = 8
"""Unpaced, one answer in so many has its text compared: parsing all would cap the load."""

FIRST_TEXT = re.compile(rb'"content": ?"[^"]')


@dataclass(frozen=True, slots=True)
class Figures:
    """What one window came to. Latencies are of whole answers, in milliseconds.

    `seconds` lasts until the last answer that was counted as completed.
    """

    completed: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    first_event_p50_ms: float | None = None
    first_text_p50_ms: float | None = None
    first_text_p99_ms: float | None = None
    client: str = "asyncio"


@dataclass(slots=True)
class Tally:
    """What the connections note down, in seconds."""

    deadline: float
    stream: bool
    check_every: int
    latency: list[float] = field(default_factory=list)
    first_event: list[float] = field(default_factory=list)
    first_text: list[float] = field(default_factory=list)
    errors: int = 0


def text_of(body: bytes, *, stream: bool) -> str:
    """The answer's text. Raises ValueError or LookupError where the body is not an answer."""
    if not stream:
        return str(orjson.loads(body)["choices"][0]["message"]["content"])
    parts: list[str] = []
    for line in body.splitlines():
        if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
            choices = orjson.loads(line[5:])["choices"]
            parts += [choice["delta"].get("content") or "" for choice in choices]
    return "".join(parts)


def is_right(body: bytes, *, stream: bool) -> bool:
    """Whether the answer is the one that the upstream sent, whole and unchanged."""
    try:
        return text_of(body, stream=stream) == ("".join(deltas()) if stream else ANSWER)
    except (ValueError, LookupError):
        return False


class Connection(asyncio.Protocol):
    """Sends one request after the other until the deadline."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self.request = request
        self.tally = tally
        self.parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        self.sent = 0.0
        self.count = 0
        self.seen_event = self.seen_text = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts."""
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection lost before the deadline is an error."""
        if self.body or time.perf_counter() < self.tally.deadline:
            self.tally.errors += 1
        if not self.closed.done():
            self.closed.set_result(None)

    def send(self) -> None:
        """Sends the next request."""
        self.body = []
        self.seen_event = self.seen_text = not self.tally.stream
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.tally.errors += 1
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        """Keeps the bytes, and notes when the first event and the first text came."""
        self.body.append(body)
        if self.seen_text:
            return
        now = time.perf_counter() - self.sent
        if not self.seen_event and b"data:" in body:
            self.seen_event = True
            self.tally.first_event.append(now)
        if FIRST_TEXT.search(body):
            self.seen_text = True
            self.tally.first_text.append(now)

    def on_message_complete(self) -> None:
        """Notes the answer, and goes on or stops."""
        now = time.perf_counter()
        tally, body = self.tally, b"".join(self.body)
        right = self.parser.get_status_code() == 200
        right = right and (not tally.stream or b"[DONE]" in body[-64:])
        if right and self.count % tally.check_every == 0:
            right = is_right(body, stream=tally.stream)
        self.count += 1
        if right:
            tally.latency.append(now - self.sent)
        else:
            tally.errors += 1
        self.body = []
        if now < tally.deadline:
            self.send()
        else:
            self.transport.close()


def http_request(url: str, body: bytes) -> bytes:
    """The request's bytes on the wire."""
    parts = urlsplit(url)
    return (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def percentile(values: Sequence[float], percent: int) -> float:
    """In milliseconds; 0 of nothing."""
    if len(values) < 2:
        return 1000 * sum(values)
    return 1000 * statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def drive(url: str, connections: int, seconds: float, kind: str) -> Figures:
    """One window with the asyncio client."""
    parts, stream = urlsplit(url), kind != "whole"
    place = (parts.hostname or "127.0.0.1", parts.port or 80)
    request = http_request(url, request_body(stream=stream, paced=kind == "paced"))
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    tally = Tally(start + seconds, stream, 1 if kind == "paced" else CHECK_EVERY)
    opened = [
        await loop.create_connection(lambda: Connection(request, tally), *place)
        for _ in range(connections)
    ]
    finished = [protocol.closed for _, protocol in opened]
    _, late = await asyncio.wait(finished, timeout=seconds + GRACE)
    taken = time.perf_counter() - start
    return Figures(
        completed=len(tally.latency),
        seconds=taken,
        per_second=len(tally.latency) / taken,
        p50_ms=percentile(tally.latency, 50),
        p99_ms=percentile(tally.latency, 99),
        errors=tally.errors + len(late),
        first_event_p50_ms=percentile(tally.first_event, 50) if stream else None,
        first_text_p50_ms=percentile(tally.first_text, 50) if stream else None,
        first_text_p99_ms=percentile(tally.first_text, 99) if stream else None,
    )


def wrk(url: str, connections: int, seconds: int, kind: str) -> Figures:
    """One window with `wrk`, which drops what is unfinished at the end."""
    script = Path(__file__).with_name("post.lua")
    with tempfile.NamedTemporaryFile() as body:
        body.write(request_body(stream=kind != "whole"))
        body.flush()
        shape = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
        command = ["wrk", *shape, "-s", str(script), url, "--", body.name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = orjson.loads(output.strip().splitlines()[-1])
    return Figures(**found, per_second=found["completed"] / found["seconds"], client="wrk")


def main() -> None:
    """Reads the flags and drives one window."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="of the chat-completions endpoint")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--kind", choices=("whole", "stream", "paced"), default="whole")
    parser.add_argument("--drain", action="store_true", help="without wrk, which drops the rest")
    flags = parser.parse_args()
    if flags.kind != "paced" and not flags.drain and shutil.which("wrk"):
        figures = wrk(flags.url, flags.connections, flags.seconds, flags.kind)
    else:
        figures = uvloop.run(drive(flags.url, flags.connections, flags.seconds, flags.kind))
    print(orjson.dumps(asdict(figures)).decode(), flush=True)


if __name__ == "__main__":
    main()
