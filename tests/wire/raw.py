"""A client without manners: it sends any bytes, and shows what came back."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass
class Answer:
    """An HTTP answer: its status, headers, and body with the chunks joined."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's error object, which must be there as a whole."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str)
        assert error["message"]
        return error

    @property
    def events(self) -> list[Any]:
        """The data of each event; `[DONE]` as text."""
        blocks = [block for block in self.body.split(b"\n\n") if block]
        data = [block.removeprefix(b"data: ") for block in blocks]
        return ["[DONE]" if item == b"[DONE]" else orjson.loads(item) for item in data]

    @property
    def text(self) -> str:
        """The content of the first choice of a streamed answer."""
        return "".join(
            choice["delta"].get("content") or ""
            for event in self.events
            if event != "[DONE]"
            for choice in event.get("choices", ())
            if choice.get("index", 0) == 0
        )


async def ask(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    seconds: float = 20.0,
) -> Answer:
    """One request on a connection of its own."""
    given = {"host": f"127.0.0.1:{port}", "connection": "close", **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
    if body:
        lines.append(f"content-length: {len(body)}")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    return parsed(await talk(port, head + body, seconds))


async def talk(port: int, data: bytes, seconds: float = 20.0) -> bytes:
    """Sends bytes and reads until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()
    try:
        async with asyncio.timeout(seconds):
            writer.write(data)
            try:
                while piece := await reader.read(1 << 16):
                    received += piece
            except ConnectionError:
                if not received:
                    raise
    finally:
        writer.close()
    return bytes(received)


def parsed(data: bytes) -> Answer:
    """An answer out of its bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in rest)
    headers = {name.lower(): value for name, _, value in pairs}
    status = int(first.split(" ")[1])
    if headers.get("transfer-encoding") != "chunked":
        whole = len(body) == int(headers.get("content-length", len(body)))
        return Answer(status, headers, body, whole)
    joined = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16) if size else 0
        if not length:
            return Answer(status, headers, bytes(joined), size == b"0")
        joined += body[:length]
        body = body[length + 2 :]
    return Answer(status, headers, bytes(joined), whole=False)
