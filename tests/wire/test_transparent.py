"""Law 6: where no rule finds anything, the official client cannot tell the gateway is there."""

import asyncio
import random

import orjson
import pytest
from recorded import ANSWERS, SPACED, STREAMS
from scene import EMPTY, chat, official, rules, serving
from upstream import EVENTS, body, cut, head, pieces, upstream

from remit.models.openai import OpenAICompatible


async def seen(base_url: str, **more) -> list[dict]:
    """The events as the official client hands them out."""
    async with official(base_url) as client:
        stream = await client.chat.completions.create(**chat("Hello?", stream=True, **more))
        async with stream:
            return [event.to_dict() async for event in stream]


def streamed(data: bytes, places) -> object:
    return pieces(head(kind=EVENTS), *cut(data, places))


@pytest.mark.parametrize("name", STREAMS)
def test_an_empty_remit_changes_no_event(name, tmp_path):
    data = STREAMS[name]

    async def main():
        async with upstream(streamed(data, [])) as up:
            direct = await seen(up.base_url)
            async with serving(tmp_path, EMPTY, OpenAICompatible(up.base_url)) as scene:
                assert await seen(scene.base_url) == direct
        assert direct

    asyncio.run(main())


@pytest.mark.parametrize("name", ["content", "tool calls", "CRLF", "comments", "unknown fields"])
def test_an_empty_remit_passes_the_same_bytes_wherever_the_stream_is_cut(name, tmp_path):
    data = STREAMS[name]
    rng = random.Random(7)
    places = [[at] for at in range(1, len(data))]
    places += [rng.sample(range(1, len(data)), 12) for _ in range(40)] + [range(1, len(data))]

    async def main():
        async with (
            upstream(streamed(data, [])) as up,
            serving(tmp_path, EMPTY, OpenAICompatible(up.base_url)) as scene,
        ):
            expected = (await scene.ask(chat("Hello?", stream=True))).body
            for chosen in places[:: max(1, len(places) // 400)]:
                up.play = streamed(data, chosen)
                assert (await scene.ask(chat("Hello?", stream=True))).body == expected, chosen

    asyncio.run(main())


@pytest.mark.parametrize("name", ANSWERS)
def test_an_empty_remit_changes_no_byte_of_a_whole_answer(name, tmp_path):
    async def main():
        async with (
            upstream(body(ANSWERS[name])) as up,
            serving(tmp_path, EMPTY, OpenAICompatible(up.base_url)) as scene,
        ):
            assert (await scene.ask(chat("Hello?"))).json == ANSWERS[name]
            async with scene.client() as client:
                reply = await client.chat.completions.create(**chat("Hello?"))
                assert reply.to_dict() == ANSWERS[name]

    asyncio.run(main())


def test_rules_that_find_nothing_pass_a_whole_answer_byte_for_byte(tmp_path):
    async def main():
        async with (
            upstream(body(SPACED)) as up,
            serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene,
        ):
            assert (await scene.ask(chat("Hello?"))).body == SPACED

    asyncio.run(main())


def gist(events: list[dict]) -> dict:
    """What a client makes of a stream: texts, calls, ends and usage, however they were cut."""
    choices: dict[int, dict] = {}
    usage = None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            mine = choices.setdefault(choice["index"], {"ends": [], "calls": {}})
            for name in ("content", "refusal", "reasoning_content"):
                mine[name] = mine.get(name, "") + (choice["delta"].get(name) or "")
            for call in choice["delta"].get("tool_calls") or ():
                known = mine["calls"].setdefault(call["index"], ["", "", ""])
                known[0] += call.get("id") or ""
                known[1] += call["function"].get("name") or ""
                known[2] += call["function"].get("arguments") or ""
            if choice["finish_reason"]:
                mine["ends"].append(choice["finish_reason"])
    return {"choices": choices, "usage": usage}


@pytest.mark.parametrize("name", STREAMS)
def test_rules_that_find_nothing_leave_text_calls_ends_and_usage_as_they_were(name, tmp_path):
    data = STREAMS[name]
    rng = random.Random(3)

    async def main():
        async with upstream(streamed(data, [])) as up:
            direct = gist(await seen(up.base_url))
            async with serving(tmp_path, rules(), OpenAICompatible(up.base_url)) as scene:
                for _ in range(3):
                    events = await seen(scene.base_url)
                    assert gist(events) == direct
                    assert {event["id"] for event in events} == {"chatcmpl-up"}
                    up.play = streamed(data, rng.sample(range(1, len(data)), 30))

    asyncio.run(main())


def test_fields_nobody_knows_reach_the_model(tmp_path):
    async def main():
        async with (
            upstream(body(ANSWERS["content"])) as up,
            serving(tmp_path, EMPTY, OpenAICompatible(up.base_url)) as scene,
        ):
            request = chat("Hello?", seed=7, x_new={"deep": [1, None, "é"]}, temperature=0.25)
            await scene.ask(request)
            assert orjson.loads(up.requests[0]) == request

    asyncio.run(main())
