"""Comparing replies in the console: blind, kept, resumed, and only for those who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firm import POLICY, Scene, location, staged, text

from remit.console.pages.review import ReviewDesk
from remit.console.table import WITH_REVIEW
from remit.layers.training.preferences import Choice, Pair, Store, shown_order

RULES = ("no-legal-advice", "no-guarantees")
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"
PAIRS = tuple(
    Pair(f"p{n}", f"Question {n}? {HOSTILE}", f"Reply alpha {n}", f"Reply beta {n}", RULES)
    for n in range(6)
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Scene, Store]]:
    store = Store(tmp_path / "review")
    with staged(tmp_path, routes=WITH_REVIEW, review=ReviewDesk(PAIRS, store)) as scene:
        yield scene, store


def judged(**more: str) -> dict[str, str]:
    return {f"rule:{rule}": "a" for rule in RULES} | {"overall": "a", "act": "keep"} | more


def shown(page: str) -> Pair:
    return next(pair for pair in PAIRS if f"/console/review/{pair.id}" in page)


def test_a_verdict_is_kept_in_terms_of_the_pair_whichever_stood_first(desk):
    scene, store = desk
    browser = scene.login("rob")
    for _ in range(4):
        page = text(browser.get("/console/review"))
        pair = shown(page)
        first = "alpha" if page.index("Reply alpha") < page.index("Reply beta") else "beta"
        assert (first == "alpha") is (shown_order(pair.id, "rob") == "ab")
        response = browser.post(f"/console/review/{pair.id}", **judged())
        assert location(response) == "/console/review?done=review-kept"
        kept = store.verdicts()[-1]
        wanted = Choice.A if first == "alpha" else Choice.B
        assert (kept.pair, kept.reviewer, kept.overall) == (pair.id, "rob", wanted)
        assert set(kept.rules.values()) == {wanted}
        assert kept.policy == POLICY.digest
    assert len({v.pair for v in store.verdicts()}) == 4


def test_a_page_shows_the_rules_guideline_and_quotes_what_was_written(desk):
    scene, _ = desk
    page = text(scene.login("rob").get("/console/review"))
    rule = POLICY.rule("no-legal-advice")
    assert rule.says in page
    assert rule.keeps[0].text.split("&")[0][:30] in page.replace("&#39;", "'")
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "49" not in page.partition("Question")[2][:40]
    assert len(page) < 100_000


def test_a_question_left_open_is_named_and_nothing_is_kept(desk):
    scene, store = desk
    browser = scene.login("rob")
    pair = shown(text(browser.get("/console/review")))
    form = judged()
    del form["overall"], form["rule:no-guarantees"]
    response = browser.post(f"/console/review/{pair.id}", **form)
    assert response.status == 422
    assert "no-guarantees, overall" in text(response)
    assert store.verdicts() == ()


def test_a_reported_pair_needs_a_reason_and_no_answers(desk):
    scene, store = desk
    browser = scene.login("rob")
    pair = shown(text(browser.get("/console/review")))
    assert browser.post(f"/console/review/{pair.id}", act="report", report=" ").status == 422
    browser.post(f"/console/review/{pair.id}", act="report", report="It is cut off.")
    (kept,) = store.verdicts()
    assert (kept.report, kept.overall) == ("It is cut off.", None)


def test_two_reviewers_at_once_get_different_pairs(desk):
    scene, _ = desk
    rob, ada = scene.login("rob"), scene.login("ada")
    assert shown(text(rob.get("/console/review"))) != shown(text(ada.get("/console/review")))


def test_a_viewer_compares_nothing_and_no_pair_is_made_up(desk):
    scene, _ = desk
    assert scene.login("vera").get("/console/review").status == 403
    browser = scene.login("rob")
    browser.get("/console/review")
    assert browser.post("/console/review/other", **judged()).status == 404
    assert browser.post("/console/review/p1", **judged(csrf="wrong")).status == 403


def test_who_saw_which_pair_is_on_record(desk):
    scene, _ = desk
    pair = shown(text(scene.login("rob").get("/console/review")))
    (entry,) = scene.evidence.entries(kind="seen")
    assert entry.record is not None
    assert (entry.record["who"], entry.record["about"]) == ("rob", [pair.id])


def test_a_rule_that_is_read_differently_can_be_handed_back_to_its_owner(desk):
    scene, _ = desk
    olga = scene.login("olga")
    page = text(olga.get("/console/review/agreement"))
    assert "no-guarantees" in page
    response = olga.post("/console/review/agreement/no-guarantees")
    assert location(response) == "/console/review/agreement?done=review-returned"
    (case,) = scene.evidence.cases()
    assert (case.kind, case.rule, case.owner) == (
        "review",
        "no-guarantees",
        POLICY.rule("no-guarantees").owner,
    )
    assert scene.login("rob").post("/console/review/agreement/no-guarantees").status == 403


def test_when_all_is_done_it_says_so(desk):
    scene, store = desk
    browser = scene.login("rob")
    for _ in PAIRS:
        pair = shown(text(browser.get("/console/review")))
        browser.post(f"/console/review/{pair.id}", **judged())
    page = text(browser.get("/console/review"))
    assert "Nothing is left to compare" in page
    assert len(store.verdicts()) == len(PAIRS)
