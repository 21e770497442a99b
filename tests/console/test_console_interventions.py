"""Interventions from the console: begun with owner, reason and expiry; undone by whom it is for."""

from __future__ import annotations

import pytest
from firm import location, text

from remit.layers.monitor.interventions import by_hand, read_interventions, undo
from remit.layers.monitor.people import Person
from remit.policy.intervening import Kind

FORM = {
    "kind": "tighten",
    "setting-tighten": "0.3",
    "rule": "no-legal-advice",
    "owner": "Compliance officer",
    "why": "Too much law.",
    "hours": "12",
}


def _begin(scene, who="olga", **form):
    browser = scene.login(who)
    browser.get("/console/interventions")
    return browser.post("/console/interventions", **{**FORM, **form})


@pytest.mark.parametrize(
    ("kind", "setting", "kept"),
    [
        ("tighten", "30%", {"threshold": 0.3}),
        ("sample", "0.5", {"share": 0.5}),
        ("regenerate", "2", {"times": 2}),
        ("reply", "We are closed.", {"text": "We are closed."}),
        ("approve", "", {}),
        ("throttle", "10", {"per_minute": 10}),
        ("pause", "", {}),
        ("pause", "Back at nine.", {"message": "Back at nine."}),
    ],
)
def test_each_kind_is_begun_as_it_is_chosen(scene, kind, setting, kept):
    answer = _begin(scene, kind=kind, **{f"setting-{kind}": setting})
    assert location(answer).endswith("done=intervention-begun"), text(answer)
    (it,) = read_interventions(scene.evidence, active=True)
    assert (it.kind, dict(it.setting), it.who) == (kind, kept, "olga")
    (entry,) = scene.evidence.entries(kind="intervention")
    assert (entry.record["why"], entry.record["owner"]) == ("Too much law.", "Compliance officer")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"why": ""}, "the reason is missing"),
        ({"owner": " "}, "who answers for it is missing"),
        ({"kind": "sack"}, "what is to be done is missing"),
        ({"rule": "no-such-rule"}, "no rule"),
        ({"rule": ""}, "name the rule"),
        ({"hours": "0"}, "hours"),
        ({"hours": "nan"}, "hours"),
        ({"hours": "soon"}, "hours"),
        ({"setting-tighten": "3"}, "share above 0"),
    ],
)
def test_what_is_missing_is_said_and_nothing_begins(scene, form, told):
    answer = _begin(scene, **form)
    assert answer.status in (409, 422)
    assert told.lower() in text(answer).lower()
    assert read_interventions(scene.evidence) == ()


def test_only_its_rules_owner_or_an_admin_undoes_it(filled):
    path = f"/console/interventions/{filled.intervention}/undo"
    other = filled.login("ada")
    page = text(filled.login("olga").get("/console/"))
    assert path in page
    assert path in text(other.get("/console/"))
    assert path not in text(filled.login("rob").get("/console/"))
    answer = other.post(path, back="overview")
    assert location(answer) == "/console/?done=intervention-undone"
    (it,) = read_interventions(filled.evidence)
    assert (it.state, it.ended_by, it.ended_why) == ("ended", "ada", "undone with one click")


def test_an_owner_does_not_undo_what_is_about_anothers_rule(scene):
    _begin(scene, rule="no-investment-advice")
    (it,) = read_interventions(scene.evidence, active=True)
    olga = scene.login("olga")
    page = text(olga.get("/console/interventions"))
    assert f"{it.id}/undo" not in page
    answer = olga.post(f"/console/interventions/{it.id}/undo")
    assert (answer.status, "Managing partner or an admin" in text(answer)) == (409, True)


def test_a_kill_switch_is_for_every_owner_to_press_and_for_an_admin_to_undo(scene):
    _begin(scene, kind="kill", rule="")
    olga, ada = scene.login("olga"), scene.login("ada")
    page = text(olga.get("/console/"))
    assert "is stopped" in page
    (it,) = read_interventions(scene.evidence, active=True)
    assert olga.post(f"/console/interventions/{it.id}/undo").status == 409
    ada.get("/console/interventions")
    assert ada.post(f"/console/interventions/{it.id}/undo", why="All is well.").status == 303
    assert "is stopped" not in text(ada.get("/console/"))


def test_undoing_twice_says_that_it_is_over(filled):
    ada = filled.login("ada")
    ada.get("/console/interventions")
    path = f"/console/interventions/{filled.intervention}/undo"
    assert [ada.post(path).status for _ in range(2)] == [303, 409]


def test_those_that_were_are_paged_and_none_is_left_out(scene):
    olga = Person("olga", "console")
    for n in range(35):
        begun = by_hand(olga, Kind.SAMPLE, 0.5, owner="x", why=f"reason {n}.", now=scene.clock.now)
        scene.evidence.change_sync(begun.record(), begun)
        over = undo(begun.intervention.id, olga, "over", scene.clock.now)
        scene.evidence.change_sync(over.record(), over)
    browser = scene.login("vera")
    page = text(browser.get("/console/interventions"))
    older = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    rest = text(browser.get(older))
    told = [n for n in range(35) if (f"reason {n}." in page) != (f"reason {n}." in rest)]
    assert told == list(range(35))
