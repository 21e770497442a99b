"""The SQLite file: its tables, the triggers that refuse to change them, and how it is opened."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from remit.evidence.record import EvidenceError

APPLICATION_ID: Final = 0x524D4954  # "RMIT", shown by file(1)
VERSION: Final = 1
SQLITE_LEAST: Final = (3, 32)
"""From here on a statement takes the 11,264 values of a full batch."""

_PAGE_BYTES: Final = 8192

FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading raises. Where SQLite quotes a damaged schema, Python may fail on its message."""

BUSY_SECONDS: Final = 5.0
"""How long a write waits for another process that writes."""

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE entries (
  position INTEGER PRIMARY KEY,
  writer TEXT NOT NULL, seq INTEGER NOT NULL,
  time TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL,
  salt BLOB, body BLOB, digest BLOB NOT NULL,
  prev BLOB NOT NULL, hash BLOB NOT NULL,
  UNIQUE (writer, seq)
)""",
    "CREATE INDEX entries_by_id ON entries (id)",
    """CREATE TABLE heads (
  writer TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL
) WITHOUT ROWID""",
    """CREATE TABLE cases (
  id TEXT PRIMARY KEY, time TEXT NOT NULL, due TEXT NOT NULL, rule TEXT NOT NULL,
  owner TEXT NOT NULL, colleague TEXT NOT NULL, state TEXT NOT NULL, question TEXT NOT NULL,
  answer TEXT NOT NULL, who TEXT NOT NULL, updated TEXT NOT NULL
)""",
    "CREATE INDEX cases_by_state ON cases (state, due)",
)

_TRIGGERS: Final = (
    """CREATE TRIGGER entries_extend BEFORE INSERT ON entries BEGIN
  SELECT RAISE(ABORT, 'evidence: the entry does not extend its chain') WHERE NOT (
    new.seq = 1 + coalesce((SELECT seq FROM heads WHERE writer = new.writer), 0)
    AND new.prev = coalesce((SELECT hash FROM heads WHERE writer = new.writer), new.prev)
  );
END""",
    """CREATE TRIGGER entries_head AFTER INSERT ON entries BEGIN
  INSERT INTO heads VALUES (new.writer, new.seq, new.hash)
    ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
END""",
    # The one change allowed is to erase a body together with its salt.
    """CREATE TRIGGER entries_fixed BEFORE UPDATE ON entries
WHEN NOT (
  new.body IS NULL AND new.salt IS NULL AND old.body IS NOT NULL
  AND new.position IS old.position AND new.writer IS old.writer AND new.seq IS old.seq
  AND new.time IS old.time AND new.id IS old.id AND new.kind IS old.kind
  AND new.action IS old.action AND new.digest IS old.digest
  AND new.prev IS old.prev AND new.hash IS old.hash
) BEGIN SELECT RAISE(ABORT, 'evidence: entries are never changed'); END""",
    """CREATE TRIGGER entries_kept BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'evidence: entries are never deleted'); END""",
    """CREATE TRIGGER heads_forward BEFORE UPDATE ON heads
WHEN new.writer IS NOT old.writer OR new.seq != old.seq + 1
BEGIN SELECT RAISE(ABORT, 'evidence: heads only move forward'); END""",
    """CREATE TRIGGER heads_kept BEFORE DELETE ON heads
BEGIN SELECT RAISE(ABORT, 'evidence: heads are never deleted'); END""",
    """CREATE TRIGGER cases_kept BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'evidence: cases are never deleted'); END""",
)

DEFINITIONS: Final = frozenset(_TABLES + _TRIGGERS)
"""The schema, statement by statement, as SQLite stores it."""


def path_of(url: str) -> Path:
    """The file that `url` names: `sqlite:///PATH` or a plain path. Raises EvidenceError."""
    cure = "give a path or sqlite:///PATH (four slashes for an absolute path)"
    scheme, separator, rest = url.partition("://")
    if separator:
        # The rest is not repeated in the message: it may hold a password.
        if scheme != "sqlite" or not rest.startswith("/"):
            raise EvidenceError(f"evidence: no store for '{scheme}://…'; {cure}")
        url = rest[1:]
    if not url or ":memory:" in url:
        raise EvidenceError(f"evidence: a record in memory is no evidence; {cure}")
    return Path(url)


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode whose every commit is on the disk when it returns.

    Makes the file (mode 0600) and its folder (mode 0700) where they are missing. May be used from
    another thread than the caller's, by one at a time. Raises EvidenceError.
    """
    if sqlite3.sqlite_version_info < SQLITE_LEAST:
        raise EvidenceError(
            f"evidence: SQLite {sqlite3.sqlite_version} is too old; "
            f"use a Python with {'.'.join(map(str, SQLITE_LEAST))} or newer"
        )
    try:
        _make_file(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise EvidenceError(explain(path, error)) from error
    try:
        _set_up(connection)
        _refuse_other_files(connection, path)
        _make_schema(connection)
    except FAULTS as error:
        connection.close()
        raise EvidenceError(explain(path, error)) from error
    except EvidenceError:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises EvidenceError where there is no such database."""
    if not path.is_file():
        raise EvidenceError(f"evidence {path}: no such file; give the path that serve wrote to")
    uri = f"file:{quote(str(path))}?mode=ro"
    still = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    if still:  # a copy in a folder where SQLite may not put its shared memory
        uri += "&immutable=1"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        if _refuse_other_files(connection, path) == 0:
            raise EvidenceError(f"evidence {path}: empty; copy its -wal file along with it")
    except FAULTS as error:
        connection.close()
        raise EvidenceError(explain(path, error)) from error
    except EvidenceError:
        connection.close()
        raise
    return connection


def database_id(connection: sqlite3.Connection) -> str:
    """The random id that the file got when it was made. Raises EvidenceError where it has none."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'database'").fetchone()
    if row is None:
        raise EvidenceError("evidence: the database has lost its id; restore it from a copy")
    value = row[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def explain(path: Path, error: Exception) -> str:
    """What went wrong with the file and what to do about it. Never quotes a record."""
    text = "malformed" if isinstance(error, UnicodeDecodeError) else str(error)
    lower = text.lower()
    if "full" in lower or "no space" in lower:
        cure = "free space on its disk; writing resumes by itself"
    elif "locked" in lower or "busy" in lower:
        cure = f"another process held it for {BUSY_SECONDS:g} s; end that one"
    elif "readonly" in lower or "unable to open" in lower or "permission" in lower:
        cure = "let this user write to the file and its folder"
    elif "malformed" in lower or "not a database" in lower:
        cure = "keep the file for inquiry and restore it from a copy"
    elif "extend its chain" in lower:
        cure = "another process uses the same writer name; leave `writer` out"
    else:
        cure = "check the disk; writing resumes by itself once it works"
    return f"evidence {path}: {text}; {cure}"


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or a crash of the machine could lose the file's name
    finally:
        os.close(folder)


def _set_up(connection: sqlite3.Connection) -> None:
    # Kept by a file that has one. An answer's record is about 2 KB: of pages of 4 KB each takes
    # one and leaves half of it empty.
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            # Several processes that start at once: here SQLite does not wait by itself.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's own cache
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
    connection.execute("PRAGMA trusted_schema = OFF")


def _refuse_other_files(connection: sqlite3.Connection, path: Path) -> int:
    """How many tables and the like there are, all of this format."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if tables and owner != APPLICATION_ID:
        raise EvidenceError(f"evidence {path}: this is another program's file; give another path")
    if tables and version != VERSION:
        raise EvidenceError(
            f"evidence {path}: format {version}, and this Remit reads {VERSION}; "
            "use the Remit that wrote it"
        )
    return int(tables)


def _make_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        for statement in _TABLES + _TRIGGERS:
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('database', ?)", (secrets.token_hex(16),))
    connection.execute("COMMIT")
