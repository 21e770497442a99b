"""Which bodies may be gone: those that an erasure on record names, one by one or by its terms.

Erasures are found by their ids, which the store gives, so that this needs no pass of its own; that
they are as they were written is checked with all other entries. Ledgers here read text as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from remit.evidence.database import Connection

ID_PREFIX: Final = "erasure-"
_ERASURES: Final = "SELECT body FROM entries WHERE id >= ? AND id < ? AND kind = 'erasure'"


@dataclass(frozen=True, slots=True)
class Erased:
    """Places, and terms: for a kind, the time before which its bodies were erased."""

    places: frozenset[tuple[bytes, int]]
    before: dict[bytes, bytes]

    def covers(self, writer: bytes, seq: int, time: bytes, kind: bytes) -> bool:
        """True where the body of this entry was erased on record."""
        return (writer, seq) in self.places or time < self.before.get(kind, b"")

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """From all erasures of the record. One that is nonsense covers nothing."""
        places: set[tuple[bytes, int]] = set()
        before: dict[bytes, bytes] = {}
        rows = connection.execute(_ERASURES, (ID_PREFIX, ID_PREFIX[:-1] + "."))
        for (body,) in rows:
            try:
                record = orjson.loads(body)
                places.update((writer.encode(), int(seq)) for writer, seq in record["erased"])
                _widen(before, record.get("terms") or {})
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return cls(frozenset(places), before)


def _widen(before: dict[bytes, bytes], terms: dict[str, Any]) -> None:
    for kind, time in terms.items():
        key = kind.encode()
        before[key] = max(before.get(key, b""), time.encode())
