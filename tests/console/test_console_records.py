"""The evidence pages: found by what is asked for, told in words, checked, and handed over."""

from __future__ import annotations

import asyncio
import html
import re
import sqlite3
import time
from typing import Any

import orjson
import pytest
from firm import HOSTILE, SAID, Scene, answer, text
from remit_desk import ASKED, follow, record, traffic

from remit.console.records import words
from remit.console.records.search import PAGE, Wanted, position_at, search
from remit.evidence import stamp
from remit.types import Span


def plain(page: Any) -> str:
    """A page as a reader has it."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text(page))))


def found(scene: Scene, **wanted: str) -> list[str]:
    """Every id that is found, page by page, newest first."""
    ids: list[str] = []
    older = ""
    while True:
        page = search(scene.evidence, Wanted(**wanted), older)
        ids += [line.id for line in page.lines]
        if not page.older:
            return ids
        older = page.older


# --- Searching -------------------------------------------------------------------------------


def test_pages_hold_every_entry_once_and_the_newest_first(scene: Scene) -> None:
    traffic(scene, 130)
    everything = [entry.id for entry in scene.evidence.entries()]
    assert len(everything) > 2 * PAGE
    assert found(scene) == everything[::-1]


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ({"kind": "case"}, lambda e: e.kind == "case"),
        ({"kind": "answer"}, lambda e: e.kind == "answer"),
        ({"action": "hand_over"}, lambda e: e.action == "hand_over"),
        ({"action": "allow"}, lambda e: e.action == "allow"),
        ({"kind": "answer", "action": "hand_over"},
         lambda e: (e.kind, e.action) == ("answer", "hand_over")),
        ({"rule": "no-legal-advice"}, lambda e: "no-legal-advice" in words.rules(e.record)),
        ({"rule": "no-legal-advice", "kind": "case"}, lambda e: e.kind == "case"),
        ({"text": "FIXED asset"},
         lambda e: any("fixed asset" in said.casefold() for said in words.wordings(e.record))),
        ({"text": "contract is void", "kind": "case"}, lambda e: e.kind == "case"),
        ({"text": "nowhere to be found"}, lambda e: False),
        ({"rule": "no-such-rule"}, lambda e: False),
    ],
)  # fmt: skip
def test_a_search_finds_all_that_is_wanted_and_nothing_else(
    scene: Scene, wanted: dict[str, str], holds: Any
) -> None:
    traffic(scene, 90)
    expected = [entry.id for entry in scene.evidence.entries() if holds(entry)]
    assert sorted(found(scene, **wanted)) == sorted(expected)


def test_a_time_is_found_by_bisection_and_bounds_what_is_found(scene: Scene) -> None:
    for day in range(1, 29):
        for hour in (3, 15):
            moment = f"2026-02-{day:02d}T{hour:02d}:00:00.000Z"
            scene.evidence.append_sync({**answer(), "time": moment})
    first = position_at(scene.evidence, "2026-02-10T00:00:00.000Z")
    (time_,) = scene.evidence.rows("SELECT time FROM entries WHERE position = ?", (first,))[0]
    assert time_ == "2026-02-10T03:00:00.000Z" or first <= 5  # accounts were made today
    between = {"since": "2026-02-10T00:00:00.000Z", "until": "2026-02-11T23:59:59.999Z"}
    assert len(found(scene, **between)) == 4
    assert found(scene, since="2031-01-01T00:00:00.000Z") == []


def test_a_case_is_found_with_all_that_happened_to_it(filled: Scene) -> None:
    case = filled.cases[0]
    asyncio.run(filled.evidence.close_case(case, "done", "rob"))
    assert found(filled, id=case) == [f"{case}/closed", f"{case}/open"]


def test_a_look_that_takes_too_long_says_how_far_back_it_came(scene: Scene) -> None:
    traffic(scene, 600)
    page = search(scene.evidence, Wanted(text="nowhere to be found"), seconds=0.0)
    assert (page.lines, bool(page.older)) == ((), True)
    assert page.looked_to
    assert search(scene.evidence, Wanted(text="nowhere to be found"), page.older).older == ""


@pytest.mark.parametrize("path", ["?since=yesterday", "?until=2026-13-01", "?older=x&rule=a"])
def test_nonsense_in_the_address_is_no_fault_of_the_server(scene: Scene, path: str) -> None:
    assert scene.login("rob").get(f"/console/evidence{path}").status in (200, 422)


# --- One entry -------------------------------------------------------------------------------


def test_an_answer_is_told_in_words_with_its_masks_and_its_place(filled: Scene) -> None:
    told = record(ASKED[2], "I noted NL91ABNA0417164300.")
    entry = filled.evidence.append_sync(told)
    page = filled.login("rob").get(f"/console/evidence/{told['id']}")
    shown = plain(page)
    assert "Answer, masked" in shown
    assert entry.hash in shown
    assert "Never repeats a client's data." in shown
    assert re.search(r'<mark class="mask"[^>]*>\[', text(page))
    (seen,) = [e.record for e in filled.evidence.entries(kind="seen") if e.record]
    assert seen["about"] == [told["id"]]


def test_a_viewer_reads_no_words_of_clients_and_leaves_no_trace(filled: Scene) -> None:
    told = answer("hand_over")
    filled.evidence.append_sync(told)
    vera = filled.login("vera")
    page = plain(vera.get(f"/console/evidence/{told['id']}"))
    assert "What was asked and answered is for reviewers" in page
    case = plain(vera.get(f"/console/evidence/{filled.cases[0]}%2Fopen"))
    for shown in (page, case):
        assert SAID not in shown
        assert "you can sue" not in shown
    assert vera.get("/console/evidence?text=landlord").status == 422
    assert not list(filled.evidence.entries(kind="seen"))


def test_hostile_words_stay_words(scene: Scene) -> None:
    told = {**answer(), "asked": HOSTILE, "answered": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}}
    told["findings"] = [{"rule": HOSTILE, "says": HOSTILE, "spans": "x", "stage": HOSTILE}, 3]
    told["rules"] = {"r": {"action": "flag"}}
    scene.evidence.append_sync(told)
    rob = scene.login("rob")
    for path in ("/console/evidence", f"/console/evidence/{told['id']}"):
        page = rob.get(path)
        assert page.status == 200
        assert "<script>alert" not in text(page)
        assert "onerror=alert(1)>" not in text(page)
        assert "\u202e" not in text(page)


def test_an_entry_of_any_shape_has_a_page(scene: Scene) -> None:
    deep: Any = "end"
    for _ in range(40):
        deep = {"in": [deep]}
    marked = {"marks": [[9, 1, "a", "b"], ["x"]]}
    shapes = (
        {"deep": deep},
        {"many": list(range(5_000))},
        {"channels": 3, "delivered": []},
        {"asked": 1, "answered": None, "channels": {"input": 2}, "rules": 4, "case": {}},
        {"delivered": marked, "asked": "a", "answered": "b"},
    )
    ada = scene.login("ada")
    for number, shape in enumerate(shapes):
        base = {"id": f"odd-{number}", "time": stamp(), "kind": "odd"}
        scene.evidence.append_sync({**base, **shape})
        page = ada.get(f"/console/evidence/odd-{number}")
        assert page.status == 200, shape
        assert len(page.body) < 100_000
    assert ada.get("/console/evidence/none-such").status == 404


def test_what_was_erased_is_said_to_be(scene: Scene) -> None:
    told = answer()
    scene.evidence.append_sync(told)
    asyncio.run(scene.evidence.erase(told["id"], who="ada", why="asked to"))
    page = plain(scene.login("rob").get(f"/console/evidence/{told['id']}"))
    assert "was erased" in page
    assert SAID not in page


def test_marks_of_any_kind_cut_a_text_into_all_of_it() -> None:
    marks = [(Span(2, 4), "mask", "a"), (Span(3, 9), "found", "b"), (Span(20, 30), "own", "c")]
    cut = words.pieces("0123456789", marks)
    assert "".join(piece.text for piece in cut) == "0123456789"
    assert [piece.mark for piece in cut] == ["", "mask", "found", ""]


# --- The chain, and the whole ----------------------------------------------------------------


def checked(scene: Scene) -> str:
    """What the page says once a check that is begun has ended."""
    ada = scene.login("ada")
    ada.get("/console/evidence")
    assert ada.post("/console/evidence/check").status == 303
    for _ in range(200):
        progress = scene.console.desk.jobs.progress("chain")
        if progress is not None and not progress.running:
            break
        time.sleep(0.05)
    return plain(ada.get("/console/evidence"))


def test_a_check_says_intact_and_leaves_an_entry(filled: Scene) -> None:
    assert "Intact. Every hash of" in checked(filled)
    (entry,) = filled.evidence.entries(kind="checked")
    assert (entry.action, entry.record["who"]) == ("intact", "ada")  # type: ignore[index]


def test_a_check_finds_an_entry_that_was_edited(filled: Scene) -> None:
    outside = sqlite3.connect(filled.evidence.url)
    outside.execute("DROP TRIGGER entries_fixed")
    outside.execute("UPDATE entries SET action = 'allow' WHERE action = 'block'")
    outside.commit()
    outside.close()
    assert "Not intact:" in checked(filled)


def test_an_export_is_every_entry_and_for_an_admin_only(filled: Scene) -> None:
    assert filled.login("olga").get("/console/evidence/export").status == 403
    ada = filled.login("ada")
    before = [entry.id for entry in filled.evidence.entries()]

    async def read() -> bytes:
        cookie = "; ".join(f"{name}={value}" for name, value in ada.cookies.items())
        response = await filled.send("GET", "/console/evidence/export", cookie=cookie)
        assert response.stream is not None
        return b"".join([chunk async for chunk in response.stream])

    lines = [orjson.loads(line) for line in asyncio.run(read()).splitlines()]
    assert [line["id"] for line in lines[: len(before)]] == before
    assert lines[-1]["kind"] == "seen"


def test_an_export_that_nobody_reads_on_ends(scene: Scene) -> None:
    from remit.console.records.exporting import lines

    follow(scene)
    traffic(scene, 400)
    chunks = lines(scene.evidence.url)
    assert next(chunks)
    chunks.close()
    with pytest.raises(StopIteration):
        next(chunks)
