"""The store: open it once in each process, append to it, look things up."""

from __future__ import annotations

import asyncio
import concurrent.futures
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from remit.evidence import schema
from remit.evidence.cases import (
    Case,
    CaseError,
    Change,
    Erasure,
    Opening,
    State,
    Step,
    read_cases,
)
from remit.evidence.chain import Entry
from remit.evidence.intake import Job
from remit.evidence.lookup import PAGE_MOST, Stored, names_rule, read_page
from remit.evidence.outcomes import AnyFuture
from remit.evidence.record import EvidenceError, draft, stamp
from remit.evidence.verify import Anchor, read_anchor
from remit.evidence.writer import Writer

WAITING_MOST: Final = 10_000
RESERVED: Final = ("case", "erasure")
RESERVED_CURE: Final = "use open_case, answer_case, close_case or erase"


class Evidence:
    """The record, for one process. Open it after forking: threads do not survive a fork.

    Every append is confirmed only when it is on the disk. Where it cannot be, it raises
    EvidenceError; each later append tries the disk anew, and `broken` says what is wrong.
    """

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._reading = threading.Lock()

    @classmethod
    def open(
        cls, url: str | Path, *, writer: str | None = None, waiting: int = WAITING_MOST
    ) -> Self:
        """Opens or makes the store at `url`: `sqlite:///PATH` or a plain path.

        `writer` names this process's chain, at random unless given; no two processes may use one
        name at a time. `waiting` is how many appends may wait for the disk. Raises EvidenceError.
        """
        path = schema.path_of(str(url))
        thread = Writer(path, writer or secrets.token_hex(8), limit=waiting)
        try:
            return cls(thread, schema.open_to_read(path))
        except BaseException:
            thread.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._writer.path

    @property
    def writer(self) -> str:
        """The name of this process's chain."""
        return self._writer.name

    @property
    def broken(self) -> str | None:
        """Why the last write failed; None while all is well."""
        return self._writer.broken

    async def append(self, record: Mapping[str, Any], *, case: Case | None = None) -> Entry:
        """Returns when `record` (and the case it opens) is on the disk. Raises EvidenceError.

        Waits while the queue is full. A caller that is cancelled stops waiting; the record is
        written all the same.
        """
        if self._writer.full:
            await self._writer.room()
        return await self.append_nowait(record, case=case)

    def append_nowait(
        self, record: Mapping[str, Any], *, case: Case | None = None
    ) -> asyncio.Future[Entry]:
        """Queues `record`, and gives the future that resolves when it is on the disk.

        To be called in an event loop. Raises EvidenceError at once where the record is no JSON
        object as `record.draft` wants it, or the queue is full.
        """
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        if self._writer.full:
            raise EvidenceError(
                f"evidence {self.path}: {self._writer.limit} records wait for the disk; "
                "await append() instead, or use a faster disk"
            )
        self._submit(record, case, future)
        return future

    def append_sync(
        self, record: Mapping[str, Any], *, case: Case | None = None, timeout: float | None = None
    ) -> Entry:
        """As `append`, from any thread that runs no event loop.

        Raises TimeoutError after `timeout` seconds; the record may still be written then.
        """
        future: concurrent.futures.Future[Entry] = concurrent.futures.Future()
        self._submit(record, case, future)
        return future.result(timeout)

    async def open_case(self, case: Case) -> Entry:
        """Puts a case into the queue for a person. Raises EvidenceError."""
        opening = Opening(case)
        return await self._change(opening.record(), opening)

    async def answer_case(self, id: str, text: str, who: str) -> Entry:
        """A person's answer. Raises CaseError where the case is not open."""
        step = Step(id, State.ANSWERED, text, who, stamp())
        return await self._change(step.record(), step)

    async def close_case(self, id: str, why: str, who: str) -> Entry:
        """The end of a case, answered or not. Raises CaseError where it is closed already."""
        step = Step(id, State.CLOSED, why, who, stamp())
        return await self._change(step.record(), step)

    async def erase(self, id: str, *, who: str, why: str) -> Entry:
        """Erases for good what the record with this id said, or all that the case said.

        The chain still verifies, and says that it was erased, by whom and why. Raises
        EvidenceError where there is nothing (left) to erase.
        """
        ids = (id, *(f"{id}/{state}" for state in State))
        marks = ", ".join("?" * len(ids))
        rows = self._query(
            f"SELECT writer, seq FROM entries WHERE id IN ({marks})"  # noqa: S608
            " AND body IS NOT NULL AND kind != 'erasure' ORDER BY position",
            ids,
        )
        if not rows:
            raise EvidenceError(f"evidence: nothing to erase under {id}; look the id up first")
        name = f"erasure-{secrets.token_hex(8)}"
        erasure = Erasure(tuple((row[0], row[1]) for row in rows), id, who, why, stamp(), name)
        return await self._change(erasure.record(), erasure)

    def cases(self, state: State | str | None = None) -> tuple[Case, ...]:
        """Cases in that state, or all; the first due first."""
        with self._looking() as reader:
            return read_cases(reader, state=None if state is None else State(state))

    def case(self, id: str) -> Case:
        """One case. Raises CaseError where there is none."""
        with self._looking() as reader:
            found = read_cases(reader, id=id)
        if not found:
            raise CaseError(f"case {id}: there is none; list the open ones")
        return found[0]

    def get(self, id: str) -> dict[str, Any] | None:
        """The record with this id; None where there is none, or it was erased."""
        found = self._query(
            "SELECT body FROM entries WHERE id = ? ORDER BY position DESC LIMIT 1", (id,)
        )
        return orjson.loads(found[0][0]) if found and found[0][0] is not None else None

    def entries(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        rule: str | None = None,
        action: str | None = None,
        kind: str | None = None,
        since: str | None = None,
    ) -> Iterator[Stored]:
        """Entries in the order they were written, from the position after `after` on.

        `rule` keeps the records that name the rule: as `rule`, or in `rules` with another action
        than allow. `since` is a time as `stamp()` writes it. Nothing is locked between entries.
        """
        left = limit
        while left is None or left > 0:
            with self._looking() as reader:
                page = read_page(reader, after, action=action, kind=kind, since=since, rule=rule)
            for stored in page:
                after = stored.position
                if rule is not None and not names_rule(stored.record, rule):
                    continue
                yield stored
                left = None if left is None else left - 1
                if left == 0:
                    return
            if len(page) < PAGE_MOST:
                return

    def anchor(self) -> Anchor:
        """The heads of all chains now: kept elsewhere, it proves a later cut or rewriting."""
        with self._looking() as reader:
            return read_anchor(reader)

    def close(self) -> None:
        """Writes what is queued, and closes. May be called twice."""
        # The reader first: the last connection to close moves the log into the file, and one that
        # may only read cannot, which would leave a copy of the file alone without its entries.
        with self._reading:
            self._reader.close()
        self._writer.close()

    async def _change(self, record: Mapping[str, Any], change: Change) -> Entry:
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._writer.submit(Job((draft(record),), change, future))
        return await future

    def _submit(self, record: Mapping[str, Any], case: Case | None, future: AnyFuture) -> None:
        if record.get("kind") in RESERVED:
            raise EvidenceError(f"record: kind '{record['kind']}' is the store's; {RESERVED_CURE}")
        if case is None:
            self._writer.submit(Job((draft(record),), None, future))
        else:
            opening = Opening(case)
            drafts = (draft(record), draft(opening.record()))
            self._writer.submit(Job(drafts, opening, future))

    def _query(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._looking() as reader:
            return reader.execute(sql, values).fetchall()

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        """The reading connection, for one at a time."""
        try:
            with self._reading:
                yield self._reader
        except schema.FAULTS as error:
            raise EvidenceError(schema.explain(self.path, error)) from error
