"""An OpenAI-compatible upstream, on real sockets: the good, and the bad that is met."""

import asyncio
import gzip
import json
import zlib

import pytest

from remit.models.base import UpstreamError
from remit.models.http import ClientLimits
from remit.models.openai import OpenAICompatible

ASK = {"model": "m", "messages": [{"role": "user", "content": "é"}], "unknown": [1]}
STREAM = {**ASK, "stream": True}
SSE = "Content-Type: text/event-stream; charset=utf-8"
JSON = "Content-Type: application/json"
LIMITS = ClientLimits(first_byte_seconds=1, between_bytes_seconds=0.3, body_bytes=10_000)


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*pieces: bytes, headers=(SSE,), end: bytes = b"0\r\n\r\n") -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""])
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + end


def with_upstream(answer, use, *, path="/v1", close=True, **options):
    """Runs `use(model, seen)` against an upstream that answers with the given bytes."""
    seen = {"requests": [], "connections": 0, "left": asyncio.Event()}

    async def serve(reader, writer):
        seen["connections"] += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                seen["requests"].append((head.decode(), await reader.readexactly(int(length or 0))))
                for piece in answer if isinstance(answer, list) else [answer]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            seen["left"].set()
            writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        options.setdefault("limits", LIMITS)
        model = OpenAICompatible(f"http://127.0.0.1:{port}{path}", **options)
        try:
            return await asyncio.wait_for(use(model, seen), 10)
        finally:
            await model.close()
            server.close()

    return asyncio.run(main())


async def ask(model, seen):
    return await model.chat(ASK, {})


async def collect(model, seen):
    reply = await model.chat(STREAM, {})
    return [event async for event in reply.events]


def failure(answer, use, **options) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        with_upstream(answer, use, **options)
    return caught.value


def test_a_whole_answer_comes_back_with_its_useful_headers():
    useful = ["X-Request-Id: r", "X-RateLimit-Remaining: 1", "OpenAI-Version: v", "Retry-After: 3"]
    answer = whole(b'{"a":1}', JSON, *useful, "Set-Cookie: secret", "Server: s")
    reply = with_upstream(answer, ask)
    assert (reply.status, reply.body, reply.events) == (200, b'{"a":1}', None)
    assert reply.headers == {
        "content-type": "application/json",
        "x-request-id": "r",
        "x-ratelimit-remaining": "1",
        "openai-version": "v",
        "retry-after": "3",
    }


def test_the_request_goes_on_with_our_key_and_the_clients_own_headers_only():
    sent = {
        "authorization": "Bearer client-key",
        "openai-organization": "o",
        "openai-project": "p",
        "user-agent": "u",
        "cookie": "c",
        "connection": "x-hop",
        "x-hop": "h",
        "transfer-encoding": "chunked",
        "x-remit-secret": "s",
        "accept-encoding": "gzip",
    }

    async def use(model, seen):
        await model.chat(ASK, sent)
        return seen["requests"]

    [(head, body)] = with_upstream(whole(b"{}", JSON), use, api_key="our-key")
    assert json.loads(body) == ASK
    lines = head.split("\r\n")
    assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
    assert sorted(line for line in lines[2:] if line) == [
        "accept-encoding: identity",
        "accept: application/json",
        "authorization: Bearer our-key",
        f"content-length: {len(body)}",
        "content-type: application/json",
        "openai-organization: o",
        "openai-project: p",
        "user-agent: u",
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"forward_authorization": True}, "Bearer client-key"),
        ({"forward_authorization": True, "api_key": "our-key"}, "Bearer our-key"),
    ],
)
def test_the_clients_key_is_forwarded_only_when_told_to(options, expected):
    async def use(model, seen):
        await model.chat(ASK, {"authorization": "Bearer client-key"})
        return seen["requests"][0][0]

    head = with_upstream(whole(b"{}", JSON), use, **options)
    assert ("authorization" in head) == (expected is not None)
    assert expected is None or f"authorization: {expected}\r\n" in head


def test_models_are_listed_under_the_addresss_own_path():
    async def use(model, seen):
        return await model.models(), seen["requests"][0][0]

    reply, head = with_upstream(whole(b'{"data":[]}', JSON), use, path="/a/v2/")
    assert reply.body == b'{"data":[]}'
    assert head.startswith("GET /a/v2/models HTTP/1.1\r\n")


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Oops"])
def test_a_providers_own_error_is_a_reply_streamed_or_not(status):
    async def use(model, seen):
        return await model.chat(STREAM, {})

    for kind in (JSON, SSE):
        reply = with_upstream(whole(b'{"error":{}}', kind, status=status), use)
        assert (reply.status, reply.body) == (int(status[:3]), b'{"error":{}}')


def test_an_answer_that_is_no_stream_though_one_was_asked_for_is_a_body():
    async def use(model, seen):
        return await model.chat(STREAM, {})

    assert with_upstream(whole(b"{}", JSON), use).body == b"{}"


def test_a_stream_gives_the_data_of_each_event():
    answer = chunked(b'data: {"a":1}\n\nda', b"ta: {}\r\n\r\n", b": ping\n\ndata: [DONE]\n\n")
    assert with_upstream(answer, collect) == [b'{"a":1}', b"{}", b"[DONE]"]


def test_a_stream_without_done_that_ends_cleanly_simply_ends():
    assert with_upstream(chunked(b"data: a\n\n"), collect) == [b"a"]


def test_done_without_its_blank_line_still_counts():
    assert with_upstream(chunked(b"data: a\n\ndata: [DONE]\n"), collect) == [b"a", b"[DONE]"]


def test_the_connection_is_kept_when_the_last_chunk_comes_after_done():
    async def use(model, seen):
        for _ in range(3):
            assert await collect(model, seen) == [b"[DONE]"]
            await asyncio.sleep(0.05)
        return seen["connections"]

    pieces = [chunked(b"data: [DONE]\n\n", end=b""), b"0\r\n\r\n"]
    assert with_upstream(pieces, use, close=False) == 1


def test_a_stream_that_talks_on_after_done_is_dropped():
    async def use(model, seen):
        assert await collect(model, seen) == [b"[DONE]"]
        await asyncio.wait_for(seen["left"].wait(), 5)

    endless = [chunked(b"data: [DONE]\n\n", end=b"")] + [b"1000\r\n" + b"a" * 4096 + b"\r\n"] * 500
    with_upstream(endless, use, close=False)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (chunked(b"data: a\n\n", end=b""), "truncated"),
        (chunked(b"data: a\n\ndata: {", end=b""), "truncated"),
        (chunked(b"data: a\n\ndata: {"), "truncated"),
        (chunked(b"data: a\n\n", end=b"zz\r\n"), "bad_response"),
        (chunked(b"data: a\n\n" + b"data: " + b"b" * 1_000_001), "too_large"),
    ],
)
def test_a_stream_cut_short_says_so_after_what_came(answer, kind):
    async def use(model, seen):
        reply = await model.chat(STREAM, {})
        assert await anext(reply.events) == b"a"
        await anext(reply.events)

    assert failure(answer, use).kind == kind


def test_a_stream_that_falls_silent_times_out():
    async def use(model, seen):
        await collect(model, seen)

    assert failure([chunked(b"data: a\n\n", end=b"")], use, close=False).kind == "timeout"


@pytest.mark.parametrize("begun", [False, True])
def test_closing_the_events_hangs_up_on_the_upstream(begun):
    async def use(model, seen):
        reply = await model.chat(STREAM, {})
        if begun:
            assert await anext(reply.events) == b"a"
        await reply.events.aclose()
        await asyncio.wait_for(seen["left"].wait(), 5)
        with pytest.raises(StopAsyncIteration):
            await anext(reply.events)

    with_upstream([chunked(b"data: a\n\n", end=b"")], use, close=False)


def test_a_redirect_is_refused_and_not_followed():
    async def use(model, seen):
        try:
            await model.chat(ASK, {})
        finally:
            assert len(seen["requests"]) == 1

    answer = whole(b"", "Location: http://127.0.0.1:1/", status="307 Temporary Redirect")
    error = failure(answer, use, api_key="our-key")
    assert error.kind == "bad_response"


@pytest.mark.parametrize(("coding", "press"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_an_answer_compressed_unasked_is_decompressed(coding, press):
    answer = whole(press(b'{"a":1}'), JSON, f"Content-Encoding: {coding}")
    assert with_upstream(answer, ask).body == b'{"a":1}'
    pressed = press(b"data: " + b"a" * 600_000 + b"\n\ndata: [DONE]\n\n")
    answer = chunked(pressed[:40], pressed[40:], headers=(SSE, f"Content-Encoding: {coding}"))
    assert with_upstream(answer, collect) == [b"a" * 600_000, b"[DONE]"]


GZIP = "Content-Encoding: gzip"


@pytest.mark.parametrize(
    ("answer", "use", "kind"),
    [
        (whole(gzip.compress(b"a" * 50_000_000), JSON, GZIP), ask, "too_large"),
        (chunked(gzip.compress(b"a" * 50_000_000), headers=(SSE, GZIP)), collect, "too_large"),
        (whole(gzip.compress(b"{}")[:-9], JSON, GZIP), ask, "truncated"),
        (chunked(gzip.compress(b"data: a\n\n")[:-9], headers=(SSE, GZIP)), collect, "truncated"),
        (whole(b"no gzip", JSON, GZIP), ask, "bad_response"),
        (chunked(b"no gzip", headers=(SSE, GZIP)), collect, "bad_response"),
        (whole(b"x", JSON, "Content-Encoding: br"), ask, "bad_response"),
        (whole(b"x" * 10_001, JSON), ask, "too_large"),
    ],
)
def test_a_bomb_or_a_broken_coding_is_refused(answer, use, kind):
    big = ClientLimits(body_bytes=1_000_000) if len(answer) > 20_000 else LIMITS
    assert failure(answer, use, limits=big).kind == kind


def test_no_secret_is_ever_in_a_text():
    model = OpenAICompatible("http://127.0.0.1:1/v1", "our-key")
    assert "our-key" not in repr(model)
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(model.chat(ASK, {"authorization": "Bearer client-key"}))
    assert caught.value.kind == "connect"
    texts = [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    assert not any("key" in text for text in texts)
    with pytest.raises(ValueError, match="API key") as refused:
        OpenAICompatible("http://x/v1", "our\r\nkey")
    assert "our" not in str(refused.value)


@pytest.mark.parametrize("url", ["api.openai.com/v1", "http://u:p@x/v1", "http://x/v1?a=b"])
def test_an_address_that_cannot_be_used_is_refused(url):
    with pytest.raises(ValueError, match=r"must"):
        OpenAICompatible(url)
