"""Which rows hold a key: a look-up in milliseconds, without keeping what was written.

Each part has a file of 16-byte records, sorted: 8 bytes of a hash, 8 bytes of a row's number. A
record stands for a row's own hash, for its id, or for an identifier in it: e-mail addresses and
numbers of six digits and more (accounts, telephones, clients), whatever column they are in.
A look-up is one bisection a part, so nothing needs merging, and the files can be made again.

The hashes are keyed with the run's salt, so that two runs cannot be joined by them. The salt is in
the run's folder: whoever has that can try out keys.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from remit.detectors.compiled import Database, compile_database
from remit.layers.data.writing import Fresh, Written

_RECORD = 16
# A file is sorted in runs of so many records, each led by its length: this bounds the memory.
_RUN = 400_000
_NUMBER = re.compile(rb"[0-9](?:[ ().-]{0,2}[0-9]){5,}")
_GROUP = re.compile(rb"[0-9]+")
# Digits of a number: fewer say little, and none that a person is known by has more. An IBAN may
# have 30, in groups of four.
_LEAST, _MOST = 6, 30
_GROUPS = 8
# Characters that six digits take at most, with what may stand between them.
_NEAR = 16
_BACKSLASH = 0x5C
_NAMED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-")
_UNICODE = re.compile(rb"\\u([0-9a-fA-F]{0,3})$")
_LOCAL = re.compile(rb"[A-Za-z0-9._%+-]{1,64}$")
_DOMAIN = re.compile(rb"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")


def identifiers(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The identifiers in a text or in rows of JSON, each with the place where it stands."""
    yield from _addresses(block)
    for match in _number_runs(block):
        for number in _numbers(_GROUP.findall(match[0])):
            yield match.start(), number


def _number_runs(block: bytes) -> Iterator[re.Match[bytes]]:
    """Digits with what may stand between them, without the digits of a JSON escape."""
    at = 0
    for end in _number_ends(block):
        if end <= at:
            continue
        match = _NUMBER.search(block, max(at, end - _NEAR))
        escape = match and _UNICODE.search(block, max(0, match.start() - 5), match.start())
        if match and escape:
            match = _NUMBER.search(block, match.start() + 4 - len(escape[1]))
        if match:
            at = match.end()
            yield match


def _number_ends(block: bytes) -> Sequence[int]:
    """Where numbers may be: ends of their sixth digit and of later ones, in order."""
    ends: list[int] = []

    def on_match(_number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        ends.append(end)

    _gate().scan(block, match_event_handler=on_match)
    return ends


@lru_cache(maxsize=1)
def _gate() -> Database:
    """Ten times as fast as `re`, where there are few numbers; compiled in a millisecond."""
    return compile_database([r"[0-9](?:[ ().\-]{0,2}[0-9]){5}"], 0)


def _numbers(groups: list[bytes]) -> Iterator[bytes]:
    """Every number that neighbouring groups of digits may be: who knows where one ends?"""
    for first in range(len(groups)):
        number = b""
        for group in groups[first : first + _GROUPS]:
            number += group
            if len(number) > _MOST:
                break
            if len(number) >= _LEAST:
                yield number


def _addresses(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = block.find(b"@")
    while at >= 0:
        # Looked at first, because prose has many signs that stand by themselves.
        stands = at > 0 and block[at - 1] in _NAMED
        local = _LOCAL.search(block, max(0, at - 64), at) if stands else None
        domain = _DOMAIN.match(block, at + 1) if local else None
        if local and domain:
            start = local.start()
            escaped = start > 0 and block[start - 1] == _BACKSLASH  # \n before an address
            name = block[start + escaped : at].strip(b".")
            if name:
                yield at, (name + b"@" + domain[0].rstrip(b"-")).lower()
        at = block.find(b"@", at + 1)


def asked(key: str) -> bytes | None:
    """The identifier that rows with this key are indexed by; None where it must be searched for.

    For a key with letters and digits it is the digits: `NL91 ABNA 0417 1643 00` is found by the
    last ten, however it was spaced.
    """
    data = b" " + key.encode() + b" "
    addresses = [found for _, found in _addresses(data)]
    if addresses:
        return addresses[0] if len(addresses) == 1 and b" " not in data.strip() else None
    numbers = [found for _, found in identifiers(data)]
    return max(numbers, key=len, default=None)


class Records:
    """The records of a part in the making."""

    def __init__(self, salt: bytes, file: Fresh) -> None:
        self._salt = salt
        self._file = file
        self._records: list[bytes] = []

    def row(self, digest: bytes, number: int) -> None:
        """A row is found by its hash (SHA-256, of which the beginning is kept)."""
        self._records.append(digest[:8] + number.to_bytes(8, "big"))

    def id(self, id: str, number: int) -> None:
        """A row is found by its id."""
        self._records.append(keyed(self._salt, b"id", id.encode()) + number.to_bytes(8, "big"))

    def block(self, block: bytes, numbers: Sequence[int], ends: Sequence[int]) -> None:
        """Rows are found by the identifiers in them; `ends` says where each ends in the block."""
        seen: set[bytes] = set()
        for at, found in identifiers(block):
            number = numbers[bisect_left(ends, at + 1)]
            seen.add(keyed(self._salt, b"key", found) + number.to_bytes(8, "big"))
            if len(seen) >= _RUN:
                self._records += seen
                seen.clear()
                self._run()
        self._records += seen
        if len(self._records) >= _RUN:
            self._run()

    def commit(self) -> Written | None:
        """Writes what is left, and the file."""
        self._run()
        return self._file.commit()

    def _run(self) -> None:
        if self._records:
            self._records.sort()
            self._file.write(len(self._records).to_bytes(_RECORD, "big"))
            self._file.write(b"".join(self._records))
            self._records.clear()


def keyed(salt: bytes, kind: bytes, key: bytes) -> bytes:
    """Eight bytes that stand for a key."""
    return hashlib.blake2b(key, digest_size=8, key=salt, person=kind).digest()


def look_up(path: Path, prefix: bytes) -> list[int]:
    """The rows whose records begin with `prefix` (8 bytes), in order."""
    rows: set[int] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = 0
        while at < len(data):
            count = int.from_bytes(data[at : at + _RECORD], "big")
            at += _RECORD
            run = range(at, at + count * _RECORD, _RECORD)
            place = bisect_left(run, prefix, key=lambda start: data[start : start + 8])
            while place < count and data[run[place] : run[place] + 8] == prefix:
                rows.add(int.from_bytes(data[run[place] + 8 : run[place] + _RECORD], "big"))
                place += 1
            at += count * _RECORD
    return sorted(rows)
