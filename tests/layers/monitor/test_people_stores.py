"""Interventions and cases mean the same on SQLite and on PostgreSQL."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_harvest import NOW, case

from remit.evidence import CaseError, Evidence, State, stamp, verify
from remit.gateway.control import Control
from remit.gateway.current import Current
from remit.gateway.keys import new_key
from remit.gateway.notify import Notifier
from remit.layers.monitor.cases import (
    APPROVAL,
    OVERDUE,
    Verb,
    decide,
    due_cases,
    heard,
    next_due,
    next_step,
    waiting,
)
from remit.layers.monitor.interventions import by_hand, expire, read_interventions, undo
from remit.layers.monitor.people import Person
from remit.policy.intervening import Kind

ANN = Person("Ann", "console", admin=True)
LATER = stamp(NOW + timedelta(hours=25))


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server for these tests."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    pytest.importorskip("alembic", reason="needs the extra postgres")
    sys.path.append(str(Path(__file__).parents[2] / "evidence"))
    from pgserver import Server

    made = Server()
    yield made
    made.end()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "evidence.db")
    return request.getfixturevalue("server").url()


def played(url, scene_of):
    async def main():
        with Evidence.open(url) as evidence:
            await scene_of(evidence)

    asyncio.run(main())
    report = verify(url)
    assert report.ok, report.problems


def test_an_intervention_begins_once_and_ends_once(url):
    async def scene_of(evidence):
        before = evidence.pulse()
        begin = by_hand(ANN, Kind.PAUSE, "Back at nine.", owner="Ann", why="w", hours=1, now=NOW)
        await evidence.change(begin.record(), begin)
        assert evidence.pulse() > before
        with pytest.raises(CaseError, match="begun already"):
            await evidence.change(begin.record(), begin)
        (it,) = read_interventions(evidence, active=True)
        assert it == begin.intervention
        early = expire(it, stamp(NOW))
        with pytest.raises(CaseError, match="has not expired"):
            await evidence.change(early.record(), early)
        end = undo(it.id, ANN, "over")
        await evidence.change(end.record(), end)
        with pytest.raises(CaseError, match="ended already by Ann"):
            await evidence.change(end.record(), end)
        assert read_interventions(evidence, active=True) == ()

    played(url, scene_of)


def test_a_case_is_recalled_noted_answered_told_and_over(url):
    async def scene_of(evidence):
        await evidence.open_case(case(conversation="c" * 40, notify="shop"))
        assert next_due(evidence) == stamp(NOW + timedelta(hours=18))
        (due,) = due_cases(evidence, LATER)
        note = next_step(due, LATER)
        assert note.stage == OVERDUE
        await evidence.change(note.record(), note)
        with pytest.raises(CaseError, match="noted already"):
            await evidence.change({**note.record(), "id": "again"}, note)
        assert due_cases(evidence, LATER) == []
        (told,) = waiting(evidence, "")
        assert (told.late, told.decided) == (True, False)
        await decide(evidence, due.id, Verb.ANSWER, ANN, "Yes.")
        (told,) = waiting(evidence, "")
        assert (told.answer, told.decided, told.late) == ("Yes.", True, False)
        over = heard(due.id, stamp())
        await evidence.change(over.record(), over)
        assert waiting(evidence, "") == []
        assert evidence.case(due.id).state is State.CLOSED

    played(url, scene_of)


def test_what_waits_for_approval_times_out_in_the_control_plane(url):
    async def scene_of(evidence):
        due = stamp(datetime.now(UTC) - timedelta(seconds=1))
        await evidence.open_case(case(kind=APPROVAL, conversation="c" * 40, due=due))
        await Control({}, evidence, lambda base, text: base).refresh()
        done = evidence.case("case_1")
        assert (done.outcome, done.answer, done.who) == ("timed_out", "No.", "remit")

    played(url, scene_of)


def test_a_program_that_cannot_be_reached_has_its_turn_again_later(url):
    async def scene_of(evidence):
        await evidence.open_case(case(notify="shop"))
        await decide(evidence, "case_1", Verb.ANSWER, ANN, "Yes.")
        _, key = new_key("shop", notify="http://127.0.0.1:9/told")
        notifier = Notifier(evidence, [key], Current())
        await notifier.step()
        ((tries, until),) = evidence.rows(
            "SELECT value, updated FROM state WHERE key LIKE 'notify%'"
        )
        assert (tries, until > stamp()) == ("1", True)
        await notifier.step()
        ((tries, _),) = evidence.rows("SELECT value, updated FROM state WHERE key LIKE 'notify%'")
        assert tries == "1"

    played(url, scene_of)
