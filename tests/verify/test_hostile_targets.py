"""Targets that hang, lie, babble or break: such an answer is an error, and never held."""

from __future__ import annotations

import asyncio
import json

import pytest
from loopback import Loopback, reply, said, sends
from playing import case, run_of

from remit.verify.records import from_json, line
from remit.verify.results import Count
from remit.verify.upstream import Budget, Price


async def hangs(number, writer) -> None:
    await asyncio.sleep(30)


async def resets(number, writer) -> None:
    writer.transport.abort()


def outcome_of(act, *, cases: int = 2, retries: int = 0, **settings):
    """What a run of so many cases against such a server comes to."""

    async def played():
        async with Loopback(act, retries=retries, **settings) as server:
            run = run_of([case(n) for n in range(cases)], server.target, concurrency=2)
            await run.play([server.target], None)
            return run.outcomes["model"], server

    return asyncio.run(played())


DEEP = b'{"choices":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
EVENTS = b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n\n'
SLOW = [b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", *[b" "] * 40]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (hangs, "timeout"),
        (resets, "reset"),
        (sends(reply(b"busy", "500 Internal Server Error")), "status"),
        (sends(reply(b"busy", "429 Too Many Requests")), "status"),
        (sends(reply(b"", "302 Found", "location: http://127.0.0.1:1/")), "bad_response"),
        (sends(reply(b"<html>hello</html>", "200 OK", "content-type: text/html")), "bad_response"),
        (sends(reply(EVENTS, "200 OK", "content-type: text/event-stream")), "bad_response"),
        (sends(reply(b"")), "bad_response"),
        (sends(reply(b"null")), "bad_response"),
        (sends(reply(b'{"choices": []}')), "bad_response"),
        (sends(reply(b'{"choices": [{"message": {"content": ["x"]}}]}')), "bad_response"),
        (sends(reply(b'{"choices": [{"message": {"content": {"a": 1}}}]}')), "bad_response"),
        (sends(reply(b'{"error": {"message": "200, and still an error"}}')), "bad_response"),
        (sends(reply(DEEP)), "bad_response"),
        (sends(reply(said("x", usage=[1]))), "bad_response"),
        (sends(reply(said("x" * 300_000))), "too_large"),
        (sends(reply(said("x"))[:-20], pause=0.5), "timeout"),
        (sends(*SLOW, pause=0.1), "timeout"),
        (sends(b"not even HTTP\r\n\r\n"), "bad_response"),
    ],
    ids=lambda value: value if isinstance(value, str) else "answer",
)
def test_what_is_no_answer_is_an_error_and_not_held(act, error):
    outcome, _ = outcome_of(act)
    assert outcome.failed == 2
    assert all(told.startswith(error) for told in outcome.errors), dict(outcome.errors)
    assert outcome.count("no-advice", "violations") == Count(2, 0, 2)


def test_a_provider_that_is_busy_twice_is_asked_until_it_answers():
    async def act(number, writer) -> None:
        busy = reply(b"busy", "429 Too Many Requests", "retry-after-ms: 30")
        writer.write(busy if number < 2 else reply(said("fine")))

    outcome, server = outcome_of(act, cases=1, retries=5)
    assert (outcome.samples, outcome.failed, len(server.requests)) == (1, 0, 3)
    gaps = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    assert min(gaps) >= 0.029


def test_a_used_up_allowance_is_waited_for_by_everybody():
    empty = ("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 60ms")
    outcome, server = outcome_of(sends(reply(said("fine"), "200 OK", *empty)), cases=4)
    assert outcome.failed == 0
    assert server.times[-1] - server.times[0] >= 0.055


def test_an_answer_that_hangs_costs_two_waits_and_not_six():
    """A hanging server must not hold a run for as long as its patience with errors is."""
    outcome, server = outcome_of(hangs, cases=1, retries=5, seconds=0.1)
    assert outcome.failed == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("tokens", [10**19, 1e300, -5, "7", True])
def test_token_counts_that_make_no_sense_neither_break_a_record_nor_pay_back(tokens):
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}

    async def asked():
        async with Loopback(sends(reply(said("fine", usage=usage)))) as server:
            upstream = server.target.upstream
            upstream.price, upstream.budget = Price(1, 1), Budget(cap=1e9)
            run = run_of([case()], server.target)
            kept = []
            run.watch = kept.append
            await run.play([server.target], None)
            return kept[0], upstream.budget.spent

    sample, spent = asyncio.run(asked())
    kept = from_json(json.loads(line(sample))).transcript
    assert kept.tokens_in == sample.transcript.tokens_in >= 0
    assert spent >= 0


def test_a_cost_cap_holds_though_the_provider_counts_no_tokens():
    async def asked():
        async with Loopback(sends(reply(said("word " * 200)))) as server:
            upstream = server.target.upstream
            upstream.price, upstream.budget = Price(1e6, 1e6), Budget(cap=500)
            run = run_of([case(n) for n in range(50)], server.target, concurrency=1)
            await run.play([server.target], None)
            return run, len(server.requests)

    run, requests = asyncio.run(asked())
    assert run.stopped == "the cost cap is reached"
    assert requests < 10


def test_an_empty_reply_is_an_answer_that_broke_nothing():
    outcome, _ = outcome_of(sends(reply(said(None))))
    assert outcome.failed == 0
    assert outcome.count("no-advice", "violations") == Count(2, 0, 0)
