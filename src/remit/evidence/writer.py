"""The writer thread: many appends, one commit.

While one commit waits for the disk, the next batch gathers in the intake; so the busier, the
larger the batches, and a lone append waits for nobody. A batch is one SQL statement, in autocommit
mode: begin, insert, commit and fsync happen in a single call of SQLite, during which Python's lock
is free. Row by row, the thread would have to win the lock back from a busy event loop each time,
at up to 5 ms (sys.getswitchinterval) a row. For the same reason nothing gives the lock up while
the rows are made: see `chain.digest` for the hash, and `_salt`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from remit.evidence import chain, schema
from remit.evidence.cases import CaseError, Change, Erasure
from remit.evidence.chain import Entry
from remit.evidence.intake import Intake, Job
from remit.evidence.outcomes import Outcome, settle
from remit.evidence.record import Draft, EvidenceError

BATCH_MOST: Final = 512
_PAUSE_SECONDS: Final = 0.0005
_COLUMNS: Final = "writer, seq, time, id, kind, action, salt, body, digest, prev, hash"
_WIDTH: Final = _COLUMNS.count(",") + 1
_LOG: Final = logging.getLogger("remit.evidence")


@dataclass(frozen=True, slots=True)
class Head:
    """The end of this writer's chain."""

    seq: int
    hash: bytes


class Writer:
    """Writes jobs in the order given. A job's outcome is the Entry of its first draft."""

    def __init__(self, path: Path, name: str, *, limit: int) -> None:
        self.path = path
        self.name = name
        self.limit = limit
        self.broken: str | None = None
        self._intake = Intake(limit)
        self._turns: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._ended = False
        self._connection: sqlite3.Connection | None = None
        self._database = ""
        self._head = Head(0, b"")
        self._salts: list[bytes] = []
        self._connect()
        self._thread = threading.Thread(target=self._run, name="remit-evidence", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """True while as many jobs wait as may."""
        return self._intake.full

    def submit(self, job: Job) -> None:
        """Hands over a job; its future resolves when it is durable, or has failed."""
        if self._closed:
            raise EvidenceError(f"evidence {self.path}: closed; open it again to write")
        if not self._thread.is_alive():
            raise EvidenceError(f"evidence {self.path}: opened before a fork; open it after")
        self._intake.put(job)
        if self._ended:
            self._refuse_the_rest()

    async def room(self) -> None:
        """Waits while the queue is full."""
        while self.full:
            turn = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            # Called after joining the line: the thread serves the line after each call.
            self._intake.call()
            if self.full and not self._ended:
                await turn

    def close(self) -> None:
        """Writes what is queued, then ends the thread. May be called twice."""
        self._closed = True
        self._intake.end()
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            going = self._intake.wait()
            while self._serve(self._intake.take(BATCH_MOST)) == BATCH_MOST:
                pass
        self._disconnect()
        self._ended = True
        self._refuse_the_rest()

    def _serve(self, batch: Sequence[Job]) -> int:
        """Writes the batch, tells who waits, lets waiting callers in; returns its size."""
        outcomes = self._write(batch) if batch else []
        turns = [self._turns.popleft() for _ in range(min(len(self._turns), BATCH_MOST))]
        futures = [job.future for job in batch] + turns
        settle(futures, [*outcomes, *[None] * len(turns)])
        return len(batch)

    def _refuse_the_rest(self) -> None:
        closed = EvidenceError(f"evidence {self.path}: closed")
        while batch := self._intake.take(BATCH_MOST):
            settle([job.future for job in batch], [closed] * len(batch))
        while self._turns:
            settle([self._turns.popleft()], [None])

    def _write(self, batch: Sequence[Job]) -> list[Outcome]:
        """Commits. After any fault it lets go of the file, and so of half a transaction too."""
        try:
            outcomes = self._commit(batch)
        except Exception as error:  # noqa: BLE001 the thread must outlive whatever happens
            text = str(error)
            if not isinstance(error, EvidenceError):
                text = schema.explain(self.path, error)
            self._disconnect()
            if self.broken is None:
                _LOG.error("%s", text)
            self.broken = text
            return [EvidenceError(text) for _ in batch]
        self.broken = None
        return outcomes

    def _commit(self, batch: Sequence[Job]) -> list[Outcome]:
        connection = self._connection or self._connect()
        if all(job.change is None for job in batch):
            return self._insert(connection, batch, [None] * len(batch))
        _in_turn(connection, "BEGIN IMMEDIATE", ())
        refusals = [_apply(connection, job.change) for job in batch]
        outcomes = self._insert(connection, batch, refusals)
        connection.execute("COMMIT")
        if any(isinstance(job.change, Erasure) for job in batch):
            # Or the log would keep the erased text until it is next written over.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return outcomes

    def _insert(
        self,
        connection: sqlite3.Connection,
        batch: Sequence[Job],
        refusals: Sequence[EvidenceError | None],
    ) -> list[Outcome]:
        """One statement for all drafts of the jobs that were not refused."""
        values: list[Any] = []
        outcomes: list[Outcome] = []
        seq, prev, writer = self._head.seq, self._head.hash, self.name
        for job, refusal in zip(batch, refusals, strict=True):
            outcome: Outcome = refusal
            for draft in () if refusal else job.drafts:
                seq += 1
                row = _row(writer, seq, prev, self._salt(), draft)
                prev = row[-1]
                values += row
                if outcome is None:
                    outcome = Entry(writer, seq, prev.hex())
            outcomes.append(outcome)
        if values:
            rows = len(values) // _WIDTH
            size = 1 << (rows - 1).bit_length()
            values += [None] * (_WIDTH * (size - rows))
            _in_turn(connection, _insertion(size), values)
            self._head = Head(seq, prev)
        return outcomes

    def _salt(self) -> bytes:
        """A salt, of many fetched together: each system call gives Python's lock up."""
        if not self._salts:
            size = chain.SALT_BYTES
            block = os.urandom(size * BATCH_MOST)
            self._salts = [block[at : at + size] for at in range(0, len(block), size)]
        return self._salts.pop()

    def _connect(self) -> sqlite3.Connection:
        connection = schema.open_to_write(self.path)
        try:
            if self.broken is not None:
                # After a failed fsync the log on disk may have a hole; start a fresh one, or all
                # that is written after the hole would be lost with it in a crash.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute("PRAGMA busy_timeout = 0")  # see _in_turn
            self._database = schema.database_id(connection)
            row = connection.execute(
                "SELECT seq, hash FROM heads WHERE writer = ?", (self.name,)
            ).fetchone()
        except BaseException:
            connection.close()
            raise
        # A commit that was reported as failed may be there after all: go on from what is there.
        self._head = Head(*row) if row else Head(0, chain.genesis(self._database, self.name))
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@functools.cache
def _insertion(rows: int) -> str:
    """An INSERT for up to `rows` rows, those of NULLs left out: few texts, so all stay prepared."""
    marks = f"({', '.join('?' * _WIDTH)})"
    return (
        f"INSERT INTO entries ({_COLUMNS}) SELECT * FROM"  # noqa: S608 no text from outside
        f" (VALUES {', '.join([marks] * rows)}) WHERE column2 IS NOT NULL"
    )


def _in_turn(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> None:
    """Executes; while another process writes, tries again every half millisecond.

    SQLite's own waiting doubles its pauses up to 100 ms, and starves who comes last.
    """
    deadline = time.monotonic() + schema.BUSY_SECONDS
    while True:
        try:
            connection.execute(sql, values)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _row(writer: str, seq: int, prev: bytes, salt: bytes, draft: Draft) -> tuple[Any, ...]:
    moment, id_, kind, action, body = draft
    digest = chain.digest(salt, body)
    hash_ = chain.link(
        prev, writer.encode(), seq, moment.encode(), id_.encode(), kind.encode(),
        action.encode(), digest,
    )  # fmt: skip
    return writer, seq, moment, id_, kind, action, salt, body, digest, prev, hash_


def _apply(connection: sqlite3.Connection, change: Change | None) -> EvidenceError | None:
    try:
        if change is not None:
            change.apply(connection)
    except CaseError as error:
        return error
    return None
