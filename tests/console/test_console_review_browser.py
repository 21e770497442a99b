"""Comparing replies in headless Chromium: by keyboard alone, on a phone, in the dark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from firm import staged
from onstage import Seat, faults, served

from remit.console.pages.review import ReviewDesk
from remit.console.table import WITH_REVIEW
from remit.layers.training.preferences import Choice, Pair, Store, shown_order

pytestmark = pytest.mark.browser

RULES = ("no-legal-advice", "refer-when-in-doubt")
PAIRS = tuple(
    Pair(
        f"p{n}",
        "My landlord keeps my deposit of £1,200. Can I sue him?",
        "That is a legal question, so I can't advise on it. I have passed it to the duty "
        "accountant, who will reply by the end of the next working day.",
        "You have a strong case: they are liable for your losses. It is probably worth about "
        "£1,200, so take them to court.",
        RULES,
    )
    for n in range(4)
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "review")


@pytest.fixture
def seat(chromium: Any, tmp_path: Path, store: Store) -> Iterator[Seat]:
    review = ReviewDesk(PAIRS, store)
    with staged(tmp_path, routes=WITH_REVIEW, review=review) as scene, served(scene) as url:
        seat = Seat(chromium, url)
        yield seat
        seat.close()
        assert seat.events == []


def test_a_pair_is_judged_by_digits_and_enter_alone(seat: Seat, store: Store):
    page = seat.inside("rob")
    page.goto(f"{seat.url}/console/review")
    page.keyboard.press("1")
    page.keyboard.press("3")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="Kept.").wait_for()
    (kept,) = store.verdicts()
    first = Choice.A if shown_order(kept.pair, "rob") == "ab" else Choice.B
    assert kept.rules == {"no-legal-advice": first, "refer-when-in-doubt": Choice.BOTH}
    assert kept.overall is first.swapped


def test_it_works_with_tab_and_arrows_and_without_script(seat: Seat, store: Store):
    page = seat.inside("rob")
    page.route(
        "**/review.js*", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    page.goto(f"{seat.url}/console/review")
    page.get_by_role("radio").first.focus()
    for _ in range(3):
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Tab")
    page.get_by_role("button", name="Keep, and next").press("Enter")
    page.get_by_role("status").filter(has_text="Kept.").wait_for()
    (kept,) = store.verdicts()
    second = Choice.B if shown_order(kept.pair, "rob") == "ab" else Choice.A
    assert set(kept.rules.values()) == {second}


def test_nothing_is_sent_while_a_question_is_open(seat: Seat, store: Store):
    page = seat.inside("rob")
    page.goto(f"{seat.url}/console/review")
    page.keyboard.press("1")
    page.get_by_role("button", name="Keep, and next").click()
    assert store.verdicts() == ()
    assert page.url.endswith("/console/review")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_pages_are_clean_for_a_screen_reader_and_fit(seat: Seat, width: int, dark: bool):
    page = seat.inside("olga", width=width, dark=dark)
    for path in ("/review", "/review/agreement"):
        page.goto(f"{seat.url}/console{path}")
        for summary in page.locator("main summary").all():
            summary.click()
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("REMIT_SHOTS"):
            name = f"{path.strip('/').replace('/', '-')}-{width}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=str(Path(folder) / name), full_page=True)
