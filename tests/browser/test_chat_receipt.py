"""The receipt beside an answer: its words, its findings and the marks in both texts."""

from __future__ import annotations

import pytest
from standin import Scene, ask, finding, receipt

pytestmark = pytest.mark.browser

SENTENCES = {
    "flag": "Flagged for review by rule no-guarantees.",
    "replace": "Replaced with a set answer by rule no-guarantees.",
    "hand_over": "Handed over to the duty accountant by rule no-guarantees.",
    "block": "Blocked by rule no-guarantees.",
    "sing": "sing by rule no-guarantees.",
}


def test_a_clean_receipt_says_what_was_checked_and_what_was_not(desk, visit):
    page = visit().page
    ask(page, "q")
    text = page.locator(".receipt").inner_text()
    for words in (
        "Passed",
        "Checked 4 rules. Nothing found.",
        "Your message: checked, 1 rule",
        "The answer: checked, 4 rules",
        "Use of a tool: not checked, no tool was used",
        "rct_01J9Z6W4T2",
        "9f2c41d07be5",
        "record 17",
    ):
        assert words in text
    href = page.get_by_role("link", name="JSON of receipt").get_attribute("href")
    assert href == "/receipts/rct_01J9Z6W4T2"


def test_a_receipt_that_checked_nothing_does_not_read_as_clean(desk, visit):
    off = {"checked": False, "rules": ["no-client-data"], "texts": 1}
    channels = {"input": off, "output": off}
    desk.scenes = {"q": Scene("Hi.", receipt(channels=channels, unchecked=["messages[0]: image"]))}
    page = visit().page
    ask(page, "q")
    text = page.locator(".receipt").inner_text()
    assert "no rule was asked" in text
    assert "Nothing found" not in text
    assert "Passed on unchecked: messages[0]: image" in text
    assert text.count("not checked, although a rule asks for it") == 2


def test_an_action_has_its_word_its_icon_and_its_rule(desk, visit):
    page = visit().page
    for turn, (action, sentence) in enumerate(SENTENCES.items(), 1):
        notes = [finding("no-guarantees", "output", action, "phrase “I guarantee”", score=0.93)]
        record = receipt(action, findings=notes, decisive=["no-guarantees"])
        desk.scenes["q"] = Scene("Text.", record)
        ask(page, "q", answers=turn)
        panel = page.locator(f".turn:nth-child({turn}) .receipt")
        summary = panel.locator("> summary")
        assert sentence in " ".join(summary.inner_text().split())
        icon = summary.locator("use").get_attribute("href")
        assert icon == ("#i-unknown" if action == "sing" else f"#i-{action}")
        note = panel.locator(".note").inner_text()
        for words in ("Promises no result.", "no-guarantees", "Managing partner", "93 % sure"):
            assert words in note


def test_a_finding_that_the_remit_lets_through_is_not_called_nothing(desk, visit):
    notes = [finding("no-legal-advice", "input", "allow", "topic legal advice")]
    desk.scenes = {"q": Scene("Hi.", receipt(findings=notes))}
    page = visit().page
    ask(page, "q")
    text = page.locator(".receipt").inner_text()
    assert "Passed Checked 4 rules. 1 finding, let through." in text
    assert "Nothing found" not in text


def test_a_mark_over_several_lines_has_its_number_once(desk, visit):
    notes = [finding("no-guarantees", "output", "replace", "phrase")]
    marks = {"complete": False, "marks": [[0, 11, "no-guarantees", "answer"]]}
    desk.scenes = {
        "q": Scene("One.\n\nTwo. x", receipt("replace", findings=notes, delivered=marks))
    }
    page = visit().page
    ask(page, "q")
    page.wait_for_selector(".answer .text mark")
    assert page.locator(".answer .text mark").all_text_contents() == ["One.", "Two. "]
    assert page.locator(".answer .text mark[data-note]").all_text_contents() == ["Two. "]


def test_each_place_has_its_own_action_and_an_earlier_message_is_called_so(desk, visit):
    law = "no-legal-advice"
    notes = [
        finding(law, "input", "allow", "a", message=0),
        finding(law, "input", "flag", "b", message=2),
        finding(law, "output", "hand_over", "c", message=3),
    ]
    record = receipt("hand_over", id="rct_2", findings=notes, decisive=[law])
    desk.scenes = {"second": Scene("Hi.", record)}
    page = visit().page
    ask(page, "first")
    ask(page, "second", answers=2)
    lines = page.locator(".note .where p").all_inner_texts()
    assert lines == [
        "Handed over the answer",
        "Flagged your message",
        "Let through an earlier message",
    ]


def test_a_failed_check_is_shown_as_failed(desk, visit):
    notes = [finding("no-guarantees", "output", "block", "", score=None, failure="timed out")]
    desk.scenes = {"q": Scene("", receipt("block", findings=notes, decisive=["no-guarantees"]))}
    page = visit().page
    ask(page, "q")
    assert "Could not be checked: timed out" in page.locator(".note").inner_text()


def test_marks_stand_on_the_right_characters_in_both_texts(desk, visit):
    question = "😀 My IBAN is NL91 ABNA 0417 1643 00, ok?"
    text = "😀😀 It is [iban].\nNow ask a colleague."
    start, own = text.index("[iban]"), text.index("Now")
    record = receipt(
        "redact",
        findings=[
            finding("no-client-data", "input", "redact", "IBAN"),
            finding("no-client-data", "output", "redact", "IBAN"),
        ],
        decisive=["no-client-data"],
        input_marks=[[0, 13, 35, "no-client-data", "iban"], [7, 0, 3, "no-guarantees", "x"]],
        delivered={
            "complete": True,
            "marks": [
                [start, start + 6, "no-client-data", "mask"],
                [own, len(text), "no-client-data", "answer"],
            ],
        },
    )
    desk.scenes = {question: Scene(text, record)}
    watched = visit()
    page = watched.page
    ask(page, question)
    assert page.locator(".question mark.found").all_text_contents() == ["NL91 ABNA 0417 1643 00"]
    assert page.locator(".answer .text mark.mask").all_text_contents() == ["[iban]"]
    assert page.locator(".answer .text mark.own").all_text_contents() == ["Now ask a colleague."]
    assert page.locator(".answer .text").text_content() == text.replace("\n", "")
    assert page.locator("mark.mask[data-note]").get_attribute("data-note") == "1"
    assert "Masked 2 parts by rule no-client-data." in page.locator(".receipt").inner_text()
    assert page.locator(".legend").is_visible()
    assert watched.events == []


def test_a_receipt_that_is_late_is_waited_for(desk, visit):
    desk.scenes = {"q": Scene("Hi.", receipt(), late=2)}
    page = visit().page
    ask(page, "q")
    assert "Nothing found." in page.locator(".receipt").inner_text()


def test_a_rule_named_in_a_receipt_opens_in_the_remit(desk, visit):
    page = visit(width=360).page
    ask(page, "q")
    page.locator(".receipt > summary").click()
    page.get_by_text("Your message: checked, 1 rule").click()
    page.locator(".receipt").get_by_role("link", name="no-client-data").first.click()
    assert page.get_by_text("Our duty of confidence, and the GDPR.").is_visible()


def test_the_receipt_id_can_be_copied_or_at_least_is_selected(desk, visit):
    page = visit().page
    ask(page, "q")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy receipt id").click()
    page.get_by_text("Receipt id copied.").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == "rct_01J9Z6W4T2"
