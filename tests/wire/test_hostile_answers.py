"""Models that answer nonsense: a clear error, a record of it, nothing leaked."""

import asyncio
import zlib

import orjson
import pytest
from recorded import ANSWERS
from scene import EMPTY, IBAN, chat, rules, serving
from upstream import (
    EVENTS,
    JSON,
    KEY,
    LIMITS,
    body,
    chunked,
    head,
    is_clean,
    pieces,
    sse,
    story,
    upstream,
)

from remit.models.openai import OpenAICompatible


def zipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


BODIES = {
    "hangs": (pieces(b"", b"", pause=0.5), 504, "timeout"),
    "hangs in its head": (pieces(b"HTTP/1.1 200 OK\r\nconte", b"", pause=0.5), 504, "timeout"),
    "closes": (pieces(), 502, "reset"),
    "garbage for HTTP": (pieces(b"hello there\r\n\r\n"), 502, "bad_response"),
    "no JSON": (body(b"<html>502</html>"), 502, "bad_response"),
    "an empty body": (body(b""), 502, "bad_response"),
    "a number": (body(5), 502, "bad_response"),
    "no choices": (body({"id": "x"}), 502, "bad_response"),
    "choices: 5": (body({"choices": 5}), 502, "bad_response"),
    "choices: [5]": (body({"choices": [5]}), 502, "bad_response"),
    "no message": (body({"choices": [{}]}), 502, "bad_response"),
    "message: text": (body({"choices": [{"message": "x"}]}), 502, "bad_response"),
    "content: {}": (
        body({"choices": [{"message": {"content": {"a": IBAN}}}]}),
        502,
        "bad_response",
    ),
    "surrogates": (
        body(b'{"choices": [{"message": {"content": "\\ud800"}}]}'),
        502,
        "bad_response",
    ),
    "cut short": (pieces(head(200, JSON, content_length="90") + b'{"choices"'), 502, "truncated"),
    "a redirect": (
        pieces(head(302, JSON, content_length="0", location="http://evil/")),
        502,
        "bad_response",
    ),
    "an odd encoding": (pieces(head(200, JSON, content_encoding="br") + b"x"), 502, "bad_response"),
}


@pytest.mark.parametrize("name", BODIES)
def test_an_answer_that_goes_wrong_is_a_clear_error(name, tmp_path, caplog):
    play, status, kind = BODIES[name]

    async def main():
        async with upstream(play) as up:
            model = OpenAICompatible(up.base_url, KEY, limits=LIMITS)
            async with serving(tmp_path, rules(), model) as scene:
                answer = await scene.ask(chat("Hello?"))
                is_clean(answer)
                assert (answer.status, answer.error["code"]) == (status, kind)
                (record,) = scene.records()
                assert record["kind"] == "error"
                assert record["answered"] == ""
                assert record["delivered"]["complete"] is False
                up.play = body(ANSWERS["content"])
                assert (await scene.ask(chat("Still there?"))).json == ANSWERS["content"]

    asyncio.run(main())
    assert caplog.records == []


@pytest.mark.parametrize(
    "fields",
    [
        {"message": {"role": "assistant", "content": "x", "tool_calls": 5}},
        {"message": {"role": "assistant", "content": "x", "tool_calls": [5, {"function": 7}]}},
        {"message": {"role": "assistant", "content": None, "function_call": "x"}},
        {"message": {"role": "assistant", "content": 0}},
        {"message": {"content": "x"}, "logprobs": 5, "finish_reason": 7, "index": "a"},
        {"delta": {"content": "x", "tool_calls": 5}},
        {
            "delta": {
                "content": "x",
                "tool_calls": [5, {"index": "a", "function": 7}, {"index": -3}],
            }
        },
        {"delta": {"content": 0, "role": 7}},
        {"delta": {"content": "x", "function_call": "y"}, "index": [1], "logprobs": 5},
        {"delta": None, "finish_reason": "stop"},
        {"finish_reason": ["stop"]},
    ],
)
def test_odd_types_in_an_answer_break_nothing(fields, tmp_path, caplog):
    choice = {"index": 0, "finish_reason": "stop", **fields}
    is_whole = "message" in fields
    play = body({"choices": [choice]}) if is_whole else chunked(sse([{"choices": [choice]}]))

    async def main():
        async with (
            upstream(play) as up,
            serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene,
        ):
            answer = await scene.ask(chat("Hello?", stream=not is_whole))
            assert answer.status == 200, answer
            assert answer.whole
            assert len(scene.records()) == 1
            assert scene.records()[0]["error"] is None

    asyncio.run(main())
    assert caplog.records == []


@pytest.mark.parametrize("remit", [EMPTY, rules()], ids=["empty", "rules"])
def test_a_whole_answer_to_a_stream_request_is_passed_on_whole(remit, tmp_path):
    async def main():
        async with (
            upstream(body(ANSWERS["content"])) as up,
            serving(tmp_path, remit, OpenAICompatible(up.base_url)) as scene,
        ):
            answer = await scene.ask(chat("Hello?", stream=True))
            assert answer.headers["content-type"] == JSON
            assert answer.json == ANSWERS["content"]

    asyncio.run(main())


def test_compressed_answers_are_read(tmp_path):
    async def main():
        data = zipped(orjson.dumps(ANSWERS["content"]))
        async with (
            upstream(pieces(head(200, JSON, content_encoding="gzip") + data)) as up,
            serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene,
        ):
            answer = await scene.ask(chat("Hello?"))
            assert answer.json == ANSWERS["content"]
            assert "content-encoding" not in answer.headers
            up.play = pieces(
                head(200, EVENTS, content_encoding="gzip") + zipped(sse(story("Pay ", IBAN, ".")))
            )
            assert (await scene.ask(chat("Hello?", stream=True))).text == "Pay [iban]."

    asyncio.run(main())


def test_a_model_that_repeats_its_key_tells_no_client(tmp_path):
    error = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}

    async def main():
        async with (
            upstream(body(error, 401)) as up,
            serving(tmp_path, EMPTY, OpenAICompatible(up.base_url, KEY)) as scene,
        ):
            answer = await scene.ask(chat("Hello?"))
            assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")
            is_clean(answer)
            assert f"Bearer {KEY}" in up.heads[0]

    asyncio.run(main())
