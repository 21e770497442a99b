"""A place for a record, and a record to put there."""

from __future__ import annotations

import pytest
from pgserver import Server

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


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server for this process of the tests."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    pytest.importorskip("alembic", reason="needs the extra postgres")
    server = Server()
    yield server
    server.end()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, path):
    """A record yet to be made, on each kind of store."""
    return str(path) if request.param == "sqlite" else request.getfixturevalue("server").url()
