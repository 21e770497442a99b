"""The conversation in Chromium: keyboard, stream, stop, faults and a fresh start."""

from __future__ import annotations

import time

import pytest
from standin import VIEW, Scene, answer, ask, receipt

pytestmark = pytest.mark.browser


def test_enter_sends_and_the_conversation_goes_along(desk, visit):
    desk.scenes = {"One": Scene("First.", receipt()), "Two": Scene("Second.", receipt(id="rct_2"))}
    watched = visit()
    ask(watched.page, "One")
    ask(watched.page, "Two", answers=2)
    assert desk.asked[1] == {
        "model": "remit-house-demo",
        "stream": True,
        "messages": [
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "First."},
            {"role": "user", "content": "Two"},
        ],
    }
    assert answer(watched.page, 2) == "Second."
    assert watched.page.evaluate("document.activeElement.id") == "message"
    assert watched.events == []


def test_shift_enter_starts_a_line_and_blank_is_not_sent(desk, visit):
    page = visit().page
    page.keyboard.press("Enter")
    page.keyboard.type("  ")
    page.keyboard.press("Enter")
    page.get_by_label("Your message to").fill("")
    page.keyboard.type("a")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("b")
    page.keyboard.press("Enter")
    page.wait_for_selector(".receipt")
    assert [body["messages"] for body in desk.asked] == [[{"role": "user", "content": "a\nb"}]]


def test_a_try_is_asked_with_the_keyboard_alone(desk, visit):
    page = visit().page
    page.get_by_role("button", name=VIEW.tries[0]).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".receipt")
    assert desk.asked[0]["messages"][0]["content"] == VIEW.tries[0]
    assert not page.locator("#welcome").is_visible()


def test_a_stream_reads_the_same_however_it_is_cut(desk, visit):
    text = "Één — €5 😀 naïve.\n\nSecond paragraph."
    cuts = [(end, size) for end in ("\n", "\r\n", "\r") for size in (1, 7, 1 << 20)]
    watched = visit()
    for turn, (end, size) in enumerate(cuts, 1):
        scene = Scene(text, receipt(), letters=3, bytes_a_write=size, line_end=end, spread=True)
        desk.scenes["q"] = scene
        ask(watched.page, "q", answers=turn)
        shown = watched.page.locator(f".turn:nth-child({turn}) .answer .text p")
        assert shown.all_inner_texts() == ["Één — €5 😀 naïve.", "", "Second paragraph."]
    assert watched.events == []


@pytest.mark.parametrize("how", ["button", "escape"])
def test_stop_hangs_up_and_keeps_what_came(desk, visit, how):
    desk.scenes = {"q": Scene("Half an answer", receipt(), ending="hang")}
    page = visit().page
    page.get_by_label("Your message to").fill("q")
    page.keyboard.press("Enter")
    page.get_by_text("Half an answer").wait_for()
    stop = page.get_by_role("button", name="Stop the answer")
    stop.click() if how == "button" else page.keyboard.press("Escape")
    page.get_by_text("Stopped.").wait_for()
    page.wait_for_selector(".receipt")
    assert desk.hung_up.wait(5)
    assert not stop.is_visible()
    assert page.evaluate("document.activeElement.id") == "message"
    ask(page, "next", answers=2)
    assert desk.asked[1]["messages"][1] == {"role": "assistant", "content": "Half an answer"}


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (Scene("slow <i>down</i>", status=429), ["The assistant is busy", "slow <i>down</i>"]),
        (Scene("no", status=502), ["The assistant's model can't be reached."]),
        (Scene("no", status=418), ["The request was refused."]),
        (Scene("Part", ending="error"), ["Part", "The answer broke off.", "<b>broke</b>"]),
        (Scene("Part", ending="lost", pause=0.3), ["Part", "The connection was lost"]),
    ],
)
def test_a_fault_is_told_in_plain_words_and_can_be_retried(desk, visit, scene, words):
    desk.scenes = {"q": [scene, Scene("Better.", receipt())]}
    page = visit().page
    page.get_by_label("Your message to").fill("q")
    page.keyboard.press("Enter")
    page.wait_for_selector(".fault")
    turn = page.locator(".turn").inner_text()
    assert all(word in turn for word in words)
    assert "No receipt came with this answer" in turn
    page.get_by_role("button", name="Try again").click()
    page.locator(".answer").get_by_text("Better.").wait_for()
    page.locator(".receipt").get_by_text("Nothing found.").wait_for()
    assert page.locator(".turn").count() == 1
    assert page.locator(".fault").count() == 0
    assert desk.asked[0] == desk.asked[1]


def test_a_gateway_that_is_gone_is_told_in_plain_words(desk, visit):
    page = visit().page
    page.route("**/v1/chat/completions", lambda route: route.abort())
    page.get_by_label("Your message to").fill("q")
    page.keyboard.press("Enter")
    page.get_by_text("The gateway can't be reached.").first.wait_for()


def test_new_conversation_forgets_and_hangs_up(desk, visit):
    desk.scenes = {"q": Scene("Half", receipt(), ending="hang")}
    page = visit().page
    page.get_by_label("Your message to").fill("q")
    page.keyboard.press("Enter")
    page.get_by_text("Half").wait_for()
    page.get_by_role("button", name="New conversation").click()
    assert desk.hung_up.wait(5)
    assert page.locator(".turn").count() == 0
    assert page.get_by_role("heading", name="Ask Ada").is_visible()
    ask(page, "fresh")
    assert desk.asked[1]["messages"] == [{"role": "user", "content": "fresh"}]


def test_fifty_turns_stay_quick(desk, visit):
    page = visit().page
    began = time.monotonic()
    for turn in range(50):
        ask(page, f"question {turn}", answers=turn + 1)
    assert len(desk.asked[-1]["messages"]) == 99
    assert time.monotonic() - began < 30
