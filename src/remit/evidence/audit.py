"""What a record says of itself beside its entries, against them: heads, cases, marks and counts.

Each function yields problems; `verify` puts them together. Ledgers here read text as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from remit.evidence.cases import State
from remit.evidence.erased import Erased
from remit.evidence.keys import Keys, opened, opened_text
from remit.evidence.ledger import Reading
from remit.evidence.problems import COPY, Problem
from remit.evidence.record import SEALED, marks_of
from remit.evidence.segment import Segment, mark_number, text

_REBUILD: Final = "look-ups by rule and day may mislead: " + COPY
_COLUMNS: Final = (
    "time", "due", "rule", "owner", "colleague", "question", "state", "answer", "who", "updated",
    "kind", "receipt", "conversation", "subject", "fallback", "outcome", "notify",
)  # fmt: skip
_CASES: Final = f"SELECT id, {', '.join(_COLUMNS)} FROM cases"  # noqa: S608
# An answer that was allowed is about no rule, and is passed over fast: its marks, if any, are
# looked at one by one.
_MARKS: Final = (
    "SELECT m.rule, m.time, m.writer, m.seq, m.kind, m.action, e.action,"
    " CASE e.action WHEN 'allow' THEN e.body END FROM marks AS m LEFT JOIN entries AS e"
    " ON m.kind = 'answer' AND e.kind = 'answer' AND e.writer = m.writer AND e.seq = m.seq"
)


def head_problems(reading: Reading, segment: Segment) -> Iterator[Problem]:
    """The ends of the chains against the heads that were noted with each commit."""
    left = dict(segment.ends)
    for writer, seq, hash_ in reading.execute("SELECT writer, seq, hash FROM heads"):
        end = left.pop(writer, (0, b""))
        if end != (seq, hash_):
            what = f"its chain should end here, and ends at {end[0]}: entries cut off or added"
            yield Problem(text(writer), seq, what, COPY)
    for writer, (seq, _) in left.items():
        yield Problem(text(writer), seq, "its chain has no head", COPY)


def mark_problems(reading: Reading, segment: Segment) -> Iterator[Problem]:
    """The marks, by which a rule's entries are found, and the counts of each day."""
    total = 0
    for *mark, allowed, body in reading.stream(_MARKS):
        if allowed != b"allow":
            total += mark_number(*mark)
        elif body is not None and not _is_marked(body, *mark):
            yield Problem(text(mark[2]), mark[3], f"is not about rule {text(mark[0])}", _REBUILD)
    if total != segment.marks:
        yield Problem("", 0, "the marks differ from the entries", _REBUILD)
    rows = reading.stream("SELECT writer, day, kind, action, number FROM counts")
    if {tuple(group): number for *group, number in rows} != segment.counts:
        yield Problem("", 0, "the counts differ from the entries", _REBUILD)


def _is_marked(body: bytes, rule: bytes, *rest: Any) -> bool:
    try:
        return body.startswith(SEALED) or rule.decode() in marks_of(orjson.loads(body), "")
    except (ValueError, AttributeError):
        return False


def case_problems(
    reading: Reading, erased: Erased, segment: Segment, keys: Keys | None
) -> Iterator[Problem]:
    """Each case against the entries that say how it came to be as it is.

    Of one whose entries were erased, or are sealed without a key, what is left: state and times.
    """
    cases = 0
    for id_, *columns in reading.stream(_CASES):
        cases += 1
        case = dict(zip(_COLUMNS, columns, strict=True))
        try:
            right = _is_as_recorded(case, _steps(reading, id_), erased, keys)
        except (ValueError, LookupError, TypeError, AttributeError):
            right = False
        if not right:
            yield Problem("", 0, f"case {text(id_)} differs from its entries", COPY)
    if cases != segment.opened:
        yield Problem("", 0, f"{segment.opened} cases were opened, and {cases} are there", COPY)


def _steps(reading: Reading, id_: bytes) -> dict[State, Sequence[Any]]:
    """The entries of a case: writer, seq, time, body."""
    steps: dict[State, Sequence[Any]] = {}
    for state in State:
        sql = "SELECT writer, seq, time, body FROM entries WHERE id = ? AND kind = 'case'"
        for row in reading.execute(sql, (f"{text(id_)}/{state}",)).fetchall():
            steps[state] = row
    return steps


def _is_as_recorded(
    case: dict[str, bytes],
    steps: dict[State, Sequence[Any]],
    erased: Erased,
    keys: Keys | None,
) -> bool:
    state, last = list(steps.items())[-1]
    left = (str(state).encode(), steps[State.OPEN][2], last[2])
    if left != (case["state"], case["time"], case["updated"]):
        return False
    bodies = {}
    for step, (writer, seq, time, body) in steps.items():
        if body is None:
            return erased.covers(writer, seq, time, b"case")
        plain = opened(body, keys)
        if plain is None:
            return True
        bodies[step] = orjson.loads(plain)
    for name, lost in (("question", "{}"), ("answer", "")):
        case[name] = opened_text(case[name].decode(), keys, lost).encode()
    return case == _replayed(bodies)


def _replayed(steps: dict[State, Any]) -> dict[str, bytes]:
    """A case's columns, as its entries tell them."""
    opened_, state = steps[State.OPEN], list(steps)[-1]
    case, last = opened_["case"], steps[state]
    answer = steps[State.ANSWERED]["case"]["text"] if State.ANSWERED in steps else ""
    outcomes = [step["case"].get("outcome") for step in steps.values()]
    texts = {
        "time": opened_["time"],
        "rule": opened_["rule"],
        "question": orjson.dumps(case["question"]).decode(),
        "state": str(state),
        "answer": answer,
        "who": last.get("who", ""),
        "updated": last["time"],
        "subject": opened_.get("subject", ""),
        "outcome": next(filter(None, reversed(outcomes)), ""),
        **{name: case[name] for name in ("due", "owner", "colleague")},
        # Cases of version 1 of the format say none of these.
        "kind": case.get("kind", "handoff"),
        **{name: case.get(name, "") for name in ("receipt", "conversation", "fallback", "notify")},
    }
    return {name: value.encode() for name, value in texts.items()}
