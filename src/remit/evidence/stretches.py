"""A long record is checked by two processes, each its own stretch; and both put together.

The other process is a fresh interpreter that is told by its standard input what to check: a fork
would take threads' locks along, and multiprocessing would run a caller's main module again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from remit.evidence import chain
from remit.evidence.erased import Erased
from remit.evidence.ledger import Reading, ledger_of
from remit.evidence.problems import COPY, Problem
from remit.evidence.record import EvidenceError
from remit.evidence.segment import Pass, Place, Segment, misplaced, text

SHARED_FROM: Final = 100_000
"""From so many entries on, a second process saves more than its start takes."""

_OWN_SHARE: Final = 0.42
"""Of the entries, for this process: it also looks at the file, the heads and the cases."""

_MAIN: Final = "from remit.evidence.stretches import main; main()"


def check(url: str, reading: Reading, snapshot: str, expected: dict[Place, str]) -> list[Segment]:
    """The segments of the whole record, in order. Raises EvidenceError, or the ledger's faults."""
    (last,) = reading.execute("SELECT coalesce(max(position), 0) FROM entries").fetchone()
    if last < SHARED_FROM or not sys.executable:
        return [Pass(reading, expected, Erased.read(reading)).over(0, last)]
    middle = int(last * _OWN_SHARE)
    task = {"url": url, "snapshot": snapshot, "first": middle, "last": last}
    task["expected"] = [[writer.decode(), *rest] for (writer, *rest) in _flat(expected)]
    program = f"import sys; sys.path[:] = {sys.path!r}; {_MAIN}"
    with subprocess.Popen(  # noqa: S603 this interpreter, with nothing from outside
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        try:
            if other.stdin:
                other.stdin.write(json.dumps(task).encode())
                other.stdin.close()
            own = Pass(reading, expected, Erased.read(reading)).over(0, middle)
            told = other.stdout.read() if other.stdout else b""
        except BaseException:
            other.kill()
            raise
    return [own, _from_json(told)]


def main() -> None:
    """The other process: reads what to check, prints what it found."""
    task = json.load(sys.stdin)
    expected = {(writer.encode(), seq): hash_ for writer, seq, hash_ in task["expected"]}
    place = ledger_of(task["url"])
    reading = place.open_to_read(raw=True)
    try:
        reading.begin(task["snapshot"])
        erased = Erased.read(reading)
        answer = _to_json(Pass(reading, expected, erased).over(task["first"], task["last"]))
    except place.faults as error:
        answer = json.dumps({"error": place.explain(error)})
    finally:
        reading.close()
    sys.stdout.write(answer)


def join(database: str, segments: list[Segment]) -> Segment:
    """All as one, with each writer's chain followed across the seams, from its genesis on."""
    whole = Segment()
    for segment in segments:
        for problem in _seams(database, whole, segment):
            whole.add(problem)
        whole.ends |= segment.ends
        whole.met |= segment.met
        whole.entries += segment.entries
        whole.erased += segment.erased
        whole.opened += segment.opened
        whole.marks += segment.marks
        for group, number in segment.counts.items():
            whole.counts[group] = whole.counts.get(group, 0) + number
        for problem in segment.problems:
            whole.add(problem)
        whole.found += segment.found - len(segment.problems)
    return whole


def _seams(database: str, before: Segment, segment: Segment) -> Iterator[Problem]:
    for writer, (seq, prev) in segment.starts.items():
        end = before.ends.get(writer) or (0, chain.genesis(database, text(writer)))
        what = misplaced(seq, prev, *end)
        if what:
            yield Problem(text(writer), seq, what, COPY)


def _flat(expected: dict[Place, str]) -> Iterator[tuple[Any, ...]]:
    for (writer, seq), hash_ in expected.items():
        yield writer, seq, hash_


_NUMBERS: Final = ("entries", "erased", "opened", "marks", "found")


def _to_json(segment: Segment) -> str:
    """Bytes become characters of the same numbers: they need not be text."""

    def plain(value: Any) -> Any:
        return value.decode("latin-1") if isinstance(value, bytes) else value

    def rows(table: dict[Any, Any]) -> list[Any]:
        return [
            [[plain(part) for part in _parts(key)], [plain(part) for part in _parts(value)]]
            for key, value in table.items()
        ]

    problems = [[p.writer, p.seq, p.what, p.cure] for p in segment.problems]
    tables = {name: rows(getattr(segment, name)) for name in ("starts", "ends", "counts")}
    numbers = {name: getattr(segment, name) for name in _NUMBERS}
    met = [[plain(writer), seq] for writer, seq in segment.met]
    return json.dumps({**numbers, **tables, "met": met, "problems": problems})


def _from_json(told: bytes) -> Segment:
    try:
        value = json.loads(told)
        if "error" in value:
            raise EvidenceError(value["error"])
    except ValueError:
        raise EvidenceError("evidence: the second process of `verify` died; try again") from None

    def link(pair: list[Any]) -> Any:
        return (pair[0], _raw(pair[1]))

    return Segment(
        **{name: value[name] for name in _NUMBERS},
        starts={_raw(key[0]): link(pair) for key, pair in value["starts"]},
        ends={_raw(key[0]): link(pair) for key, pair in value["ends"]},
        counts={
            (_raw(a), _raw(b), _raw(c), _raw(d)): number[0]
            for (a, b, c, d), number in value["counts"]
        },
        met={(_raw(writer), seq) for writer, seq in value["met"]},
        problems=[Problem(*problem) for problem in value["problems"]],
    )


def _raw(value: Any) -> Any:
    return value.encode("latin-1") if isinstance(value, str) else value


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
