"""Hostile records, names and addresses: they are shown as text, and pages stay small and quick."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from firm import HOSTILE, POLICY, Scene, a_case, answer, overview, staged, text

from remit.console.table import ROUTES
from remit.evidence import stamp

PAGES = (
    "/console/",
    "/console/rules/no-legal-advice",
    "/console/live?words=1",
    "/console/cases?words=1",
    "/console/incidents",
    "/console/incidents/no-legal-advice/alarm_1",
    "/console/interventions",
    "/console/people",
    "/console/account",
)


class Tags(HTMLParser):
    """The tags of a page, and the attributes that run or load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            local = (value or "").startswith(("/console/", "#", "?"))
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}")
            if name in ("src", "href", "action", "formaction") and not local:
                self.found.append(f"{tag} {name}={value}")
        if tag in ("img", "iframe", "object", "embed", "base", "style"):
            self.found.append(tag)


@pytest.fixture
def hostile(tmp_path) -> Scene:
    """A firm in which every text that anybody can write is an attack."""
    rules = tuple(
        rule.model_copy(update={"says": HOSTILE, "because": HOSTILE, "owner": HOSTILE})
        for rule in POLICY.rules
    )
    policy = POLICY.model_copy(update={"organisation": HOSTILE, "rules": rules})
    with staged(tmp_path, policy=policy) as scene:
        told = overview(policy)
        scene.overview = replace(
            told,
            cause=HOSTILE,
            drift=tuple(replace(one, words=HOSTILE, quantity=HOSTILE) for one in told.drift),
            rules=tuple(replace(rule, why=HOSTILE) for rule in told.rules),
        )
        for action in ("allow", "block", HOSTILE[:30]):
            scene.evidence.append_sync(
                answer(action, asked=HOSTILE, answered=HOSTILE, model=HOSTILE, decisive=[HOSTILE])
            )
        turns = [{"role": HOSTILE, "text": HOSTILE}, {"role": "user", "text": HOSTILE}, "x", None]
        question = {"conversation": turns, "draft": HOSTILE, "told": HOSTILE}
        record, case = a_case(question=question, colleague=HOSTILE, fallback=HOSTILE)
        record["findings"][0] |= {"reason": HOSTILE, "stage": HOSTILE, "failure": HOSTILE}
        scene.evidence.append_sync(record, case=case)
        scene.cases.append(case.id)
        alarm = {"id": "alarm_1", "time": stamp(), "kind": "alarm", "action": "exceeded"}
        scene.evidence.append_sync({**alarm, "rule": "no-legal-advice", "words": HOSTILE})
        yield scene


def _pages(scene: Scene):
    browser = scene.login("ada")
    browser.get("/console/interventions")
    form = {"kind": "pause", "rule": "no-legal-advice", "owner": HOSTILE, "why": HOSTILE}
    browser.post("/console/interventions", **form, **{"setting-pause": HOSTILE})
    for path in (*PAGES, f"/console/cases/{scene.cases[0]}"):
        yield path, browser.get(path)


def test_no_text_becomes_markup_and_none_turns_the_page_around(hostile):
    for path, response in _pages(hostile):
        page = text(response)
        assert response.status == 200, path
        assert Tags(page).found == [], path
        assert "<script>alert" not in page, path
        assert "\u202e" not in page, path


def test_every_page_is_small(hostile):
    for _ in range(60):
        hostile.evidence.append_sync(answer("block", asked="x" * 5_000, answered="y" * 5_000))
        record, case = a_case()
        hostile.evidence.append_sync(record, case=case)
    for path, response in _pages(hostile):
        assert len(response.body) <= 100_000, (path, len(response.body))


@pytest.mark.parametrize(
    "path",
    [
        "/console/cases/{}",
        "/console/rules/{}",
        "/console/incidents/{}/{}",
        "/console/nowhere/{}",
        "/console/cases?state={}",
        "/console/cases?after={}&last={}",
        "/console/interventions?before={}",
        "/console/incidents?after={}",
        "/console/?done={}",
        "/console/static/{}",
    ],
)
def test_addresses_are_answered_and_never_echoed_as_markup(filled, path):
    from urllib.parse import quote

    browser = filled.login("ada")
    for text_ in (HOSTILE, "'; DROP TABLE cases; --", "../../etc/passwd", "\U0001f600", "x" * 900):
        response = browser.get(path.replace("{}", quote(text_, safe="")))
        assert response.status in (200, 404, 409, 422), response.status
        assert "<script>alert" not in text(response)
    assert filled.evidence.rows("SELECT count(*) FROM cases") == [(3,)]


def test_a_name_in_an_address_cannot_leave_its_place():
    for route in ROUTES:
        if "{" in route.path:
            filled = route.path.replace("{", "").replace("}", "")
            assert route.match(filled) is not None
            assert route.match(filled + "/more") is None


def test_an_erased_record_is_a_line_that_says_so(filled):
    import asyncio

    (entry,) = list(filled.evidence.entries(kind="answer", action="block"))
    asyncio.run(filled.evidence.erase(entry.id, who="ada", why="asked to"))
    page = text(filled.login("ada").get("/console/live?words=1"))
    assert ">erased<" in page
