"""Incidents: put together from what happened anyway, and closed by the rule's owner."""

from __future__ import annotations

from firm import HOSTILE, location, text

from remit.console.incidents import Event, incidents_of, put_together
from remit.evidence import stamp
from remit.layers.monitor.interventions import undo
from remit.layers.monitor.people import Person

RULE = "no-legal-advice"
PATH = f"/console/incidents/{RULE}/alarm_1"


def _event(minute, what, about, **more):
    return Event(f"2026-11-24T10:{minute:02}:00.000Z", what, RULE, about, **more)


def test_an_incident_goes_from_the_first_signal_to_its_closure():
    events = [
        _event(1, "alarm", "a1"),
        _event(2, "begun", "i1"),
        _event(3, "note", "a1"),
        _event(4, "ended", "i1"),
        _event(5, "close", "a1", who="olga", cause="a new model"),
        _event(6, "alarm", "a2"),
    ]
    for given in (events, events[::-1]):
        newest, first = put_together(given)
        assert (first.id, first.closed_by, first.cause) == ("a1", "olga", "a new model")
        assert [event.what for event in first.events] == [
            "alarm",
            "begun",
            "note",
            "ended",
            "close",
        ]
        assert (newest.id, newest.closed, len(newest.events)) == ("a2", "", 1)


def test_a_closure_of_another_incident_closes_nothing():
    (one,) = put_together([_event(1, "alarm", "a1"), _event(2, "close", "other")])
    assert one.closed == ""


def test_any_signal_of_an_incident_names_it():
    events = [_event(1, "alarm", "a1"), _event(2, "begun", "i1"), _event(3, "close", "i1")]
    (one,) = put_together(events)
    assert (one.holds("a1"), one.holds("i1"), one.holds("a2")) == (True, True, False)
    assert one.closed


def test_a_second_closure_and_notes_before_any_signal_make_no_incident():
    events = [
        _event(0, "note", "a1"),
        _event(1, "alarm", "a1"),
        _event(2, "close", "a1"),
        _event(3, "close", "a1"),
    ]
    assert len(put_together(events)) == 1
    assert put_together([_event(0, "note", "x"), _event(1, "ended", "y")]) == []


def test_an_intervention_that_ends_after_the_closure_stays_with_its_incident():
    events = [
        _event(1, "begun", "i1"),
        _event(2, "close", "i1"),
        _event(3, "ended", "i1"),
    ]
    (one,) = put_together(events)
    assert [event.what for event in one.events] == ["begun", "close", "ended"]
    assert one.measures == frozenset()


def test_the_page_tells_alarm_intervention_cases_and_notes_in_order(filled):
    browser = filled.login("rob")
    page = text(browser.get(PATH))
    assert page.index("3.1 % of 412") < page.index("Too many answers speak of the law")
    assert page.count("/console/cases/case_") == 3
    assert location(browser.post(PATH, act="note", text=HOSTILE)).endswith("incident-noted")
    page = text(browser.get(PATH))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_its_owner_closes_it_once_nothing_is_in_force(filled):
    rob, olga = filled.login("rob"), filled.login("olga")
    close = {"act": "close", "cause": "A new model.", "text": "The old one serves again."}
    rob.get(PATH)
    assert rob.post(PATH, **close).status == 409
    olga.get(PATH)
    early = olga.post(PATH, **close)
    assert (early.status, "in force still" in text(early)) == (409, True)
    over = undo(filled.intervention, Person("olga", "console"), "over")
    filled.evidence.change_sync(over.record(), over)
    assert olga.post(PATH, act="close", cause="", text="x").status == 422
    assert location(olga.post(PATH, **close)).endswith("incident-closed")
    assert olga.post(PATH, **close).status == 409
    page = text(rob.get("/console/incidents"))
    assert "A new model." in page
    (one,) = incidents_of(filled.evidence, RULE, filled.clock.now, words=True)
    assert (one.closed_by, one.cause) == ("olga", "A new model.")


def test_only_where_no_account_is_the_owner_an_admin_closes_it(filled):
    over = undo(filled.intervention, Person("olga", "console"), "over")
    filled.evidence.change_sync(over.record(), over)
    ada = filled.login("ada")
    assert "Close the incident" not in text(ada.get(PATH))
    ada.get("/console/people")
    ada.post("/console/people/olga", act="disable")
    assert "Close the incident" in text(ada.get(PATH))


def test_an_incident_stays_open_when_its_rule_leaves_the_remit(filled):
    later = {"id": "alarm_2", "time": stamp(), "kind": "alarm", "action": "exceeded"}
    filled.evidence.append_sync({**later, "rule": "no-longer-there"})
    browser = filled.login("ada")
    for path in ("/console/", "/console/incidents"):
        assert "/console/incidents/no-longer-there/alarm_2" in text(browser.get(path))
    assert "no-longer-there" in text(browser.get("/console/incidents/no-longer-there/alarm_2"))


def test_an_intervention_by_hand_begins_an_incident_of_the_whole_assistant(scene):
    olga = scene.login("olga")
    olga.get("/console/interventions")
    form = {"kind": "pause", "rule": "", "owner": "Managing partner", "why": "It rains."}
    assert olga.post("/console/interventions", **form).status == 303
    page = text(olga.get("/console/"))
    assert "Incident: the whole assistant" in page
    path = page.split('href="/console/incidents/-/')[1].split('"')[0]
    assert "It rains." in text(olga.get(f"/console/incidents/-/{path}"))
    assert olga.get(f"/console/incidents/-/{stamp()}").status == 409
