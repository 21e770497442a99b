"""The SQLite file: how it is found, opened and made. Its tables are in `tables`."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from remit.evidence import ledger
from remit.evidence.record import EvidenceError
from remit.evidence.sqlite.migrate import APPLICATION_ID, VERSION, migrate, view_as_newest

SQLITE_LEAST: Final = (3, 38)
"""From here on json_each is always there, by which a statement writes marks as well."""

_PAGE_BYTES: Final = 8192

FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading raises. Where SQLite quotes a damaged schema, Python may fail on its message."""


def path_of(url: str) -> Path:
    """The file that `url` names: `sqlite:///PATH` or a plain path. Raises EvidenceError."""
    cure = "give a path, sqlite:///PATH (four slashes for an absolute path) or postgresql://…"
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
            path, timeout=ledger.BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise EvidenceError(explain(path, error)) from error
    try:
        _set_up(connection)
        if _version_of(connection, path) < VERSION:
            migrate(connection)
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
        uri, uri=True, timeout=ledger.BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        version = _version_of(connection, path)
        if version == 0:
            raise EvidenceError(f"evidence {path}: empty; copy its -wal file along with it")
        view_as_newest(connection, version)
    except FAULTS as error:
        connection.close()
        raise EvidenceError(explain(path, error)) from error
    except EvidenceError:
        connection.close()
        raise
    return connection


def explain(path: Path, error: Exception) -> str:
    """What went wrong with the file and what to do about it. Never quotes a record."""
    text = "malformed" if isinstance(error, UnicodeDecodeError) else str(error)
    lower = text.lower()
    if "full" in lower or "no space" in lower:
        cure = "free space on its disk; writing resumes by itself"
    elif "locked" in lower or "busy" in lower:
        cure = f"another process held it for {ledger.BUSY_SECONDS:g} s; end that one"
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
    deadline = time.monotonic() + ledger.BUSY_SECONDS
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


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the file's format; 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    version = version_of(connection)
    if tables and owner != APPLICATION_ID:
        raise EvidenceError(f"evidence {path}: this is another program's file; give another path")
    if tables and not 1 <= version <= VERSION:
        raise EvidenceError(
            f"evidence {path}: format {version}, and this Remit reads 1 to {VERSION}; "
            "use the Remit that wrote it"
        )
    return version if tables else 0
