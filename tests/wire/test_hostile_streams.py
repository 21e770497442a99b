"""Models that break their streams: a clear error, a record of it, nothing leaked."""

import asyncio

import orjson
import psutil
import pytest
from recorded import ANSWERS
from scene import EMPTY, chat, rules, serving, until
from upstream import (
    KEY,
    LIMITS,
    body,
    chunked,
    event,
    head,
    is_clean,
    pieces,
    sse,
    story,
    upstream,
)

from remit.models.openai import OpenAICompatible

START = sse(story("Pay to NL91 ABNA 0417 ")[:-1], done=False)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def opened(*items: bytes) -> tuple[bytes, ...]:
    """A stream's head and first chunks, without an end."""
    return (head(transfer_encoding="chunked"), *map(chunk, items))


STREAMS = {
    "hangs after the head": (pieces(*opened(), b"", pause=0.5), "timeout"),
    "hangs in the middle": (pieces(*opened(START), b"", b"", pause=0.5), "timeout"),
    "breaks off": (pieces(*opened(START)), "truncated"),
    "breaks off within an event": (
        pieces(*opened(START + b'data: {"choices": [{"del')),
        "truncated",
    ),
    "ends within an event": (chunked(START + b'data: {"choices": [{"del'), "truncated"),
    "ends before its end": (chunked(START), "truncated"),
    "says nothing": (chunked(), "truncated"),
    "garbage for an event": (chunked(START + b"data: <html>502</html>\n\n"), "bad_response"),
    "a number for an event": (chunked(START + b"data: 5\n\n"), "bad_response"),
    "a list for an event": (chunked(START + b"data: [1]\n\n"), "bad_response"),
    "choices that are no objects": (chunked(START + sse([{"choices": [5]}])), "bad_response"),
    "a delta that is no object": (
        chunked(START + sse([{"choices": [{"delta": "x"}]}])),
        "bad_response",
    ),
    "surrogates": (
        chunked(START + b'data: {"choices": [{"delta": {"content": "\\ud800"}}]}\n\n'),
        "bad_response",
    ),
    "not UTF-8": (
        chunked(START + b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n'),
        "bad_response",
    ),
    "an event of 2 MB": (chunked(START, *[b"data: " + b"x" * 200_000] * 10), "too_large"),
    "200 choices": (
        chunked(sse([event({"content": "x"}, index=i) for i in range(200)])),
        "too_large",
    ),
    "200 tool calls": (
        chunked(
            sse(
                [
                    event({"tool_calls": [{"index": i, "function": {"name": "f"}}]})
                    for i in range(200)
                ]
            )
        ),
        "too_large",
    ),
    "arguments without end": (
        chunked(
            sse(
                [
                    event({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 100_000}}]})
                    for _ in range(12)
                ]
            )
        ),
        "too_large",
    ),
    "bad chunk sizes": (pieces(*opened(START), b"zz\r\nhello\r\n"), "bad_response"),
    "corrupt compression": (
        pieces(head(content_encoding="gzip") + b"\x1f\x8b hello"),
        "bad_response",
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_goes_wrong_ends_in_a_clear_error(name, tmp_path, caplog):
    play, kind = STREAMS[name]

    async def main():
        async with upstream(play) as up:
            model = OpenAICompatible(up.base_url, KEY, limits=LIMITS)
            async with serving(tmp_path, rules(), model) as scene:
                answer = await scene.ask(chat("Hello?", stream=True))
                is_clean(answer)
                assert answer.whole
                error = (answer.events[-1] if answer.status == 200 else answer.json)["error"]
                assert error["code"] == kind
                assert set(error) == {"message", "type", "param", "code"}
                (record,) = scene.records()
                assert record["kind"] == "error"
                assert record["error"].startswith(f"{kind}: ")
                assert KEY not in str(record)
                up.play = body(ANSWERS["content"])
                assert (await scene.ask(chat("Still there?"))).json == ANSWERS["content"]

    asyncio.run(main())
    assert caplog.records == []


def test_a_reset_in_the_middle_is_told(tmp_path):
    async def play(writer):
        writer.write(b"".join(opened(START)))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async def main():
        async with (
            upstream(play) as up,
            serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene,
        ):
            answer = await scene.ask(chat("Hello?", stream=True))
            assert answer.events[-1]["error"]["code"] in ("reset", "truncated")
            is_clean(answer)

    asyncio.run(main())


def test_tool_calls_of_a_stream_that_broke_off_are_not_delivered(tmp_path):
    call = {
        "index": 0,
        "id": "c",
        "type": "function",
        "function": {"name": "pay", "arguments": '{"amount": 1'},
    }
    data = sse([event({"role": "assistant", "tool_calls": [call]})], done=False)

    async def main():
        async with (
            upstream(chunked(data)) as up,
            serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene,
        ):
            answer = await scene.ask(chat("Pay.", stream=True))
            assert b"amount" not in answer.body
            assert answer.events[-1]["error"]["code"] == "truncated"

    asyncio.run(main())


@pytest.mark.parametrize("remit", [EMPTY, rules()], ids=["empty", "rules"])
def test_100_000_tiny_chunks_take_little_memory(remit, tmp_path):
    process = psutil.Process()
    data = sse(story(*["word "] * 10_000))

    async def play(writer):
        writer.write(head())
        for at in range(0, len(data), 20):
            writer.write(data[at : at + 20])
            if at % 2_000 == 0:
                await writer.drain()

    async def main():
        assert len(data) / 20 > 100_000
        async with (
            upstream(play) as up,
            serving(tmp_path, remit, OpenAICompatible(up.base_url)) as scene,
        ):
            before = process.memory_info().rss
            answer = await scene.ask(chat("Hello?", stream=True), seconds=60)
            assert answer.text == "word " * 10_000
            # The whole answer, its copies in the client here, and the text in the record.
            assert process.memory_info().rss - before < 40_000_000

    asyncio.run(main())


def test_a_client_that_reads_slowly_holds_the_model_back(tmp_path):
    sent = 0

    async def play(writer):
        nonlocal sent
        writer.write(head())
        for item in story(*["word " * 200] * 20_000):
            data = sse([item], done=False)
            writer.write(data)
            await writer.drain()
            sent += len(data)

    async def main():
        async with (
            upstream(play) as up,
            serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", scene.port, limit=1_000)
            request = orjson.dumps(chat("Hello?", stream=True))
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                b"content-length: %d\r\n\r\n" % len(request) + request
            )
            await reader.read(100)
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.5)
            assert sent < 15_000_000  # of 25 MB: what the sockets hold
            writer.close()
            await until(lambda: up.gone == 1)

    asyncio.run(main())
