"""What may enter the record: a JSON object with an id, a time and a kind."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

_RANDOM_BYTES: Final = 10

ID_MOST: Final = 200
"""Characters of an id at most."""

_STAMP_LENGTH: Final = len("2026-11-24T05:47:07.123Z")


class EvidenceError(RuntimeError):
    """The record could not be written or read; the message names the thing and the cure."""


class Draft(NamedTuple):
    """A record on its way into the chain: the columns, and the exact bytes that are hashed."""

    time: str
    id: str
    kind: str
    action: str
    body: bytes


def stamp(moment: datetime | None = None) -> str:
    """`moment` (now, unless given) in ISO 8601, UTC, milliseconds: 2026-11-24T05:47:07.123Z."""
    if moment is None:
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"
    utc = moment.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


# The system's generator costs a system call; one call serves many ids. Appending and popping are
# atomic, so threads need no lock; a forked child would repeat its parent's, hence the hook.
_pool: list[bytes] = []
os.register_at_fork(after_in_child=_pool.clear)


def _random_bits() -> int:
    try:
        return int.from_bytes(_pool.pop(), "big")
    except IndexError:
        block = os.urandom(_RANDOM_BYTES * 256)
        pieces = range(_RANDOM_BYTES, len(block), _RANDOM_BYTES)
        _pool.extend(block[at : at + _RANDOM_BYTES] for at in pieces)
        return int.from_bytes(block[:_RANDOM_BYTES], "big")


def new_id() -> str:
    """A new record id: UUID version 7 (RFC 9562), which nobody can guess and which sorts by time.

    That order matters: each commit then touches the end of the id index only, and not one page of
    it for each record, which would halve the rate.
    """
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | _random_bits()
    number = (number & ~(0xF << 76 | 0x3 << 62)) | (0x7 << 76) | (0x2 << 62)
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def draft(record: Mapping[str, Any]) -> Draft:
    """Checks `record` and fixes its bytes; later changes to the mapping do not matter.

    Needs `id` (unique, 1 to 200 characters), `time` (as `stamp` writes it) and `kind`: answer,
    refusal, error, start, policy, or a word of your own (case and erasure are the store's).
    `action` is optional. Raises EvidenceError, naming the key.
    """
    id_, moment, kind = record.get("id"), record.get("time"), record.get("kind")
    action = record.get("action") or ""
    if not (isinstance(id_, str) and 0 < len(id_) <= ID_MOST):
        raise EvidenceError(f"record: 'id' must be a text of 1 to {ID_MOST} characters")
    if not (isinstance(moment, str) and len(moment) == _STAMP_LENGTH and moment.endswith("Z")):
        raise EvidenceError(f"record {id_}: 'time' must read like {stamp()}; use evidence.stamp()")
    if not (isinstance(kind, str) and kind):
        raise EvidenceError(f"record {id_}: 'kind' must be a word, such as answer or refusal")
    if not isinstance(action, str):
        raise EvidenceError(f"record {id_}: 'action' must be a word; use Action.word")
    try:
        body = orjson.dumps(record if type(record) is dict else dict(record))
    except TypeError as error:
        raise EvidenceError(f"record {id_}: not JSON ({error}); keep to plain values") from None
    return Draft(moment, id_, kind, action, body)
