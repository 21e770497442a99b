"""A model's server that plays recorded bytes, cut wherever a test wants them cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson

from remit.models.response import ClientLimits

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]
JSON = "application/json"
KEY = "sk-upstream-secret-0123456789"
LIMITS = ClientLimits(connect_seconds=1, first_byte_seconds=0.4, between_bytes_seconds=0.4)
EVENTS = "text/event-stream; charset=utf-8"


@dataclass
class Upstream:
    """What is played next, and what was asked: `requests` are the raw bodies, `gone` counts
    clients that left before the end."""

    port: int = 0
    play: Play | None = None
    requests: list[bytes] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    gone: int = 0

    @property
    def base_url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def upstream(play: Play | None = None) -> AsyncIterator[Upstream]:
    """Serves what `play` writes, one connection a request."""
    state = Upstream(play=play)
    tasks: set[asyncio.Task[Any]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            state.heads.append(head)
            lengths = [line for line in head.lower().split("\r\n") if "content-length" in line]
            size = int(lengths[0].partition(":")[2]) if lengths else 0
            state.requests.append(await reader.readexactly(size))
            assert state.play is not None
            playing = asyncio.ensure_future(state.play(writer))
            leaving = asyncio.ensure_future(reader.read(1))
            try:
                await asyncio.wait((playing, leaving), return_when="FIRST_COMPLETED")
                if not playing.done():
                    state.gone += 1
                elif not playing.cancelled() and (error := playing.exception()):
                    state.gone += isinstance(error, ConnectionError)
            finally:
                playing.cancel()
                leaving.cancel()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def head(status: int = 200, kind: str = EVENTS, **more: str) -> bytes:
    """The start of an answer that ends with the connection."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def pieces(*items: bytes, pause: float = 0.0) -> Play:
    """Writes pieces one by one, each to be read by itself."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for item in items:
            writer.write(item)
            await writer.drain()
            await asyncio.sleep(pause)

    return play


def chunked(*items: bytes) -> Play:
    """A streamed answer with its pieces as HTTP chunks: what is cut short can be told."""
    parts = [b"%x\r\n%b\r\n" % (len(item), item) for item in items if item]
    start = head(transfer_encoding="chunked")
    return pieces(start, *parts, b"0\r\n\r\n")


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` cut at the given places."""
    edges = [0, *sorted(set(places)), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def body(value: Any, status: int = 200) -> Play:
    """A whole answer, from a value or from bytes."""
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return pieces(head(status, JSON, content_length=str(len(data))) + data)


def sse(events: Sequence[Any], done: bool = True) -> bytes:
    """Events as a stream's bytes."""
    data = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)
    return data + (b"data: [DONE]\n\n" if done else b"")


def event(delta: Any, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    """One chunk as OpenAI sends it, with fields that nobody here knows."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-up",
        "object": "chat.completion.chunk",
        "created": 1_767_225_600,
        "model": "gpt-x",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [choice],
        "obfuscation": "aZ3",
        **more,
    }


def story(*texts: str, **more: Any) -> list[dict[str, Any]]:
    """A streamed answer of these texts."""
    return [
        event({"role": "assistant", "content": "", "refusal": None}, **more),
        *(event({"content": text}, **more) for text in texts),
        event({}, "stop", **more),
    ]


def is_clean(answer: Any) -> None:
    """Nothing of what was held back, of the key, or of our insides."""
    assert b"0417" not in answer.body
    assert b"NL91" not in answer.body
    for text in (KEY.encode(), b"Traceback", b"remit/", b"127.0.0.1"):
        assert text not in answer.body
        assert text.decode() not in "".join(answer.headers.values())
