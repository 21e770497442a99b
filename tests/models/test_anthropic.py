"""Anthropic's messages API, asked in the one format that all models speak."""

from __future__ import annotations

import asyncio
import json

import pytest

from remit.models.anthropic import Anthropic, completion, messages_request
from remit.models.base import UpstreamError

REPLY = {
    "id": "msg_1",
    "model": "claude-x",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 12, "output_tokens": 3},
}


def asked(*messages: dict, **more) -> dict:
    return messages_request({"model": "m", "messages": list(messages), **more})


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def test_system_messages_become_the_system_text():
    body = asked({"role": "system", "content": "Be brief."}, user("Hi"))
    assert body["system"] == "Be brief."
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert body["max_tokens"] > 0


def test_turns_alternate_whoever_spoke_twice():
    roles = [m["role"] for m in asked(user("a"), user("b"), user("c"))["messages"]]
    assert roles == ["user"]


def test_a_tool_call_and_its_result_keep_their_tie():
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
    body = asked(
        user("find"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
        user("thanks"),
        tools=[
            {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
        ],
    )
    _, use, result = body["messages"]
    assert use["content"] == [{"type": "tool_use", "id": "c1", "name": "find", "input": {"a": 1}}]
    assert result["content"][0] == {"type": "tool_result", "tool_use_id": "c1", "content": "found"}
    assert result["content"][1] == {"type": "text", "text": "thanks"}
    assert body["tools"] == [{"name": "find", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"), (None, "stop")],
)
def test_a_reply_is_read_with_its_end_and_its_tokens(reason, finish):
    head, message, told, usage = completion(json.dumps({**REPLY, "stop_reason": reason}).encode())
    assert (head.model, message["content"], told) == ("claude-x", "Hello.", finish)
    assert (usage.prompt, usage.completion) == (12, 3)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"content": 3}', b'{"content": [{"type": "text"}]}']
)
def test_what_is_no_reply_is_refused(raw):
    with pytest.raises(UpstreamError):
        completion(raw)


def served(reply: bytes, use, status: str = "200 OK", headers: str = ""):
    """Runs `use(model, requests)` against a server that answers everything alike."""
    requests: list[bytes] = []

    async def serve(reader, writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        requests.append(head + await reader.readexactly(length))
        lines = f"HTTP/1.1 {status}\r\n{headers}content-length: {len(reply)}\r\n\r\n"
        writer.write(lines.encode() + reply)
        writer.close()
        await writer.wait_closed()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        model = Anthropic(f"http://127.0.0.1:{port}/v1", "sk-secret")
        try:
            return await use(model, requests)
        finally:
            await model.close()
            server.close()
            await server.wait_closed()

    return asyncio.run(run())


def test_the_key_and_the_version_are_sent_and_the_reply_is_a_completion():
    async def use(model, requests):
        return await model.chat({"model": "m", "messages": [user("Hi")]}, {}), requests

    reply, requests = served(json.dumps(REPLY).encode(), use)
    assert requests[0].startswith(b"POST /v1/messages HTTP/1.1")
    assert b"x-api-key: sk-secret" in requests[0]
    assert b"anthropic-version: 2023-06-01" in requests[0]
    body = json.loads(reply.body)
    assert body["choices"][0]["message"]["content"] == "Hello."
    assert body["usage"]["total_tokens"] == 15


def test_a_stream_that_is_asked_for_comes_as_one_delta():
    async def use(model, requests):
        request = {"model": "m", "messages": [user("Hi")], "stream": True}
        return [event async for event in (await model.chat(request, {})).events]

    first, *_, last = served(json.dumps(REPLY).encode(), use)
    assert json.loads(first)["choices"][0]["delta"]["content"] == "Hello."
    assert last == b"[DONE]"


def test_an_error_comes_in_the_one_format_without_the_key_and_with_its_pause():
    error = {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "key sk-secret busy"},
    }

    async def use(model, requests):
        return await model.chat({"model": "m", "messages": [user("Hi")]}, {})

    raw = json.dumps(error).encode()
    reply = served(raw, use, "529 Overloaded", "retry-after: 7\r\n")
    assert (reply.status, reply.headers["retry-after"]) == (529, "7")
    assert json.loads(reply.body)["error"]["message"] == "key [key] busy"
    assert b"sk-secret" not in reply.body


def test_a_redirect_is_not_followed():
    async def use(model, requests):
        return await model.chat({"model": "m", "messages": [user("Hi")]}, {})

    with pytest.raises(UpstreamError, match="redirects"):
        served(b"", use, "302 Found", "location: http://example.org/\r\n")


@pytest.mark.parametrize("calls", [5, "x", [5], [{"id": "c"}], [{"id": "c", "function": 1}], None])
def test_a_call_that_makes_no_sense_is_left_out_and_breaks_nothing(calls):
    said = {"role": "assistant", "content": "Well.", "tool_calls": calls}
    assert asked(user("a"), said)["messages"][1]["content"] == [{"type": "text", "text": "Well."}]


@pytest.mark.parametrize("written", ["[1]", "7", "not JSON", '"text"'])
def test_arguments_that_are_no_mapping_are_given_in_one(written):
    call = {"id": "c", "function": {"name": "f", "arguments": written}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert asked(user("a"), said)["messages"][1]["content"][0]["input"] == {"arguments": written}


@pytest.mark.parametrize(("told", "counted"), [(-5, 0), (1e300, 10**9), (10**19, 10**9)])
def test_token_counts_stay_within_what_a_reply_can_hold(told, counted):
    raw = json.dumps({**REPLY, "usage": {"input_tokens": told, "output_tokens": 1}}).encode()
    head, message, finish, usage = completion(raw)
    assert usage.prompt == counted
    assert head.whole(message, finish, usage)
