"""An OpenAI-compatible upstream that costs next to nothing, so that the gateway is what is timed.

Every answer is built once at the start; a request costs one parse and one write (a stream: one
write a chunk, as a real model's tokens come). Run it, and read the port from its first line:

    python bench/mock_upstream.py [--port N] [--delay-ms MS]
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

import httptools
import orjson
import uvloop

from sample import ANSWER, MODEL, PACED_MODEL, deltas

CREATED = 1_750_000_000
TERMINATOR = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """Bytes ready for the socket. `stream` is the head, then one HTTP chunk for each event."""

    whole: bytes
    models: bytes
    missing: bytes
    head: bytes
    stream: tuple[bytes, ...]
    delay: float


def whole(status: str, value: object) -> bytes:
    """A complete HTTP response with a JSON body."""
    body = orjson.dumps(value)
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"x-request-id: req_mock\r\n\r\n" + body


def http_chunk(data: bytes) -> bytes:
    """`data` as one server-sent event in one chunk of chunked transfer encoding."""
    event = b"data: " + data + b"\n\n"
    return f"{len(event):x}\r\n".encode() + event + b"\r\n"


def stream_chunks() -> Iterator[bytes]:
    """The role with the first delta, the other deltas, the finish and `[DONE]`."""
    base = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": CREATED}

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return http_chunk(orjson.dumps({**base, "model": MODEL, "choices": [choice]}))

    first, *rest = deltas()
    yield event({"role": "assistant", "content": ""}) + event({"content": first})
    for delta in rest:
        yield event({"content": delta})
    yield event({}, "stop") + http_chunk(b"[DONE]") + TERMINATOR


def answers(delay: float) -> Answers:
    """All answers; `delay` is the pause between the chunks of a paced stream, in seconds."""
    message = {"role": "assistant", "content": ANSWER, "refusal": None}
    completion = {
        "id": "chatcmpl-mock",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 240, "completion_tokens": 230, "total_tokens": 470},
    }
    listed = [
        {"id": name, "object": "model", "created": CREATED, "owned_by": "bench"}
        for name in (MODEL, PACED_MODEL)
    ]
    error = {"message": "not found", "type": "invalid_request_error", "param": None, "code": None}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    return Answers(
        whole=whole("200 OK", completion),
        models=whole("200 OK", {"object": "list", "data": listed}),
        missing=whole("404 Not Found", {"error": error}),
        head=head + b"x-request-id: req_mock\r\ntransfer-encoding: chunked\r\n\r\n",
        stream=tuple(stream_chunks()),
        delay=delay,
    )


class Upstream(asyncio.Protocol):
    """One connection: requests in order, each answered from the ready-made bytes."""

    def __init__(self, ready: Answers) -> None:
        self.ready = ready
        self.loop = asyncio.get_running_loop()
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a client that does not speak HTTP is cut off."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            self.transport.abort()
            raise
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        """A new request."""
        self.url = b""
        self.body = []

    def on_url(self, url: bytes) -> None:
        """May come in parts."""
        self.url += url

    def on_body(self, body: bytes) -> None:
        """May come in parts."""
        self.body.append(body)

    def on_message_complete(self) -> None:
        """Answers."""
        if self.url.endswith(b"/models"):
            self.transport.write(self.ready.models)
        elif not self.url.endswith(b"/chat/completions"):
            self.transport.write(self.ready.missing)
        else:
            request = orjson.loads(b"".join(self.body))
            if not request.get("stream"):
                self.transport.write(self.ready.whole)
            else:
                self.transport.write(self.ready.head)
                self.send(0, self.ready.delay if request["model"] == PACED_MODEL else 0.0)

    def send(self, index: int, delay: float) -> None:
        """Writes the stream's chunks from `index` on, pausing `delay` seconds after each."""
        chunks = self.ready.stream
        while index < len(chunks) and not self.transport.is_closing():
            self.transport.write(chunks[index])
            index += 1
            if delay and index < len(chunks):
                self.loop.call_later(delay, self.send, index, delay)
                return


async def serve(port: int, delay: float) -> None:
    """Serves until cancelled, after printing the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Upstream, answers(delay)), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Reads the flags and serves."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one (default)")
    parser.add_argument(
        "--delay-ms", type=float, default=10.0, help=f"between chunks, for model {PACED_MODEL}"
    )
    flags = parser.parse_args()
    uvloop.run(serve(flags.port, flags.delay_ms / 1000))


if __name__ == "__main__":
    main()
