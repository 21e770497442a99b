"""How the page looks and reads: widths, colours, names, tongues, announcements."""

from __future__ import annotations

from dataclasses import replace

import pytest
from standin import VIEW, Scene, ask, finding, receipt

pytestmark = pytest.mark.browser

# WCAG 2.2, 1.4.3: 4.5:1 between each text and what is painted behind it.
CONTRAST = """() => {
  const parse = (colour) => {
    const unit = colour.startsWith("color(srgb") ? 255 : 1;
    const [r, g, b, a = 1] = colour.replace("srgb", "").match(/[\\d.e-]+/g).map(Number);
    return [r * unit, g * unit, b * unit, a];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    const colour = parse(getComputedStyle(node).backgroundColor);
    return colour[3] === 1 ? colour : over(colour, behind(node.parentElement));
  };
  const light = (rgb) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility()) continue;
    const back = behind(node).slice(0, 3);
    const front = over(parse(getComputedStyle(node).color), back);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.push(`${walk.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def test_nothing_sticks_out_at_any_width(desk, visit):
    long = "Donaudampfschifffahrtsgesellschaft" * 12
    notes = [finding("no-guarantees", "output", "flag", long, owner=long, says=long)]
    desk.scenes = {long: Scene(long, receipt("flag", id="rct_" + "9" * 90, findings=notes))}
    page = visit(width=360).page
    assert page.evaluate("scrollY") == 0
    ask(page, long)
    page.locator(".receipt > summary").click()
    for width in (360, 820, 1000, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        places = page.locator("button:visible, summary:visible, .margin, .answer").all()
        for box in [place.bounding_box() for place in places]:
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        panel = page.locator(".receipt").bounding_box()
        beside = panel["x"] > page.locator(".answer").bounding_box()["x"] + 20
        assert beside == (width >= 832)


def test_right_to_left_text_starts_at_the_right(desk, visit):
    page = visit().page
    for turn, text in enumerate(["שלום, מתי מועד הדוח?", "متى موعد الإقرار الضريبي؟"], 1):
        desk.scenes["q"] = Scene(text, receipt())
        ask(page, "q", answers=turn)
        box = page.locator(f".turn:nth-child({turn}) .answer .text")
        assert box.evaluate("box => getComputedStyle(box).direction") == "rtl"


def test_every_control_has_a_name(desk, visit):
    page = visit().page
    ask(page, "q")
    tree = page.locator("body").aria_snapshot()
    roles = ("button", "link", "textbox", "list", "heading", "complementary", "group")
    unnamed = [
        line.strip()
        for line in tree.splitlines()
        if line.strip().removeprefix("- ").rstrip(":") in roles[:3]
    ]
    assert unnamed == []
    assert 'textbox "Your message to Ada"' in tree
    assert 'button "Send"' in tree
    assert 'list "Conversation"' in tree


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_enough_contrast(desk, visit, dark):
    question, text = "IBAN NL91", "It is [iban]. Ask us."
    notes = [
        finding(rule.id, "output", action, "reason", severity="high")
        for rule, action in zip(VIEW.rules, ("flag", "redact", "replace", "block"), strict=True)
    ]
    record = receipt("hand_over", findings=notes, decisive=["no-client-data"], case="case_1")
    record["delivered"]["marks"] = [[6, 12, "no-client-data", "mask"], [14, 21, "x", "answer"]]
    record["input_marks"] = [[0, 5, 9, "no-client-data", "iban"]]
    desk.scenes = {question: Scene(text, record), "bad": Scene("detail", status=502)}
    page = visit(dark=dark).page
    poor = page.evaluate(CONTRAST)
    ask(page, question)
    page.get_by_label("Your message to").fill("bad")
    page.keyboard.press("Enter")
    page.wait_for_selector(".missing")
    assert poor + page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_follows_light_and_dark(desk, visit, dark):
    page = visit(dark=dark).page
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == ("rgb(20, 24, 27)" if dark else "rgb(247, 245, 240)")


def test_a_remit_in_another_tongue_and_without_tries_still_works(desk, visit):
    desk.view = replace(VIEW, tries=(), language="nl", demonstration=False, rules=())
    watched = visit()
    assert not watched.page.get_by_text("Things to try").is_visible()
    ask(watched.page, "q")
    assert watched.events == []


def test_an_answer_and_its_receipt_are_announced_once_whole(desk, visit):
    desk.scenes = {"q": Scene("A longer answer.", receipt(), letters=2)}
    page = visit().page
    ask(page, "q")
    status = page.get_by_role("status").filter(has_text="Nothing found")
    status.wait_for(state="attached")
    assert status.text_content() == (
        "Ada: A longer answer. Remit: Passed Checked 4 rules. Nothing found."
    )
