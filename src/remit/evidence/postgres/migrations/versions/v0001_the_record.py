"""The record, as SQLite's format 2 has it."""

from __future__ import annotations

from alembic import op

from remit.evidence.postgres.tables import VERSION_1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables, their functions and triggers, and gives the record its id."""
    connection = op.get_bind()
    for statement in VERSION_1:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def downgrade() -> None:
    """A record is never taken apart."""
    raise NotImplementedError("a record is never taken apart; restore the database from a copy")
