"""The PostgreSQL server: how it is reached, and what is asked of it. Never shows a password."""

from __future__ import annotations

import functools
from typing import Any, Final

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict

from remit.evidence import ledger
from remit.evidence.postgres.tables import SCHEMA
from remit.evidence.record import EvidenceError

VERSION: Final = "0001"
"""The step of `migrations` that this program is written for."""

_SECONDS: Final = int(ledger.BUSY_SECONDS)
_DEFAULTS: Final = {
    "application_name": "remit",
    "connect_timeout": _SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_AWAY: Final = (
    "08",
    "57P",
)  # of SQLSTATE: the connection broke; the server stops or starts
_CURES: Final = (
    (("53100", "no space"), "free space on the server's disk; writing resumes by itself"),
    (("28", "password", "authentication"), "check the user, and the password in PGPASSWORD"),
    (("3D", "does not exist"), "create the database, or check the URL"),
    (("42501", "permission denied"), "grant this user the schema 'remit' and what is in it"),
    (("25006", "read-only"), "give the URL of the primary server"),
    (("55P03", "lock timeout"), "another process held it for too long; end that one"),
    (
        ("extend its chain", "entries_writer_seq_key"),
        "another process uses the same writer name; leave `writer` out",
    ),
    (("evidence:",), "what is chained stays as it is"),
)

Address = dict[str, Any]


def address_of(url: str) -> Address:
    """What libpq needs to connect. Raises EvidenceError, without repeating the URL."""
    try:
        return _DEFAULTS | conninfo_to_dict(url)
    except psycopg.Error:
        raise EvidenceError(
            "evidence: this is no PostgreSQL URL; give postgresql://USER@HOST:PORT/DATABASE, "
            "and the password in PGPASSWORD or ~/.pgpass"
        ) from None


def name_of(address: Address) -> str:
    """The URL as it may be shown: who, where and which, and nothing else."""
    user, host = address.get("user"), address.get("host") or address.get("hostaddr") or ""
    port, database = address.get("port"), address.get("dbname") or ""
    who = f"{user}@" if user else ""
    return f"postgresql://{who}{host}{f':{port}' if port else ''}/{database}"


def connect(address: Address) -> psycopg.Connection[Any]:
    """A connection in autocommit mode, which several threads may use in turn."""
    return psycopg.connect(**address, autocommit=True)


def settle(connection: psycopg.Connection[Any], *, write: bool) -> None:
    """What this session asks of the server. Raises EvidenceError where it cannot be had."""
    connection.execute(f"SET search_path TO {SCHEMA}, pg_catalog")
    connection.execute("SET standard_conforming_strings TO on")
    connection.execute(f"SET lock_timeout TO '{_SECONDS}s'")
    connection.adapters.register_loader("numeric", _NumberLoader)
    if not write:
        connection.execute("SET default_transaction_read_only TO on")
        return
    # A server that waits for its replicas too keeps doing so.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
    )
    for setting in ("fsync", "full_page_writes"):
        if _setting(connection, setting) != "on":
            raise EvidenceError(
                f"evidence: the server runs with {setting} off, so that a crash can lose what it "
                f"confirmed; turn {setting} on"
            )


def check(connection: psycopg.Connection[Any], address: Address, *, make: bool) -> None:
    """Is the record there, of this version? Makes it where there is none and `make` is true."""
    name = name_of(address)
    if _setting(connection, "server_encoding") != "UTF8":
        raise EvidenceError(f"evidence {name}: its encoding is not UTF8; create one with UTF8")
    version = version_of(connection)
    if version is None and make:
        bring_up_to_date(address)
        version = version_of(connection)
    if version is None:
        raise EvidenceError(f"evidence {name}: holds no record; `remit evidence migrate` makes one")
    if version != VERSION:
        raise EvidenceError(
            f"evidence {name}: its tables are of version {version}, and this Remit's of {VERSION}; "
            "run `remit evidence migrate` of the newer Remit"
        )


def version_of(connection: psycopg.Connection[Any]) -> str | None:
    """The version of the tables; None where there are none."""
    table = f"{SCHEMA}.alembic_version"
    if connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
        return None
    row = connection.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 our own names
    return None if row is None else str(row[0])


def bring_up_to_date(address: Address) -> None:
    """Makes or migrates the tables. Raises EvidenceError where what does it is missing."""
    try:
        from remit.evidence.postgres.migrate import migrate
    except ImportError as error:
        raise EvidenceError(
            f"evidence: PostgreSQL needs more of Remit ({error}); "
            "run `pip install 'remit[postgres]'`"
        ) from None
    migrate(lambda: psycopg.connect(**address))


def is_lost(error: Exception) -> bool:
    """True where the connection broke, so that what became of a commit is not known."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    state = getattr(error, "sqlstate", None)
    return isinstance(error, psycopg.OperationalError) and (
        state is None or state.startswith(_AWAY)
    )


def explain(name: str, error: Exception) -> str:
    """What went wrong, and the cure. A server's details may quote a record: they are left out."""
    text = str(error)
    if isinstance(error, psycopg.Error):
        text = error.diag.message_primary or text
    text = (text.splitlines() or [type(error).__name__])[0]
    state = getattr(error, "sqlstate", None) or ""
    for signs, cure in _CURES:
        if any(sign in text or (state and state.startswith(sign)) for sign in signs):
            return f"evidence {name}: {text}; {cure}"
    return f"evidence {name}: {text}; check the server; writing resumes by itself once it works"


@functools.lru_cache(maxsize=1024)
def translated(sql: str) -> str:
    """Portable SQL as psycopg reads it: `%s` for `?`, outside of quoted text."""
    parts = sql.replace("%", "%%").split("'")
    parts[::2] = [part.replace("?", "%s") for part in parts[::2]]
    return "'".join(parts)


def plain(value: Any) -> str:
    """A text, whether it comes as text or raw."""
    return value.decode() if isinstance(value, bytes) else str(value)


def read_raw(connection: psycopg.Connection[Any]) -> None:
    """Texts come as bytes from now on."""
    for type_ in ("text", "varchar"):
        connection.adapters.register_loader(type_, _RawLoader)
        connection.adapters.register_loader(type_, _RawBinaryLoader)


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


class _RawLoader(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class _RawBinaryLoader(_RawLoader):
    format = psycopg.pq.Format.BINARY


class _NumberLoader(Loader):
    """sum() of whole numbers is a whole number, as in SQLite."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)
