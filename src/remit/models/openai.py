"""Any upstream that speaks OpenAI's chat completions: OpenAI, Ollama, vLLM, and their like."""

from __future__ import annotations

import ssl as tls
import zlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Self
from urllib.parse import urlsplit

import orjson

from remit.models.base import Reply, UpstreamError
from remit.models.http import Client, ClientLimits, ClientResponse
from remit.models.sse import SseParser

_DONE = b"[DONE]"
_SENT = frozenset({"user-agent", "idempotency-key", "x-client-request-id"})
_RETURNED = frozenset(
    {"content-type", "x-request-id", "retry-after", "retry-after-ms", "x-should-retry"}
)
# zlib's own mark for "gzip or zlib, by its header".
_GZIP_OR_ZLIB = 47
_PIECE = 262_144


class OpenAICompatible:
    """A model behind an OpenAI-compatible address, such as `https://api.openai.com/v1`.

    The upstream sees this `api_key` and never the client's own, unless `forward_authorization`
    says so and no key is given. Redirects are refused: following one could hand the key to
    another host. Raises ValueError where the address or the key cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        name: str = "",
        forward_authorization: bool = False,
        ssl: tls.SSLContext | None = None,
        limits: ClientLimits | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self._client = Client(f"{parts.scheme}://{parts.netloc}", ssl=ssl, limits=limits)
        if parts.query or parts.fragment:
            raise ValueError("upstream address must hold no query: end it in its version, as /v1")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise ValueError("the upstream's API key holds a line break or a non-ASCII character")
        self.name = name or parts.netloc
        self._prefix = parts.path.rstrip("/")
        self._secret = (api_key or "").encode()
        self._authorization = f"Bearer {api_key}" if api_key else ""
        self._forwards = forward_authorization and not api_key

    def __repr__(self) -> str:
        return f"OpenAICompatible({self.name})"

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        """Sends the request on, unknown fields included. Raises UpstreamError."""
        streams = bool(request.get("stream"))
        response = await self._client.request(
            "POST",
            f"{self._prefix}/chat/completions",
            [
                ("content-type", "application/json"),
                ("accept", "text/event-stream" if streams else "application/json"),
                *self._own_headers(headers),
            ],
            orjson.dumps(request),
        )
        return await self._reply(response, streams=streams)

    async def models(self) -> Reply:
        """The upstream's list of models. Raises UpstreamError."""
        response = await self._client.request(
            "GET", f"{self._prefix}/models", self._own_headers({})
        )
        return await self._reply(response, streams=False)

    async def close(self) -> None:
        """Drops all connections."""
        await self._client.close()

    def _own_headers(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        chosen = [("accept-encoding", "identity")]
        for name, value in headers.items():
            if name in _SENT or name.startswith("openai-"):
                chosen.append((name, value))
        authorization = self._authorization
        if self._forwards:
            authorization = headers.get("authorization", "")
        if authorization:
            chosen.append(("authorization", authorization))
        return chosen

    async def _reply(self, response: ClientResponse, *, streams: bool) -> Reply:
        status, headers = response.status, response.headers
        if 300 <= status < 400:
            await response.close()
            message = f"upstream redirects (status {status}): use its final address as base URL"
            raise UpstreamError("bad_response", message)
        returned = {name: value for name, value in headers.items() if _is_returned(name)}
        coding = headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip", "x-gzip", "deflate"):
            await response.close()
            message = f"upstream encoded its answer as {coding}, though asked not to"
            raise UpstreamError("bad_response", message)
        is_stream = headers.get("content-type", "").lower().startswith("text/event-stream")
        if streams and is_stream and status < 400:
            return Reply(status, returned, events=_Events(response, zipped=coding != "identity"))
        body = await response.read()
        if coding != "identity":
            body = _inflate_whole(body, self._client.limits.body_bytes)
        if status >= 400 and self._secret:
            # Some say which key was wrong; whoever asked has no business with ours.
            body = body.replace(self._secret, b"[key]")
        return Reply(status, returned, body=body)


class _Events:
    """The data of each event. Closing it before its end cancels the request upstream.

    A class and not a generator: closing a generator that was never started runs nothing, and
    would leave the upstream writing.
    """

    def __init__(self, response: ClientResponse, *, zipped: bool) -> None:
        self._response = response
        self._source = _inflate_stream(response) if zipped else response.chunks()
        self._parser = SseParser()
        self._ready: deque[bytes] = deque()
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            try:
                await self._read_on()
            except BaseException:
                await self.aclose()
                raise
        return self._ready.popleft()

    def ready(self) -> list[bytes]:
        """What has come already and can be had without waiting; takes it."""
        ready = list(self._ready)
        self._ready.clear()
        return ready

    async def aclose(self) -> None:
        self._over = True
        self._ready.clear()
        await self._response.close()

    async def _read_on(self) -> None:
        try:
            chunk = await anext(self._source)
        except StopAsyncIteration:
            self._end()
            return
        for _, data in self._parser.feed(chunk):
            self._ready.append(data)
            if data == _DONE:
                self._over = True
                self._response.let_go()
                return

    def _end(self) -> None:
        self._over = True
        rest = self._parser.finish()
        if rest == b"data: " + _DONE:
            self._ready.append(_DONE)
        elif rest:
            raise UpstreamError("truncated", "upstream's stream ended within an event")


def _is_returned(name: str) -> bool:
    return name in _RETURNED or name.startswith(("openai-", "x-ratelimit-"))


def _inflate_whole(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        text = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise UpstreamError("bad_response", "upstream's compressed answer is corrupt") from error
    if len(text) > limit:
        raise UpstreamError("too_large", f"upstream body over {limit} bytes once decompressed")
    if not inflater.eof:
        raise UpstreamError("truncated", "upstream's compressed answer is cut short")
    return text


async def _inflate_stream(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    async for chunk in source:
        rest = chunk
        while rest:
            try:
                text = inflater.decompress(rest, _PIECE)
            except zlib.error as error:
                message = "upstream's compressed stream is corrupt"
                raise UpstreamError("bad_response", message) from error
            rest = inflater.unconsumed_tail
            if text:
                yield text
    if not inflater.eof:
        raise UpstreamError("truncated", "upstream's compressed stream is cut short")
