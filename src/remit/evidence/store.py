"""The store: open it once in each process, append to it, look things up."""

from __future__ import annotations

import asyncio
import concurrent.futures
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from remit.evidence import retention
from remit.evidence.cases import Case, Opening, State, Step
from remit.evidence.chain import Entry
from remit.evidence.database import Change, Database
from remit.evidence.intake import Job
from remit.evidence.keys import Keys
from remit.evidence.ledger import Ledger, ledger_of
from remit.evidence.outcomes import AnyFuture
from remit.evidence.reader import Looking
from remit.evidence.record import EvidenceError, draft, stamp
from remit.evidence.writer import Writer

WAITING_MOST: Final = 10_000
RESERVED: Final = ("case", "erasure")
RESERVED_CURE: Final = "use open_case, answer_case, close_case or erase"


@dataclass(frozen=True, slots=True)
class KeptState:
    """A value under a key, in the place of the one before."""

    key: str
    value: str
    time: str

    def apply(self, database: Database) -> None:
        """Keeps it."""
        database.execute(
            "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET value = excluded.value, updated = excluded.updated",
            (self.key, self.value, self.time),
        )


class Evidence(Looking):
    """The record, for one process. Open it after forking: threads do not survive a fork.

    Every append is confirmed only when it is on the disk. Where it cannot be, it raises
    EvidenceError; each later append tries the disk anew, and `broken` says what is wrong.
    """

    def __init__(self, url: str, place: Ledger, writer: Writer, keys: Keys | None) -> None:
        super().__init__(place, keys)
        self.url = url  # may hold a password: for `verify` and `export`, and never to be shown
        self._writer = writer

    @classmethod
    def open(
        cls,
        url: str | Path,
        *,
        writer: str | None = None,
        waiting: int = WAITING_MOST,
        keys: str | Path | None = None,
    ) -> Self:
        """Opens or makes the store at `url`: a path, `sqlite:///PATH` or `postgresql://…`.

        `writer` names this process's chain, at random unless given; no two processes may use one
        name at a time. `waiting` is how many appends may wait for the disk. `keys` is the file
        of the persons' keys: what has a `subject` is then sealed. Raises EvidenceError.
        """
        place = ledger_of(url)
        with ExitStack() as undo:
            ring = None if keys is None else Keys(keys)
            if ring is not None:
                undo.callback(ring.close)
            thread = Writer(place, writer or secrets.token_hex(8), limit=waiting, keys=ring)
            undo.callback(thread.close)
            evidence = cls(str(url), place, thread, ring)
            undo.pop_all()
        return evidence

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
                f"evidence {self.name}: {self._writer.limit} records wait for the disk; "
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

    async def change(self, record: Mapping[str, Any], change: Change) -> Entry:
        """Chains `record` and makes `change`, both or neither, and raises the pulse.

        Returns when they are on the disk. Raises EvidenceError, or what the change refuses with.
        """
        return await self._change(record, change)

    def change_sync(
        self, record: Mapping[str, Any], change: Change, timeout: float | None = None
    ) -> Entry:
        """As `change`, from any thread that runs no event loop; TimeoutError as `append_sync`."""
        future: concurrent.futures.Future[Entry] = concurrent.futures.Future()
        self._writer.submit(Job((draft(record),), change, future))
        return future.result(timeout)

    async def alter(self, change: Change) -> None:
        """A change of state that no entry tells, nor the pulse: for what is no evidence."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.submit(Job((), change, future, told=False))
        await future

    async def keep_state(self, key: str, value: Any) -> None:
        """Keeps a JSON value under `key`: outside the chain, and the last writer wins."""
        await self.alter(KeptState(key, orjson.dumps(value).decode(), stamp()))

    async def open_case(self, case: Case) -> Entry:
        """Puts a case into the queue for a person. Raises EvidenceError."""
        opening = Opening(case)
        return await self._change(opening.record(), opening)

    async def answer_case(
        self, id: str, text: str, who: str, *, outcome: str = "answered"
    ) -> Entry:
        """A person's answer. Raises CaseError where the case is not open."""
        subject = self.case(id).subject
        step = Step(id, State.ANSWERED, text, who, stamp(), outcome, subject)
        return await self._change(step.record(), step)

    async def close_case(self, id: str, why: str, who: str, *, outcome: str = "") -> Entry:
        """The end of a case, answered or not. Raises CaseError where it is closed already."""
        subject = self.case(id).subject
        step = Step(id, State.CLOSED, why, who, stamp(), outcome, subject)
        return await self._change(step.record(), step)

    async def erase(self, id: str, *, who: str, why: str) -> Entry:
        """Erases for good what the record with this id said, or all that the case said.

        The chain still verifies, and says that it was erased, by whom and why. Raises
        EvidenceError where there is nothing (left) to erase.
        """
        return await retention.erase(self, id, who, why)

    async def forget(self, subject: str, *, who: str, why: str) -> int:
        """Erases for good all that is kept of a person; gives how many entries said something.

        Their key is deleted first: that makes unreadable what was sealed, in backups too.
        """
        if self._keys is not None:
            self._keys.forget(subject)
        return await retention.forget(self, subject, who, why)

    async def retain(self, before: Mapping[str, str], *, who: str, why: str) -> int:
        """Erases what is older than it may be kept: {class: time}, see `retention.CLASSES`.

        Of cases only those that are closed. Gives how many entries said something. Raises
        EvidenceError for another class.
        """
        return await retention.retain(self, before, who, why)

    def close(self) -> None:
        """Writes what is queued, and closes. May be called twice."""
        # The reader first: the last connection to close moves the log into the file, and one that
        # may only read cannot, which would leave a copy of the file alone without its entries.
        self._close_reader()
        self._writer.close()
        if self._keys is not None:
            self._keys.close()

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
