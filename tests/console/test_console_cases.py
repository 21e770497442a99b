"""The queue and a case: what is seen by whom, what a person may do, and what the record says."""

from __future__ import annotations

import pytest
from firm import DRAFT, SAID, a_case, location, text

from remit.console.visit import address


def _open(scene, **more):
    record, case = a_case(**more)
    scene.evidence.append_sync(record, case=case)
    return case.id


def test_the_queue_is_in_the_order_of_what_is_due(filled):
    page = text(filled.login("vera").get("/console/cases"))
    late, soon, later = (page.index(filled.cases[n]) for n in (1, 0, 2))
    assert late < soon < later
    assert page.count("overdue") == 1


def test_a_viewer_sees_that_there_is_a_case_and_nothing_that_anybody_wrote(filled):
    browser = filled.login("vera")
    page = text(browser.get(f"/console/cases/{filled.cases[0]}"))
    page += text(browser.get("/console/cases?words=1"))
    assert "Does not give legal advice" in page
    for said in (SAID, DRAFT, "you can sue", "VAT return"):
        assert said not in page
    assert list(filled.evidence.entries(kind="seen")) == []


def test_a_reviewer_sees_it_and_the_record_says_so(filled):
    browser = filled.login("rob")
    page = text(browser.get(f"/console/cases/{filled.cases[0]}"))
    for said in (SAID, DRAFT, "phrase “you can sue”"):
        assert said in page
    (entry,) = filled.evidence.entries(kind="seen")
    assert entry.record["who"] == "rob"
    assert entry.record["about"] == [filled.cases[0]]
    browser.get("/console/cases?words=1")
    assert len(list(filled.evidence.entries(kind="seen"))) == 2


@pytest.mark.parametrize(
    ("kind", "verb", "given", "outcome", "said", "label"),
    [
        ("handoff", "answer", "Write to him first.", "answered", "Write to him first.", "unsure"),
        ("handoff", "release", "", "released", DRAFT, "held"),
        ("handoff", "edit", "Ask a lawyer.", "edited", "Ask a lawyer.", "broken"),
        ("handoff", "reject", "", "rejected", "I can't advise on the law.", "broken"),
        ("approval", "approve", "", "approved", DRAFT, "held"),
        ("approval", "reject", "No.", "rejected", "No.", "broken"),
        ("review", "release", "", "released", DRAFT, "held"),
    ],
)
def test_a_person_decides_and_the_record_has_the_decision(
    scene, kind, verb, given, outcome, said, label
):
    name = _open(scene, kind=kind)
    browser = scene.login("rob")
    page = text(browser.get(f"/console/cases/{name}"))
    assert f'value="{verb}"' in page
    answer = browser.post(f"/console/cases/{name}", verb=verb, text=given)
    assert location(answer).startswith("/console/cases?done=case-")
    case = scene.evidence.case(name)
    assert (case.outcome, case.answer, case.who) == (outcome, said, "rob")
    (review,) = scene.evidence.entries(kind="review")
    assert (review.record["label"], review.record["door"]) == (label, "console")
    assert f'value="{verb}"' not in text(browser.get(f"/console/cases/{name}"))


def test_a_case_is_decided_once(scene):
    name = _open(scene)
    one, other = scene.login("rob"), scene.login("olga")
    for browser in (one, other):
        browser.get(f"/console/cases/{name}")
    assert one.post(f"/console/cases/{name}", verb="answer", text="Mine.").status == 303
    late = other.post(f"/console/cases/{name}", verb="answer", text="Mine!")
    assert (late.status, "answered by rob" in text(late)) == (409, True)
    assert scene.evidence.case(name).answer == "Mine."


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"verb": "sell"}, 422),
        ({}, 422),
        ({"verb": "answer", "text": "  "}, 409),
        ({"verb": "approve"}, 409),
        ({"verb": "answer", "text": "x" * 100_001}, 422),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(scene, form, status):
    name = _open(scene)
    browser = scene.login("rob")
    browser.get(f"/console/cases/{name}")
    assert browser.post(f"/console/cases/{name}", **form).status == status
    assert scene.evidence.case(name).state == "open"


def test_a_long_queue_is_paged_and_no_case_is_left_out_or_shown_twice(scene):
    ids = {_open(scene, hours=1 + n // 20) for n in range(120)}
    browser, path, seen = scene.login("vera"), "/console/cases", []
    while path:
        page = text(browser.get(path))
        seen += [
            part.split('"')[0] for part in page.split('class="title" href="/console/cases/')[1:]
        ]
        found = page.split('rel="next" href="')
        path = found[1].split('"')[0].replace("&amp;", "&") if len(found) > 1 else ""
    assert (len(seen), set(seen)) == (120, ids)


def test_a_very_long_conversation_is_shown_from_its_end_and_whole_when_asked(scene):
    turns = [{"role": "user", "text": f"turn {n} " + "x" * 19_000} for n in range(20)]
    name = _open(scene, question={"conversation": turns, "draft": "d", "told": "t"})
    browser = scene.login("rob")
    page = browser.get(f"/console/cases/{name}")
    assert len(page.body) < 100_000
    assert "turn 19 " in text(page)
    assert "turn 3 " not in text(page)
    assert "18 earlier turns not shown" in text(page)
    assert "turn 3 " in text(browser.get(f"/console/cases/{name}?whole=1"))


def test_addresses_are_quoted():
    assert address("/cases", after="2026 & more") == "/console/cases?after=2026+%26+more"
