"""Texts that mean harm: nothing runs, loads or becomes an element."""

from __future__ import annotations

import time

import pytest
from standin import Scene, answer, ask, finding, receipt

pytestmark = pytest.mark.browser

BIDI = "ab\u202etxet desrever\u202c"
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script>"
    "<a href='javascript:alert(3)'>go</a><svg onload=alert(4)>"
    '</p></div><iframe srcdoc="<script>alert(5)</script>"></iframe>'
    "[x](javascript:alert(6)) ![i](http://evil.example/x.png) &lt;b&gt; \x1b[31mred\x1b[0m " + BIDI
)


def elements(page):
    """How many elements of kinds that could run, load or lead somewhere stand in the turns."""
    return page.locator(
        ".turn :is(script, img, iframe, object, embed, link, style, base, form, input)"
        ", .turn .text :is(a, svg)"
    ).count()


def test_nothing_that_a_model_writes_runs_loads_or_becomes_an_element(desk, visit):
    notes = [finding("no-client-data", "output", "flag", HOSTILE, says=HOSTILE, owner=HOSTILE)]
    record = receipt("flag", findings=notes, decisive=[HOSTILE], case=HOSTILE)
    record["delivered"]["marks"] = [[0, 40, "no-client-data", "mask"]]
    desk.scenes = {HOSTILE: Scene(HOSTILE, record)}
    watched = visit()
    ask(watched.page, HOSTILE)
    watched.page.wait_for_selector(".answer .text mark")
    assert elements(watched.page) == 0
    shown = watched.page.locator(".answer .text").text_content()
    assert shown == HOSTILE.replace("\x1b", "\u241b").replace("\u202e", "\ufffd")
    ask(watched.page, "again", answers=2)
    assert desk.asked[1]["messages"][1]["content"] == HOSTILE
    assert watched.events == []
    assert set(desk.paths) <= {"/", "/v1/chat/completions", "/receipts/rct_01J9Z6W4T2"} | {
        path for path in desk.paths if path.startswith("/static/")
    }


def test_a_text_that_looks_like_an_error_event_is_only_text(desk, visit):
    text = '{"error": {"message": "x"}}\n\ndata: [DONE]\n\n'
    desk.scenes = {"q": Scene(text, receipt())}
    page = visit().page
    ask(page, "q")
    assert '{"error"' in answer(page)
    assert page.locator(".fault").count() == 0


def test_an_answer_of_a_million_letters_is_shown_and_the_page_stays_alive(desk, visit):
    text = "w" * 200_000 + "".join(f" line {n} of a long answer.\n" for n in range(30_000))
    desk.scenes = {"q": Scene(text, receipt(), letters=20_000)}
    watched = visit()
    began = time.monotonic()
    ask(watched.page, "q")
    assert len(watched.page.locator(".answer .text").text_content()) > 850_000
    assert time.monotonic() - began < 30
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert watched.events == []


def test_the_content_policy_is_in_force(desk, visit):
    watched = visit()
    ran = watched.page.evaluate(
        """() => {
          const script = document.createElement("script");
          try { script.textContent = "window.ran = true"; } catch {}
          document.head.append(script);
          try { document.body.innerHTML += "<i>x</i>"; } catch { return "refused"; }
          return window.ran;
        }"""
    )
    assert ran == "refused"
    assert watched.page.evaluate("window.ran") is None
    assert any(
        "Content Security Policy" in event or "TrustedHTML" in event for event in watched.events
    )
