"""A draft in the shadow: it reads what was answered, counts, and changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from firm import Scene
from remit_desk import ASKED, SAID, TEXT, answered, follow
from test_console_drafts import NEW, STRICTER, drafted, words

from remit.console.drafting.drafts import DraftError, Drafting, Kept, Moving
from remit.console.shadow import QUEUE_MOST, Shadow, shadowed
from remit.evidence import Evidence, stamp
from remit.policy import loads
from remit.types import Json

DIGEST = loads(TEXT).policy.digest
VANS = TEXT.replace("you could sue,", "you could sue, fixed asset,", 1)


def put(evidence: Evidence, content: str = STRICTER) -> str:
    """Puts a draft of this text into the shadow."""
    now, digest = stamp(), loads(content).policy.digest
    draft = Kept(digest, content, "draft", "olga", "", now, now, DIGEST)
    for change in (Drafting(draft), Moving(digest, "shadow", "olga", now)):
        evidence.change_sync(change.record(), change)
    return digest


async def until(evidence: Evidence, digest: str, answers: int) -> Json:
    """What is kept, once so many answers have been read or dropped."""
    for _ in range(300):
        await asyncio.sleep(0.05)
        found = await asyncio.to_thread(shadowed, evidence, digest)
        if found is not None and found["answers"] + found["dropped"] >= answers:
            return found
    raise AssertionError("the shadow did not read what it was given")


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence.open(tmp_path / "evidence.db")


async def watched(shadow: Shadow) -> None:
    """Returns when the draft has been taken up."""
    for _ in range(100):
        await asyncio.sleep(0.05)
        if shadow._watch is not None:
            return
    raise AssertionError("the draft was not taken up")


def test_it_counts_what_would_have_been_otherwise_and_opens_no_case(evidence: Evidence) -> None:
    async def run() -> Json:
        digest = put(evidence, VANS)
        shadow = Shadow(evidence)
        task = asyncio.create_task(shadow.run())
        await watched(shadow)
        for asked in ASKED:
            for said in SAID:
                shadow.seen(*answered(asked, said))
        found = await until(evidence, digest, 9)
        task.cancel()
        return found

    with evidence:
        found = asyncio.run(run())
        assert (found["answers"], found["replayed"], found["dropped"]) == (9, 9, 0)
        assert found["moves"] == [["allow", "hand_over", 3]]
        assert found["rules"] == {"no-legal-advice": 3}
        assert evidence.cases() == ()
        assert [entry.kind for entry in evidence.entries()] == ["remit", "remit"]


def test_texts_are_whole_for_it_where_the_record_masks_them(evidence: Evidence) -> None:
    async def run() -> Json:
        digest = put(evidence, TEXT.replace("you could sue,", "you could sue, noted,", 1))
        shadow = Shadow(evidence)
        task = asyncio.create_task(shadow.run())
        await watched(shadow)
        shadow.seen(*answered(ASKED[2], "It is noted."))
        found = await until(evidence, digest, 1)
        task.cancel()
        return found

    with evidence:
        found = asyncio.run(run())
        assert found["unread"] == {}
        assert found["changed"] == 1


def test_without_a_draft_in_the_shadow_nothing_is_kept_in_memory(evidence: Evidence) -> None:
    with evidence:
        shadow = Shadow(evidence)
        shadow.seen(*answered(ASKED[0], SAID[0]))
        assert not shadow._queue


def test_what_finds_no_room_is_counted(evidence: Evidence) -> None:
    async def run() -> Json:
        digest = put(evidence)
        shadow = Shadow(evidence)
        task = asyncio.create_task(shadow.run())
        await watched(shadow)
        made = answered(ASKED[0], SAID[0])
        for _ in range(QUEUE_MOST + 30):
            shadow.seen(*made)
        assert len(shadow._queue) == QUEUE_MOST
        found = await until(evidence, digest, 40)
        task.cancel()
        return found

    with evidence:
        assert asyncio.run(run())["dropped"] == 30


def test_one_draft_at_most_is_in_the_shadow(evidence: Evidence) -> None:
    with evidence:
        put(evidence)
        with pytest.raises(DraftError, match="is in the shadow; take it out first"):
            put(evidence, VANS)


def test_the_page_shows_what_all_workers_have_seen_together(scene: Scene) -> None:
    follow(scene)
    olga = scene.login("olga")
    place = drafted(olga)
    olga.get(place)
    assert olga.post(f"{place}/shadow").status == 303
    for worker, changed in (("a", 2), ("b", 3)):
        value = {
            "answers": 10, "replayed": 10, "changed": changed, "dropped": 1, "unread": {},
            "moves": [["allow", "block", changed]], "rules": {"no-legal-advice": changed},
            "models": [], "named": [], "since": stamp(),
        }  # fmt: skip
        asyncio.run(scene.evidence.keep_state(f"shadow/{NEW}/{worker}/x", value))
    page = words(olga.get(place))
    assert "5 of 20 answers since" in page
    assert "2 more answers came too fast to be read" in page
    assert olga.post(f"{place}/unshadow").status == 303
    assert "It reads no traffic any more." in words(olga.get(f"{place}?done=draft-unshadowed"))
