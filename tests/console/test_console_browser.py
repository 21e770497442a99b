"""The console in headless Chromium: by keyboard, live, on a phone, in the dark, for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from firm import HOSTILE, Scene, answer
from onstage import Seat, faults, served

from remit.layers.monitor.interventions import read_interventions

pytestmark = pytest.mark.browser

PAGES = {
    "overview": "/",
    "rule": "/rules/no-legal-advice",
    "live": "/live?words=1",
    "cases": "/cases?words=1",
    "closed": "/cases?state=closed",
    "case": "/cases/{case}",
    "incidents": "/incidents",
    "incident": "/incidents/no-legal-advice/alarm_1",
    "interventions": "/interventions",
    "people": "/people",
    "account": "/account",
    "fault": "/nothing/here",
}


@pytest.fixture
def seat(chromium: Any, filled: Scene) -> Iterator[Seat]:
    """Before a filled console. The test fails on any dialog, error or foreign request."""
    with served(filled) as url:
        seat = Seat(chromium, url)
        yield seat
        seat.close()
        assert seat.events == []


def test_a_case_is_answered_by_keyboard_alone(seat, filled):
    page = seat.inside("rob")
    page.goto(f"{seat.url}/console/cases")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/cases/case_*")
    page.keyboard.press("e")
    page.keyboard.type("Write to him first, and keep a copy.")
    page.keyboard.press("Control+Enter")
    page.get_by_role("status").filter(has_text="Answered.").wait_for()
    case = filled.evidence.case(filled.cases[1])
    assert (case.answer, case.who) == ("Write to him first, and keep a copy.", "rob")
    assert page.locator("nav .count").inner_text() == "2"


def test_a_key_alone_decides_nothing_and_can_be_turned_off(seat, filled):
    page = seat.inside("rob")
    page.goto(f"{seat.url}/console/cases/{filled.cases[0]}")
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.value") == "release"
    assert filled.evidence.case(filled.cases[0]).state == "open"
    page.locator(".me > summary").click()
    page.get_by_label("Single keys").uncheck()
    page.reload()
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_an_intervention_is_undone_with_one_click(seat, filled):
    page = seat.inside("olga")
    page.get_by_role("button", name="Undo: Tighten").click()
    page.get_by_role("status").filter(has_text="Undone.").wait_for()
    (it,) = read_interventions(filled.evidence)
    assert (it.state, it.ended_by) == ("ended", "olga")
    assert page.get_by_text("Ada serves").is_visible()


def test_a_pause_is_begun_and_every_page_says_so(seat, filled):
    page = seat.inside("olga")
    page.goto(f"{seat.url}/console/interventions")
    page.get_by_label("Pause", exact=False).first.check()
    page.get_by_label("Reason").fill("The model speaks Latin.")
    page.get_by_role("button", name="Begin it").click()
    page.get_by_text("Ada is stopped").wait_for()
    assert page.get_by_text("The model speaks Latin.").is_visible()


def test_a_live_answer_appears_as_text_without_a_reload(seat, filled):
    page = seat.inside("rob")
    page.goto(f"{seat.url}/console/live?words=1")
    page.get_by_text("New answers appear").wait_for()
    while not filled.console.desk.feed.reading:
        page.wait_for_timeout(20)
    rows = page.locator("#answers > li")
    before = rows.count()
    record = answer("block", asked=HOSTILE, answered="No.")
    filled.evidence.append_sync(record)
    first = page.locator(f'#answers > li[data-id="{record["id"]}"]')
    first.wait_for()
    assert rows.count() == before + 1
    assert rows.first.get_attribute("data-id") == record["id"]
    assert "<script>alert(1)</script>" in first.inner_text()
    assert first.locator(".go").get_attribute("href").endswith(record["id"])
    assert any(s.record["about"] == [record["id"]] for s in filled.evidence.entries(kind="seen"))


def test_a_held_page_stays_as_it_is(seat, filled):
    page = seat.inside("vera")
    page.goto(f"{seat.url}/console/live")
    page.get_by_text("New answers appear").wait_for()
    page.get_by_role("button", name="Hold").click()
    rows = page.locator("#answers > li").count()
    filled.evidence.append_sync(answer("block"))
    page.wait_for_timeout(900)
    assert page.locator("#answers > li").count() == rows


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_no_page_has_a_fault_that_axe_knows_and_none_sticks_out(seat, filled, width, dark):
    door = seat.page(width=width, dark=dark)
    door.goto(f"{seat.url}/console/login")
    assert faults(door) == []
    door.evaluate("document.body.append(document.createElement('img'))")
    assert "image-alt" in [fault.split(":")[0] for fault in faults(door)]
    page = seat.inside("ada", width=width, dark=dark)
    for name, path in PAGES.items():
        page.goto(f"{seat.url}/console{path.format(case=filled.cases[0])}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert faults(page) == [], name
    # The one page that is not there is in the browser's own list of errors too.
    assert [event for event in seat.events if "404" not in event] == []
    seat.events.clear()


def test_everything_can_be_done_without_script(seat, filled, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{seat.url}/console/cases")
    page.get_by_label("Name").fill("rob")
    page.get_by_label("Password").fill("correct-horse-battery-staple")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{seat.url}/console/cases")
    page.locator(".title").first.click()
    page.get_by_label("Your answer to the client").fill("By post.")
    page.get_by_role("button", name="Answer").click()
    page.wait_for_url("**/console/cases?done=case-answered")
    assert filled.evidence.case(filled.cases[1]).answer == "By post."
    context.close()
