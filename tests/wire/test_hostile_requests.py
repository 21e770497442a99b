"""Requests nobody should send: each gets a clear error, and the next request works."""

import asyncio

import orjson
import psutil
import pytest
from raw import talk
from scene import chat, rules, serving

from remit.http.server import Limits
from remit.models.scripted import Scripted


def deep(levels: int, inner: bytes = b"1") -> bytes:
    return b"[" * levels + inner + b"]" * levels


def having(field: str, value) -> bytes:
    return orjson.dumps({**chat("Hello?"), field: value})


def message(**fields) -> bytes:
    return orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi", **fields}]})


REFUSED = {
    "nothing": b"",
    "no JSON": b"hello",
    "half a JSON": b'{"messages": [{"role": "user", "con',
    "no object": b"[1, 2]",
    "null": b"null",
    "not UTF-8": b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "a raw surrogate": b'{"messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
    "a lone surrogate": b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    "NUL": b"\0\0\0\0",
    "not a number": b'{"messages": [{"role": "user", "content": "x"}], "seed": NaN}',
    "100,000 levels": deep(100_000),
    "100,000 levels in a field": b'{"messages": ' + deep(100_000) + b"}",
    "250 levels in a field": having("tools", orjson.loads(deep(250))),
    "240 levels in a message": message(
        content=[{"type": "text", "text": "x", "y": orjson.loads(deep(240))}]
    ),
    "no messages": b'{"model": "m"}',
    "messages: 5": having("messages", 5),
    "messages: text": having("messages", "hello"),
    "messages: {}": having("messages", {}),
    "messages: []": having("messages", []),
    "messages: [5]": having("messages", [5]),
    "messages: [null]": having("messages", [None]),
    "messages: [[]]": having("messages", [[]]),
    "role: 1": message(role=1),
    "no role": having("messages", [{"content": "Hi"}]),
    "content: {}": message(content={}),
    "content: 5": message(content=5),
    "content: true": message(content=True),
    "tool_calls: x": message(tool_calls="x"),
    "tool_calls: 5": message(tool_calls=5),
    "tool_calls: {}": message(tool_calls={"function": {"arguments": "x"}}),
    "stream: yes": having("stream", "yes"),
    "stream: 1": having("stream", 1),
    "3,000 messages": having("messages", [{"role": "user", "content": "Hi"}] * 3_000),
}

SERVED = {
    "unknown fields": having("x_unknown", {"a": [None, 1.5, "é"]}),
    "150 levels in a field": having("tools", orjson.loads(deep(150))),
    "n: -1": having("n", -1),
    "n: text": having("n", "two"),
    "n: {}": having("n", {}),
    "n: many": having("n", 10**9),
    "model: 5": having("model", 5),
    "model: {}": having("model", {}),
    "model: a line break": having("model", "a\r\nset-cookie: b=c"),
    "modalities: 5": having("modalities", 5),
    "modalities: [5]": having("modalities", [5]),
    "stream_options: x": having("stream_options", "x"),
    "stream: null": having("stream", None),
    "role: odd": message(role="\r\nnobody"),
    "name: {}": message(name={"a": 1}),
    "content: null": message(content=None),
    "content: []": message(content=[]),
    "tool_calls: [5]": message(tool_calls=[5, None, "x", {}, {"function": 5}, {"function": {}}]),
    "function_call: 5": message(function_call=5),
    "arguments no JSON": message(
        tool_calls=[{"function": {"name": "f", "arguments": '{"a": \\ud8'}}]
    ),
    "arguments with a surrogate": message(
        tool_calls=[{"function": {"name": "f", "arguments": '{"a": "\\ud800"}'}}]
    ),
    "deep arguments": message(
        tool_calls=[{"function": {"name": "f", "arguments": deep(50_000).decode()}}]
    ),
    "tool without a call": message(role="tool"),
    "the same key twice": b'{"messages": [5], "messages": [{"role": "user", "content": "Hi"}]}',
    "controls": message(content="\0\x01\x1f\u202e\ufeff\U000e0041"),
}


def played(tmp_path, scene_of, limits=None):
    async def main():
        async with serving(tmp_path, rules(), Scripted(["Fine."]), limits=limits) as scene:
            await asyncio.wait_for(scene_of(scene), 60)
            answer = await scene.ask(chat("Still there?"))
            assert answer.json["choices"][0]["message"]["content"] == "Fine."

    asyncio.run(main())


def test_what_cannot_be_understood_is_refused_with_the_reason(tmp_path, caplog):
    async def scene_of(scene):
        for name, body in REFUSED.items():
            answer = await scene.ask(body)
            assert answer.status == 400, (name, answer)
            assert answer.error["type"] == "invalid_request_error", name
            assert b"Traceback" not in answer.body, name
        assert scene.deployment.model.requests == []

    played(tmp_path, scene_of)
    assert caplog.records == []


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_merely_odd_is_the_models_business(stream, tmp_path, caplog):
    async def scene_of(scene):
        for name, body in SERVED.items():
            asked = body[:1] + b'"stream": true, ' + body[1:] if stream else body
            answer = await scene.ask(asked)
            assert answer.status == 200, (name, answer)
            assert answer.whole, name
            assert "set-cookie" not in answer.headers, name
        assert len(scene.records()) == len(SERVED)

    played(tmp_path, scene_of)
    assert caplog.records == []


def test_a_case_can_be_opened_on_any_text(tmp_path):
    call = {"function": {"name": "f", "arguments": '{"a": "\\ud800"}'}}
    messages = [
        {"role": "assistant", "content": "x", "tool_calls": [call]},
        {"role": "tool", "content": "y"},
        {"role": "user", "content": "A special case \0."},
    ]

    async def scene_of(scene):
        answer = await scene.ask({"model": "m", "messages": messages})
        assert answer.status == 200, answer
        assert len(scene.evidence.cases("open")) == 1

    played(tmp_path, scene_of)


def test_a_body_of_50_mb_is_refused_before_it_is_kept(tmp_path):
    process = psutil.Process()

    async def scene_of(scene):
        before = process.memory_info().rss
        answer = await scene.ask(b'{"messages": "' + b"x" * 50_000_000 + b'"}')
        assert answer.status == 413
        assert answer.error["message"]
        # The body itself is this process's too, and its copy in the client's buffers.
        assert process.memory_info().rss - before < 180_000_000

    played(tmp_path, scene_of)


def test_a_body_that_never_comes_is_given_up(tmp_path):
    async def scene_of(scene):
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n"
        assert b" 408 " in (await talk(scene.port, head + b"{"))[:40]

    played(tmp_path, scene_of, Limits(body_seconds=0.2))


def test_a_long_history_takes_no_more_than_its_length(tmp_path):
    """2,000 messages under a rule that compares each with what was confided before it."""
    echo = """\
  - id: no-echo
    says: Repeats nothing that was confided.
    because: It is private.
    owner: Ann
    detect: [{echo: [identifiers, names, numbers]}]
    then: {input: allow, output: redact}
"""
    turns = [
        {"role": "user", "content": f"My number is {10_000_000 + i}, I am Jan {i}."}
        for i in range(2_000)
    ]

    async def main():
        async with serving(tmp_path, rules() + echo, Scripted(["Fine."])) as scene:
            began = asyncio.get_running_loop().time()
            answer = await scene.ask({"model": "m", "messages": turns}, seconds=100)
            assert answer.status == 200
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(main()) < 5
