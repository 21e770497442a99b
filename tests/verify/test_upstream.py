"""Asking a provider: patient within bounds, paced by its headers, each repeat drawn anew."""

from __future__ import annotations

import asyncio
import time

import pytest

from remit.models.base import UpstreamError
from remit.models.scripted import Fault, Scripted, ScriptedReply
from remit.types import Message
from remit.verify.cache import CacheError, ReplyFile, ReplyMemory
from remit.verify.pace import LONGEST, Pace, asked_pause, duration, exhausted
from remit.verify.upstream import Asker, Budget, Price, Upstream

HELLO = (Message("user", "hello"),)


def ask(upstream: Upstream, *repeats: int) -> list[str]:
    async def all_of_them() -> list[str]:
        return [(await upstream.ask(HELLO, repeat)).text for repeat in repeats or (0,)]

    return asyncio.run(all_of_them())


def busy(**headers: str) -> ScriptedReply:
    return ScriptedReply("busy", status=429, headers={"retry-after-ms": "1", **headers})


def test_a_busy_provider_is_asked_again_after_the_pause_it_asks_for():
    model = Scripted([busy(**{"retry-after-ms": "40"}), "here"])
    start = time.monotonic()
    assert ask(Upstream("m", model)) == ["here"]
    assert time.monotonic() - start >= 0.04
    assert len(model.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_that_would_be_the_same_again_is_not_repeated(status):
    model = Scripted([ScriptedReply("no", status=status)])
    with pytest.raises(UpstreamError, match=f"answered {status}"):
        ask(Upstream("m", model))
    assert len(model.requests) == 1


def test_the_provider_may_say_that_asking_again_is_useless():
    model = Scripted([busy(**{"x-should-retry": "false"})])
    with pytest.raises(UpstreamError):
        ask(Upstream("m", model))
    assert len(model.requests) == 1


def test_patience_ends():
    model = Scripted([busy()])
    with pytest.raises(UpstreamError, match="answered 429"):
        ask(Upstream("m", model, pace=Pace(retries=3)))
    assert len(model.requests) == 4


def test_an_answer_that_hangs_is_given_up():
    upstream = Upstream("m", Scripted([ScriptedReply("x", fault=Fault.HANG)]), seconds=0.05)
    upstream.pace = Pace(retries=0)
    with pytest.raises(UpstreamError, match="no answer within"):
        ask(upstream)


def test_a_refusal_pauses_everybody_who_asks_the_same_provider():
    times: list[float] = []

    def reply(request) -> ScriptedReply:
        times.append(time.monotonic())
        return busy(**{"retry-after-ms": "80"}) if len(times) == 1 else ScriptedReply("here")

    async def several() -> None:
        upstream = Upstream("m", Scripted(reply))
        first = asyncio.create_task(upstream.ask(HELLO))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, upstream.ask(HELLO), upstream.ask(HELLO))

    asyncio.run(several())
    assert min(times[1:]) - times[0] >= 0.075


def test_our_own_rate_is_kept_by_many_tasks():
    async def several() -> float:
        upstream = Upstream("m", Scripted(["x"]), pace=Pace(100.0))
        start = time.monotonic()
        await asyncio.gather(*(upstream.ask(HELLO) for _ in range(6)))
        return time.monotonic() - start

    assert asyncio.run(several()) >= 0.045


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360), ("20ms", 0.02), ("1h2m3s", 3723), ("1.5s", 1.5), ("1.5", 1.5),
        ("", 0), ("soon", 0), ("-3", 0), ("nan", 0), ("inf", 0), ("1s junk", 0),
    ],
)  # fmt: skip
def test_a_reset_time_is_read(text, seconds):
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "99999999"}, LONGEST),
    ],
)
def test_a_pause_is_what_the_headers_ask_for_within_reason(headers, seconds):
    assert asked_pause(headers) == seconds


def test_an_exhausted_allowance_is_waited_for():
    left = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "60s"}
    assert exhausted(left) == 0
    none = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.2s"}
    assert exhausted({**left, **none}) == pytest.approx(1.2)


def test_repeats_never_share_a_kept_reply(tmp_path):
    said = iter(f"reply {n}" for n in range(10))
    with ReplyFile(tmp_path / "cache") as kept:
        assert ask(Upstream("m", Scripted(lambda r: next(said)), replies=kept), 0, 1, 2) == [
            "reply 0",
            "reply 1",
            "reply 2",
        ]
    with ReplyFile(tmp_path / "cache") as kept:
        model = Scripted(["fresh"])
        assert ask(Upstream("m", model, replies=kept), 2, 1, 0, 3) == [
            "reply 2",
            "reply 1",
            "reply 0",
            "fresh",
        ]
        assert len(model.requests) == 1


@pytest.mark.parametrize("other", [{"name": "n"}, {"model_id": "large"}])
def test_another_target_or_model_has_its_own_replies(other):
    kept = ReplyMemory()
    ask(Upstream("m", Scripted(["one"]), "small", replies=kept))
    settings = {"name": "m", "model_id": "small", **other}
    assert ask(Upstream(model=Scripted(["two"]), replies=kept, **settings)) == ["two"]


def test_an_error_is_not_kept():
    kept = ReplyMemory()
    upstream = Upstream("m", Scripted([ScriptedReply("x", status=400), "fine"]), replies=kept)
    with pytest.raises(UpstreamError):
        ask(upstream)
    assert ask(upstream) == ["fine"]


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    (tmp_path / "notes").write_text("dear diary " * 100)
    with pytest.raises(CacheError, match="name a new file with --cache"):
        ReplyFile(tmp_path / "notes")


def test_a_memory_of_replies_is_bounded():
    kept = ReplyMemory(most=2)
    for number in range(5):
        kept.put(str(number), b"x")
    assert [kept.get(str(n)) for n in range(5)] == [b"x", b"x", None, None, None]


def test_what_is_kept_costs_nothing_again():
    budget, kept = Budget(cap=1000), ReplyMemory()
    model = Scripted([ScriptedReply("one two three", usage=(1000, 3))])
    upstream = Upstream("m", model, price=Price(1000, 2000), budget=budget, replies=kept)
    ask(upstream, 0, 0, 0)
    assert budget.spent == pytest.approx((1000 * 1000 + 3 * 2000) / 1e6)


def test_a_judge_is_asked_like_any_model():
    upstream = Upstream("judge", Scripted(["verdict"]), "judge-1")
    assert asyncio.run(Asker(upstream).answer("question")) == "verdict"
    assert Asker(upstream).name == "judge-1"


def test_rungs_that_ask_the_same_at_the_same_time_hear_the_same_reply():
    said = iter(f"reply {n}" for n in range(10))
    model = Scripted(lambda request: ScriptedReply(next(said), delay=0.01))

    async def at_once() -> list[str]:
        upstream = Upstream("m", model, replies=ReplyMemory())
        return [a.text for a in await asyncio.gather(*(upstream.ask(HELLO) for _ in range(5)))]

    assert asyncio.run(at_once()) == ["reply 0"] * 5
    assert len(model.requests) == 1


def test_one_that_waits_for_the_same_reply_asks_itself_where_that_failed():
    said = iter([ScriptedReply("x", status=400, delay=0.01), ScriptedReply("fine")])

    async def at_once() -> list[object]:
        upstream = Upstream("m", Scripted(lambda request: next(said)), replies=ReplyMemory())
        both = (upstream.ask(HELLO), upstream.ask(HELLO))
        return await asyncio.gather(*both, return_exceptions=True)

    first, second = asyncio.run(at_once())
    assert isinstance(first, UpstreamError)
    assert second.text == "fine"


def test_a_cache_belongs_to_one_run_at_a_time(tmp_path):
    with ReplyFile(tmp_path / "cache") as kept:
        kept.put("a", b"x")
        with pytest.raises(CacheError, match="another run has it"):
            ReplyFile(tmp_path / "cache")
    with ReplyFile(tmp_path / "cache") as again:
        assert again.get("a") == b"x"


def test_what_has_no_token_count_is_charged_by_its_size():
    budget = Budget(cap=1000)
    model = Scripted([ScriptedReply("x" * 300, usage=(0, 0))])
    ask(Upstream("m", model, price=Price(0, 1_000_000), budget=budget))
    assert 75 <= budget.spent <= 150
