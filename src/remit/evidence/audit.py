"""The single checks of a record. Each yields problems; `verify` puts them together.

Connections here read text as bytes.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from remit.evidence import chain, schema
from remit.evidence.cases import State
from remit.evidence.chain import Entry
from remit.evidence.problems import Problem

_TEXTS: Final = ("writer", "time", "id", "kind", "action")
_BLOBS: Final = ("digest", "prev", "hash")
_COPY: Final = "compare with a copy of the file, and ask who could write to it"

Place = tuple[bytes, int]
Columns = tuple[bytes, ...]


@dataclass(slots=True)
class Tally:
    """What one pass over the entries has counted and seen. `ends` are the ends of the chains."""

    database: str = ""
    entries: int = 0
    erased: int = 0
    cases: int = 0
    opened: int = 0
    ends: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    bodiless: set[Place] = field(default_factory=set)
    erasures: set[Place] = field(default_factory=set)


def schema_problems(connection: sqlite3.Connection) -> Iterator[Problem]:
    """A table or trigger that is missing, changed, or not ours."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    present = {row[0].decode(errors="replace") for row in rows}
    for statement in sorted(schema.DEFINITIONS - present):
        yield Problem("", 0, f"missing or changed: {_first_words(statement)}", _COPY)
    for statement in sorted(present - schema.DEFINITIONS):
        yield Problem("", 0, f"not of this format: {_first_words(statement)}", _COPY)


def file_problems(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Damage to the file itself, indexes included."""
    for (found,) in connection.execute("PRAGMA integrity_check(20)"):
        if found != b"ok":
            text = found.decode(errors="replace")
            yield Problem("", 0, f"the file is damaged: {text}", "restore it from a copy")


def type_problems(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Columns of another type than they were written with, which look-ups would then miss."""
    wrong = [f"typeof({name}) != 'text'" for name in _TEXTS]
    wrong += [f"typeof({name}) != 'blob'" for name in _BLOBS]
    wrong += ["typeof(seq) != 'integer'", "typeof(body) NOT IN ('blob', 'null')"]
    rows = connection.execute(
        f"SELECT position FROM entries WHERE {' OR '.join(wrong)}"  # noqa: S608 no outside text
    )
    for (position,) in rows:
        yield Problem(
            "", 0, f"the entry at position {position} has a column of a wrong type", _COPY
        )


def chain_problems(
    connection: sqlite3.Connection, tally: Tally, expected: Sequence[Entry]
) -> Iterator[Problem]:
    """Every entry against its hash and the entry before; then `expected` against them all."""
    open_ = {(entry.writer.encode(), entry.seq): entry.hash for entry in expected}
    ends, database = tally.ends, tally.database
    rows = connection.execute(
        "SELECT writer, seq, time, id, kind, action, salt, body, digest, prev, hash"
        " FROM entries ORDER BY position"
    )
    for row in rows:
        writer, seq, kind, hash_ = row[0], row[1], row[4], row[10]
        tally.entries += 1
        end = ends.get(writer)
        if end is None:
            end = (0, chain.genesis(database, _text(writer)))
        what = _wrong(row, *end)
        if what:
            yield Problem(_text(writer), seq, what, _COPY)
        ends[writer] = (seq, hash_)
        tally.opened += kind == b"case" and row[5] == b"open"
        if row[7] is None:
            tally.bodiless.add((writer, seq))
        elif kind == b"erasure":
            tally.erasures.update(_erased(row[7]))
        if open_ and (writer, seq) in open_ and open_.pop((writer, seq)) != hash_.hex():
            yield Problem(_text(writer), seq, "differs from the receipt or anchor", _COPY)
    for writer, seq in open_:
        what = "is in the receipt or anchor, and no longer in the record"
        yield Problem(_text(writer), seq, what, _COPY)
    tally.erased = len(tally.bodiless)
    for writer, seq in sorted(tally.bodiless - tally.erasures):
        yield Problem(_text(writer), seq, "its body is gone, and no erasure is on record", _COPY)


def head_problems(connection: sqlite3.Connection, tally: Tally) -> Iterator[Problem]:
    """The ends of the chains against the heads that were noted with each commit."""
    left = dict(tally.ends)
    for writer, seq, hash_ in connection.execute("SELECT writer, seq, hash FROM heads"):
        end = left.pop(writer, (0, b""))
        if end != (seq, hash_):
            what = f"its chain should end here, and ends at {end[0]}: entries cut off or added"
            yield Problem(_text(writer), seq, what, _COPY)
    for writer, (seq, _) in left.items():
        yield Problem(_text(writer), seq, "its chain has no head", _COPY)


def case_problems(connection: sqlite3.Connection, tally: Tally) -> Iterator[Problem]:
    """Each case against the entries that say how it came to be as it is."""
    rows = connection.execute(
        "SELECT id, time, due, rule, owner, colleague, question, state, answer, who, updated"
        " FROM cases"
    )
    for id_, *row in rows:
        tally.cases += 1
        if _as_recorded(connection, id_, tally) not in (None, tuple(row)):
            yield Problem("", 0, f"case {_text(id_)} differs from its entries", _COPY)
    if tally.cases != tally.opened:
        what = f"{tally.opened} cases were opened, and {tally.cases} are there"
        yield Problem("", 0, what, _COPY)


def _wrong(row: Sequence[Any], last: int, last_hash: bytes) -> str:
    writer, seq, time, id_, kind, action, salt, body, digest, prev, hash_ = row
    try:
        if body is not None and chain.digest(salt, body) != digest:
            return "its body was edited"
        if chain.link(prev, writer, seq, time, id_, kind, action, digest) != hash_:
            return "it was edited, or moved from elsewhere"
    except (TypeError, struct.error):
        return "it was edited: a column is of a wrong type"
    if body is None and salt is not None:
        return "its body is gone, and its salt is not"
    if seq != last + 1:
        return f"out of order: {last + 1} was to follow"
    if prev != last_hash:
        return "it does not follow from the entry before: inserted, dropped or moved"
    return ""


def _erased(body: bytes) -> set[Place]:
    try:
        return {(writer.encode(), seq) for writer, seq in orjson.loads(body)["erased"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()  # then what it named is reported as gone without an erasure


def _as_recorded(connection: sqlite3.Connection, id_: bytes, tally: Tally) -> Columns | None:
    """The case's columns as its entries tell them; None where some were erased."""
    steps: dict[str, Any] = {}
    for state in State:
        rows = connection.execute(
            "SELECT writer, seq, body FROM entries WHERE id = ? AND kind = 'case'",
            (f"{_text(id_)}/{state}",),
        ).fetchall()
        for writer, seq, body in rows:
            if body is None and (writer, seq) in tally.erasures:
                return None
            steps[state] = body
    try:
        return _replay({state: orjson.loads(body) for state, body in steps.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()  # equal to no case


def _replay(steps: dict[str, Any]) -> Columns:
    opened, state = steps[State.OPEN], list(steps)[-1]
    case, last = opened["case"], steps[state]
    answer = steps[State.ANSWERED]["case"]["text"] if State.ANSWERED in steps else ""
    question = orjson.dumps(case["question"]).decode()
    texts = (
        opened["time"], case["due"], opened["rule"], case["owner"], case["colleague"],
        question, state, answer, last.get("who", ""), last["time"],
    )  # fmt: skip
    return tuple(text.encode() for text in texts)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _first_words(statement: str) -> str:
    return " ".join(statement.split()[:3])
