"""The writer thread: many appends, one commit.

While one commit waits for the disk, the next batch gathers in the intake; so the busier, the
larger the batches, and a lone append waits for nobody. A batch goes to the ledger in one call, for
each call gives Python's lock up, and to win it back from a busy event loop costs up to 5 ms
(sys.getswitchinterval). For the same reason nothing gives the lock up while the rows are made: see
`chain.digest` for the hash, and `_salt`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from remit.evidence import chain, ledger
from remit.evidence.chain import Entry
from remit.evidence.database import Change, Cursor
from remit.evidence.forgetting import leaves_traces
from remit.evidence.intake import Intake, Job
from remit.evidence.keys import Keys
from remit.evidence.ledger import Ledger, Row, Writing, database_id
from remit.evidence.outcomes import Outcome, settle
from remit.evidence.record import Draft, EvidenceError

BATCH_MOST: Final = 512
_RETRY_SECONDS: Final = 0.1
_LOG: Final = logging.getLogger("remit.evidence")


@dataclass(frozen=True, slots=True)
class Head:
    """The end of this writer's chain."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch on its way to a server: where the chain ends if it arrives, and what to tell then."""

    before: Head
    after: Head
    outcomes: list[Outcome]


class Writer:
    """Writes jobs in the order given. A job's outcome is the Entry of its first draft."""

    def __init__(self, place: Ledger, name: str, *, limit: int, keys: Keys | None = None) -> None:
        self.keys = keys
        self.place = place
        self.name = name
        self.limit = limit
        self.broken: str | None = None
        self._intake = Intake(limit)
        self._turns: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._ended = False
        self._connection: Writing | None = None
        self._head = Head(0, b"")
        self._doubt: Doubt | None = None
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
            raise EvidenceError(f"evidence {self.place.name}: closed; open it again to write")
        if not self._thread.is_alive():
            raise EvidenceError(f"evidence {self.place.name}: opened before a fork; open it after")
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
        closed = EvidenceError(f"evidence {self.place.name}: closed")
        while batch := self._intake.take(BATCH_MOST):
            settle([job.future for job in batch], [closed] * len(batch))
        while self._turns:
            settle([self._turns.popleft()], [None])

    def _write(self, batch: Sequence[Job]) -> list[Outcome]:
        """Commits. After any fault it lets go of the ledger, and so of half a transaction too."""
        try:
            try:
                outcomes = self._commit(batch)
            except Exception as error:  # noqa: BLE001 raised again where it cannot be cleared up
                outcomes = self._clear_up(batch, error)
        except Exception as error:  # noqa: BLE001 the thread must outlive whatever happens
            text = str(error)
            if not isinstance(error, EvidenceError):
                text = self.place.explain(error)
            self._disconnect()
            if self.broken is None:
                _LOG.error("%s", text)
            self.broken = text
            return [EvidenceError(text) for _ in batch]
        self.broken = None
        return outcomes

    def _clear_up(self, batch: Sequence[Job], error: Exception) -> list[Outcome]:
        """Where a server went away during a commit: did it arrive? If not, once more.

        Raises `error` where it cannot be said, or the server does not come back in time.
        """
        doubt = self._doubt
        if not self.place.is_lost(error):
            raise error
        self._disconnect()
        deadline = time.monotonic() + ledger.BUSY_SECONDS
        while self._connection is None:
            try:
                self._connect()
            except EvidenceError:
                if time.monotonic() > deadline:
                    raise error from None
                time.sleep(_RETRY_SECONDS)
        if doubt is None or self._head == doubt.before != doubt.after:
            return self._commit(batch)
        if self._head == doubt.after != doubt.before:
            return doubt.outcomes
        raise error

    def _commit(self, batch: Sequence[Job]) -> list[Outcome]:
        self._doubt = None
        if self.keys is not None:
            drafts = (draft for job in batch for draft in job.drafts)
            self.keys.ensure({draft.subject for draft in drafts if draft.subject})
        connection = self._connection or self._connect()
        if all(job.change is None for job in batch):
            return self._insert(connection, batch, [None] * len(batch))
        connection.begin()
        refusals = [self._apply(connection, job.change) for job in batch]
        made = [job for job, no in zip(batch, refusals, strict=True) if job.change and not no]
        if any(job.told for job in made):
            connection.execute("UPDATE pulse SET value = value + 1")
        outcomes = self._insert(connection, batch, refusals)
        connection.commit(erased=any(leaves_traces(job.change) for job in made))
        return outcomes

    def _insert(
        self,
        connection: Writing,
        batch: Sequence[Job],
        refusals: Sequence[EvidenceError | None],
    ) -> list[Outcome]:
        """All drafts of the jobs that were not refused, in one call."""
        rows: list[Row] = []
        outcomes: list[Outcome] = []
        seq, prev, writer = self._head.seq, self._head.hash, self.name
        for job, refusal in zip(batch, refusals, strict=True):
            outcome: Outcome = refusal
            for draft in () if refusal else job.drafts:
                seq += 1
                row = _row(writer, seq, prev, self._salt(), self._sealed(draft))
                prev = row.hash
                rows.append(row)
                if outcome is None:
                    outcome = Entry(writer, seq, prev.hex())
            outcomes.append(outcome)
        head = Head(seq, prev)
        self._doubt = Doubt(self._head, head, outcomes)
        if rows:
            connection.insert(rows)
            self._head = head
        return outcomes

    def _apply(self, connection: Writing, change: Change | None) -> EvidenceError | None:
        """Makes the change, or undoes what it began. What is wrong with the ledger is raised."""
        if change is None:
            return None
        connection.execute("SAVEPOINT change")
        try:
            change.apply(Applying(connection, self.keys))
        except Exception as error:
            if self.place.is_grave(error) or self.place.is_lost(error):
                raise
            connection.execute("ROLLBACK TO SAVEPOINT change")
            connection.execute("RELEASE SAVEPOINT change")
            if isinstance(error, EvidenceError):
                return error
            return EvidenceError(f"evidence: the change failed ({error!r}); see its apply()")
        connection.execute("RELEASE SAVEPOINT change")
        return None

    def _sealed(self, draft: Draft) -> Draft:
        if self.keys is None or draft.subject is None:
            return draft
        return draft._replace(body=self.keys.seal(draft.subject, draft.body))

    def _salt(self) -> bytes:
        """A salt, of many fetched together: each system call gives Python's lock up."""
        if not self._salts:
            size = chain.SALT_BYTES
            block = os.urandom(size * BATCH_MOST)
            self._salts = [block[at : at + size] for at in range(0, len(block), size)]
        return self._salts.pop()

    def _connect(self) -> Writing:
        connection = self.place.open_to_write(healing=self.broken is not None)
        try:
            row = connection.head(self.name)
            genesis = chain.genesis(database_id(connection), self.name)
        except self.place.faults as error:
            connection.close()
            raise EvidenceError(self.place.explain(error)) from error
        except BaseException:
            connection.close()
            raise
        # A commit that was reported as failed may be there after all: go on from what is there.
        self._head = Head(*row) if row else Head(0, genesis)
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Applying:
    """The connection as a change sees it."""

    def __init__(self, connection: Writing, keys: Keys | None) -> None:
        self._connection = connection
        self._keys = keys

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Cursor:
        """Executes one statement."""
        return self._connection.execute(sql, values)

    def seal(self, subject: str, text: str) -> str:
        """The text as it may be kept."""
        if self._keys is None:
            return text
        self._keys.ensure([subject])
        return self._keys.seal(subject, text.encode()).decode()


def _row(writer: str, seq: int, prev: bytes, salt: bytes, draft: Draft) -> Row:
    moment, id_, kind, action, body, rules, subject = draft
    digest = chain.digest(salt, body)
    hash_ = chain.link(
        prev, writer.encode(), seq, moment.encode(), id_.encode(), kind.encode(),
        action.encode(), digest,
    )  # fmt: skip
    return Row(
        writer, seq, moment, id_, kind, action, salt, body, digest, prev, hash_, rules, subject
    )
