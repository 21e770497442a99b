"""The scripted model: it says what it is told to, goes wrong as told, and remembers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from remit.models.base import Model, Reply, UpstreamError
from remit.models.scripted import Fault, Scripted, ScriptedReply, ScriptError, ToolCall

HELLO = [{"role": "system", "content": "s"}, {"role": "user", "content": "Hello  there, you"}]


def chat(model: Scripted, **request: object) -> Reply:
    return asyncio.run(model.chat({"model": "m", "messages": HELLO, **request}, {"x-a": "b"}))


def whole(model: Scripted, **request: object) -> ChatCompletion:
    body = chat(model, **request).body
    assert body is not None
    return ChatCompletion.model_validate(orjson.loads(body), strict=True)


async def events(model: Scripted, into: list[bytes], **request: object) -> None:
    reply = await model.chat({"messages": HELLO, "stream": True, **request}, {})
    assert reply.events is not None
    async for event in reply.events:
        into.append(event)


def stream(model: Scripted, **request: object) -> list[bytes]:
    got: list[bytes] = []
    asyncio.run(events(model, got, **request))
    return got


def deltas(got: list[bytes]) -> list[ChatCompletionChunk]:
    assert got[-1] == b"[DONE]"
    return [ChatCompletionChunk.model_validate(orjson.loads(e), strict=True) for e in got[:-1]]


def texts(got: list[bytes]) -> list[str]:
    return [c.choices[0].delta.content for c in deltas(got) if c.choices[0].delta.content]


def test_echo_answers_with_the_last_user_message() -> None:
    model = Scripted.echo()
    assert whole(model).choices[0].message.content == "Hello  there, you"
    assert texts(stream(model)) == ["Hello  ", "there, ", "you"]


def test_replies_come_in_order_and_the_last_is_repeated() -> None:
    model = Scripted(["one", ScriptedReply("two")])
    assert [whole(model).choices[0].message.content for _ in range(3)] == ["one", "two", "two"]


def test_a_function_sees_the_request() -> None:
    def count(request: Mapping[str, object]) -> str:
        messages = request["messages"]
        assert isinstance(messages, list)
        return str(len(messages))

    assert whole(Scripted(count)).choices[0].message.content == "2"


def test_it_keeps_requests_and_headers() -> None:
    model = Scripted.echo()
    chat(model, temperature=0.5)
    assert model.requests == [{"model": "m", "messages": HELLO, "temperature": 0.5}]
    assert model.headers == [{"x-a": "b"}]
    assert not model.cancelled


@pytest.mark.parametrize(
    ("reply", "pieces"),
    [
        (ScriptedReply("ab cd"), ["ab ", "cd"]),
        (ScriptedReply("abcde", chunk_size=2), ["ab", "cd", "e"]),
        (ScriptedReply("abc", chunk_size=1), ["a", "b", "c"]),
        (ScriptedReply(chunks=("a b", " c")), ["a b", " c"]),
        (ScriptedReply(" \n"), [" \n"]),
        (ScriptedReply(""), []),
    ],
)
def test_a_stream_is_cut_as_told(reply: ScriptedReply, pieces: list[str]) -> None:
    model = Scripted([reply])
    assert texts(stream(model)) == pieces
    assert whole(model).choices[0].message.content == "".join(pieces)


def test_a_stream_keeps_to_the_wire_format() -> None:
    got = stream(Scripted(["a b"]), stream_options={"include_usage": True})
    chunks = deltas(got)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({(c.id, c.created, c.model) for c in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1].choices == []
    assert [c.usage.completion_tokens for c in chunks if c.usage] == [2]
    assert all(b"usage" not in event for event in stream(Scripted(["a b"])))


def test_tools_are_called_whole_and_in_fragments() -> None:
    calls = (ToolCall("pay", '{"to":"x"}'), ToolCall("ask", "{}", id="c9"))
    model = Scripted([ScriptedReply(tool_calls=calls, chunk_size=4)])
    message = whole(model).choices[0]
    assert message.finish_reason == "tool_calls"
    assert message.message.content is None
    assert [c.id for c in message.message.tool_calls or []] == ["call_0", "c9"]

    fragments = {0: "", 1: ""}
    names = []
    for chunk in deltas(stream(model)):
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.function is not None
            fragments[call.index] += call.function.arguments or ""
            names += [call.function.name] if call.function.name else []
    assert fragments == {0: '{"to":"x"}', 1: "{}"}
    assert names == ["pay", "ask"]


def test_refusal_finish_and_usage_are_given_on() -> None:
    model = Scripted([ScriptedReply(refusal="No.", finish_reason="content_filter", usage=(5, 6))])
    completion = whole(model)
    assert completion.choices[0].message.refusal == "No."
    assert completion.choices[0].message.content is None
    assert completion.choices[0].finish_reason == "content_filter"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 11
    assert "No." in [c.choices[0].delta.refusal for c in deltas(stream(model))]


def test_an_error_has_its_status_body_and_headers() -> None:
    body = {"error": {"message": "slow down", "type": "rate_limit", "param": None, "code": "x"}}
    reply = ScriptedReply(status=429, error=body, headers={"retry-after": "1"})
    for streamed in (False, True):
        got = chat(Scripted([reply]), stream=streamed)
        assert (got.status, got.events) == (429, None)
        assert orjson.loads(got.body or b"") == body
        assert got.headers["retry-after"] == "1"


def test_an_error_without_a_body_has_the_official_shape() -> None:
    got = chat(Scripted([ScriptedReply("kaput", status=500)]))
    error = orjson.loads(got.body or b"")["error"]
    assert error == {"message": "kaput", "type": "server_error", "param": None, "code": None}


@pytest.mark.parametrize("fault", [Fault.CONNECT, Fault.TIMEOUT])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_model_out_of_reach_raises(fault: Fault, streamed: bool) -> None:
    with pytest.raises(UpstreamError) as raised:
        chat(Scripted([ScriptedReply(fault=fault)]), stream=streamed)
    assert raised.value.kind == fault.value


def test_a_reset_comes_after_the_pieces_before_it() -> None:
    got: list[bytes] = []
    model = Scripted([ScriptedReply("a b c d", fault=Fault.RESET, after=2)])
    with pytest.raises(UpstreamError) as raised:
        asyncio.run(events(model, got))
    assert raised.value.kind == "reset"
    assert [orjson.loads(e)["choices"][0]["delta"]["content"] for e in got] == ["", "a ", "b "]
    assert not model.cancelled


def test_half_an_event_ends_the_stream() -> None:
    got = stream(Scripted([ScriptedReply("a b c", fault=Fault.HALF, after=1)]))
    assert len(got) == 3
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(got[-1])


def test_an_early_close_ends_without_a_word() -> None:
    got = stream(Scripted([ScriptedReply("a b c", fault=Fault.CLOSE, after=99)]))
    assert len(got) == 4
    assert all(orjson.loads(e)["choices"][0]["finish_reason"] is None for e in got)


def test_garbage_comes_between_good_events() -> None:
    got = stream(Scripted([ScriptedReply("a b", fault=Fault.GARBAGE, after=1)]))
    assert got[2].startswith(b"<html>")
    assert texts(got[:2] + got[3:]) == ["a ", "b"]


@pytest.mark.parametrize("fault", [Fault.GARBAGE, Fault.HALF, Fault.CLOSE])
def test_a_whole_body_is_spoilt_too(fault: Fault) -> None:
    body = chat(Scripted([ScriptedReply("a", fault=fault)])).body
    assert body is not None
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(body)


def test_a_whole_body_can_be_reset() -> None:
    with pytest.raises(UpstreamError):
        chat(Scripted([ScriptedReply("a", fault=Fault.RESET)]))


@pytest.mark.parametrize("streamed", [False, True])
def test_a_hang_lasts_until_it_is_cancelled_and_is_noted(streamed: bool) -> None:
    model = Scripted([ScriptedReply("a b", fault=Fault.HANG, after=1)])

    async def wait() -> list[bytes]:
        got: list[bytes] = []
        answer = events(model, got) if streamed else model.chat({"messages": HELLO}, {})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer, 0.05)
        return got

    assert len(asyncio.run(wait())) == (2 if streamed else 0)
    assert model.cancelled


@pytest.mark.parametrize("read", [0, 1, 3])
def test_leaving_a_stream_early_is_noted(read: int) -> None:
    model = Scripted(["a b c"])

    async def leave() -> None:
        reply = await model.chat({"messages": HELLO, "stream": True}, {})
        assert reply.events is not None
        for _ in range(read):
            await anext(reply.events)
        await reply.events.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert model.cancelled


def test_closing_a_stream_that_has_ended_is_not_leaving() -> None:
    model = Scripted(["a b c"])

    async def finish() -> None:
        reply = await model.chat({"messages": HELLO, "stream": True}, {})
        assert reply.events is not None
        assert [e async for e in reply.events][-1] == b"[DONE]"
        await reply.events.aclose()  # type: ignore[attr-defined]

    asyncio.run(finish())
    assert not model.cancelled


def test_a_script_is_read_from_yaml_and_json(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(
        "- Hello\n"
        "- {chunks: [a, b], usage: [3, 4], fault: half, after: 1}\n"
        "- {tool_calls: [{name: pay, arguments: '{}'}]}\n"
    )
    model = Scripted.from_file(script)
    assert whole(model).choices[0].message.content == "Hello"
    assert len(stream(model)) == 3
    assert whole(model).choices[0].finish_reason == "tool_calls"
    script.write_text('[{"text": "From JSON"}]')
    assert whole(Scripted.from_file(script)).choices[0].message.content == "From JSON"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "at least one reply"),
        ("a: 1", "a script is a list"),
        ("- [", "not YAML"),
        ("- ok\n- {txt: a}", "reply 2: txt: no such key; have text, chunks"),
        ("- {tool_calls: [{name: f, args: x}]}", "tool_calls.0.args: no such key; have name"),
        ("- {fault: explode}", "reply 1: fault: Input should be 'connect'"),
        ("- {text: a, chunks: [b]}", "give one of them"),
        ("- 3", "reply 1"),
    ],
)
def test_a_script_that_cannot_be_read_is_refused(tmp_path: Path, text: str, says: str) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(text)
    with pytest.raises(ScriptError, match=re.escape(says)):
        Scripted.from_file(script)


def test_scripted_is_a_model() -> None:
    model: Model = Scripted.echo()
    listed = orjson.loads(asyncio.run(model.models()).body or b"")
    assert [m["id"] for m in listed["data"]] == ["scripted"]
    asyncio.run(model.close())
