"""A place for a record, and a record to put there."""

from __future__ import annotations

import pytest

from remit.evidence import Case, new_id, stamp


@pytest.fixture
def path(tmp_path):
    return tmp_path / "record" / "evidence.db"


@pytest.fixture
def answer():
    """Makes an answer's record; keyword arguments add to it or replace its keys."""

    def make(**more):
        return {"id": new_id(), "time": stamp(), "kind": "answer", "action": "allow", **more}

    return make


@pytest.fixture
def case():
    """Makes an open case."""

    def make(id="case-1", due="2026-11-24T12:00:00.000Z", **more):
        return Case(
            id=id,
            time="2026-11-24T08:00:00.000Z",
            due=due,
            rule="no-legal-advice",
            owner="Compliance officer",
            colleague="the duty accountant",
            question={"text": "Can I sue him?"},
            **more,
        )

    return make
