"""Brings the PostgreSQL tables to the version of this program, by Alembic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from remit.evidence.postgres.tables import SCHEMA

_LOCK = 0x524D4954
_STEPS = Path(__file__).parent / "migrations"


def migrate(connect: Callable[[], psycopg.Connection[Any]]) -> None:
    """Applies what is missing, in one transaction, on a connection of its own.

    Several may try at once: one does it, and the others wait. Raises psycopg.Error.
    """
    # SQLAlchemy never sees the URL, and so cannot show a password.
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.exec_driver_sql(f"SET search_path TO {SCHEMA}, pg_catalog")
            command.upgrade(_config(connection), "head")
    except DBAPIError as error:
        raise (error.orig or error) from None


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["schema"] = SCHEMA
    return config
