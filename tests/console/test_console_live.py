"""Live answers: what a line tells, what a stream sends, and when it ends."""

from __future__ import annotations

import asyncio
import json

from firm import HOSTILE, SAID, Scene, answer, text

from remit.console.accounts import disabling
from remit.evidence import stamp


async def _events(scene: Scene, cookie: str, path: str, records, *, then=None):
    """What a browser gets while `records` are written, as (event, data)."""
    response = await scene.send("GET", path, cookie=cookie)
    assert response.status == 200, response.body
    stream = response.stream
    assert await anext(stream) == b"retry: 3000\n\n"
    while not scene.console.desk.feed.reading:
        await asyncio.sleep(0.01)
    for record in records:
        await scene.evidence.append(record)
    if then is not None:
        await then()
    events = []
    try:
        async with asyncio.timeout(5):
            while len(events) < len(records):
                events += _parsed(await anext(stream))
    except StopAsyncIteration:
        events.append(("end", {}))
    await response.discard()
    return events


def _parsed(data: bytes):
    for block in data.decode().strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" in lines:
            yield lines["event"], json.loads(lines["data"])


def _cookie(browser) -> str:
    return f"remit-console={browser.cookies['remit-console']}"


def test_answers_come_as_they_are_given_without_what_was_said(scene):
    cookie = _cookie(scene.login("rob"))
    given = [answer("allow"), answer("block")]
    events = asyncio.run(_events(scene, cookie, "/console/live/stream", given))
    assert [name for name, _ in events] == ["answer", "answer"]
    line = events[1][1]
    assert (line["id"], line["deed"], line["owner"]) == (
        given[1]["id"],
        "Blocked",
        "Compliance officer",
    )
    assert line["rules"] == ["Does not give legal advice."]
    assert SAID not in str(events)
    assert list(scene.evidence.entries(kind="seen")) == []


def test_a_reviewer_who_asks_for_words_gets_them_and_the_record_says_so_first(scene):
    cookie = _cookie(scene.login("rob"))
    given = [answer("allow", asked=HOSTILE)]
    ((_, line),) = asyncio.run(_events(scene, cookie, "/console/live/stream?words=1", given))
    assert line["asked"] == HOSTILE.replace("\u202e", "\ufffd")
    (entry,) = scene.evidence.entries(kind="seen")
    assert (entry.record["who"], entry.record["about"]) == ("rob", [given[0]["id"]])


def test_a_viewer_who_asks_for_words_gets_none(scene):
    browser = scene.login("vera")
    given = [answer("allow")]
    events = asyncio.run(_events(scene, _cookie(browser), "/console/live/stream?words=1", given))
    assert events[0][1]["asked"] == ""
    scene.evidence.append_sync(answer("allow"))
    assert SAID not in text(browser.get("/console/live?words=1"))


def test_a_stream_ends_with_its_session(scene, monkeypatch):
    monkeypatch.setattr("remit.console.pages.live._BEAT_SECONDS", 0.05)
    cookie = _cookie(scene.login("rob"))

    async def shut_out():
        change = disabling("rob", "ada", stamp())
        await scene.evidence.change(change.record(), change)
        await asyncio.sleep(0.1)
        await scene.evidence.append(answer("block"))

    first = answer("allow")
    events = asyncio.run(
        _events(scene, cookie, "/console/live/stream", [first, answer("allow")], then=shut_out)
    )
    assert ("end", {}) in events
    assert all(line.get("deed") != "Blocked" for _, line in events)


def test_who_looks_too_slowly_is_told_that_something_was_missed(scene, monkeypatch):
    from remit.console import feed

    queue: asyncio.Queue = asyncio.Queue(2)
    for number in range(5):
        feed._put(queue, (number,))
    got = [queue.get_nowait() for _ in range(queue.qsize())]
    assert isinstance(got[0], feed.Missed)
    assert got[-1] == (4,)


def test_no_more_look_than_may(scene, monkeypatch):
    monkeypatch.setattr("remit.console.feed.LOOKERS_MOST", 1)
    cookie = _cookie(scene.login("vera"))

    async def two():
        first = await scene.send("GET", "/console/live/stream", cookie=cookie)
        await anext(first.stream)
        second = await scene.send("GET", "/console/live/stream", cookie=cookie)
        await first.discard()
        third = await scene.send("GET", "/console/live/stream", cookie=cookie)
        await third.discard()
        return first.status, second.status, third.status

    assert asyncio.run(two()) == (200, 503, 200)


def test_the_newest_answers_are_on_the_page_before_any_script_runs(filled):
    page = text(filled.login("vera").get("/console/live"))
    lines = page.split('<template id="row">')[0].split('<li class="answer act-')[1:]
    assert [line.split('"')[0] for line in lines] == ["hand_over"] * 3 + [
        "flag",
        "replace",
        "block",
        "allow",
        "redact",
        "allow",
    ]
