"""Looking things up in an open record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import orjson

from remit.evidence.cases import Case, CaseError, State, read_cases
from remit.evidence.export import find
from remit.evidence.keys import Keys, opened
from remit.evidence.ledger import Ledger, Reading
from remit.evidence.lookup import Followed, Stored, read_after, read_heads, walk
from remit.evidence.record import EvidenceError
from remit.evidence.verify import Anchor, read_anchor

_Found = TypeVar("_Found")


class Looking:
    """The side of the record that is read, over one connection, by one thread at a time.

    A server that was away and is back is connected to again.
    """

    def __init__(self, place: Ledger, keys: Keys | None = None) -> None:
        self._place = place
        self._keys = keys
        self._reader: Reading | None = place.open_to_read()
        self._closed = False
        self._reading = threading.Lock()

    @property
    def name(self) -> str:
        """Where the record is, without a password."""
        return self._place.name

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a portable query (see `database`). Raises EvidenceError."""
        return self._look(lambda reader: reader.execute(sql, values).fetchall())

    def heads(self) -> dict[str, int]:
        """How far each writer has come: the cursor to `follow` from now on."""
        return self._look(read_heads)

    def follow(self, cursor: Mapping[str, int], *, limit: int = 1000) -> Followed:
        """Up to about `limit` entries after `cursor` ({} is the beginning), and the next cursor.

        Called until it gives no entries, it skips none and gives none twice, however many write.
        """
        return self._look(lambda reader: read_after(reader, cursor, limit, self._keys))

    def pulse(self) -> int:
        """A number that rises with each `change`, of any process."""
        return int(self.rows("SELECT value FROM pulse")[0][0])

    def state(self, key: str) -> Any:
        """What was kept under `key`; None where nothing was."""
        found = self.rows("SELECT value FROM state WHERE key = ?", (key,))
        return orjson.loads(found[0][0]) if found else None

    def cases(self, state: State | str | None = None) -> tuple[Case, ...]:
        """Cases in that state, or all; the first due first."""
        wanted = None if state is None else State(state)
        return self._look(lambda reader: read_cases(reader, self._keys, state=wanted))

    def case(self, id: str) -> Case:
        """One case. Raises CaseError where there is none."""
        found = self._look(lambda reader: read_cases(reader, self._keys, id=id))
        if not found:
            raise CaseError(f"case {id}: there is none; list the open ones")
        return found[0]

    def get(self, id: str) -> dict[str, Any] | None:
        """The record with this id; None where there is none, or it was erased."""
        found = self.rows(
            "SELECT body FROM entries WHERE id = ? ORDER BY position DESC LIMIT 1", (id,)
        )
        plain = opened(found[0][0], self._keys) if found else None
        return None if plain is None else orjson.loads(plain)

    def show(self, id: str) -> dict[str, Any]:
        """The record with this id, and its place in the chain, as `export.show` gives them."""
        return self._look(lambda reader: find(reader, self.name, id, self._keys))

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

        `rule` keeps the records that are about the rule: as `rule`, or in `rules` with another
        action than allow; in the order of their times. `since` is a time as `stamp()` writes it.
        Nothing is locked between pages.
        """
        found = walk(
            self._look, self._keys, after=after, rule=rule, action=action, kind=kind, since=since
        )
        return islice(found, limit)

    def anchor(self) -> Anchor:
        """The heads of all chains now: kept elsewhere, it proves a later cut or rewriting."""
        return self._look(read_anchor)

    def _close_reader(self) -> None:
        with self._reading:
            self._closed = True
            if self._reader is not None:
                self._reader.close()

    def _look(self, look: Callable[[Reading], _Found]) -> _Found:
        """Looks, one at a time; once more where a server was away and is back."""
        with self._reading:
            try:
                return look(self._open_reader())
            except self._place.faults as error:
                if not self._place.is_lost(error) or self._reader is None:
                    raise EvidenceError(self._place.explain(error)) from error
            self._reader.close()
            self._reader = None
            try:
                return look(self._open_reader())
            except self._place.faults as error:
                raise EvidenceError(self._place.explain(error)) from error

    def _open_reader(self) -> Reading:
        if self._closed:
            raise EvidenceError(f"evidence {self.name}: closed; open it again to look")
        if self._reader is None:
            self._reader = self._place.open_to_read()
        return self._reader
