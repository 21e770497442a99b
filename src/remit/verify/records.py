"""The append-only record of a run: every sample whole, so that a killed run can go on.

JSON Lines: the first line says what the run is, each other one is a sample. A sample counts once
it is a complete line; what was under way when the process died is played again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from remit.types import Json, Message
from remit.verify.cases import Case, Grade, Transcript

FORMAT = 1
_MAX_LINE = 64_000_000
_MAX_NUMBER = 1_000_000_000


class RecordError(Exception):
    """The record cannot be used; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One case, played once and graded. `number` is its place in the target's plan."""

    number: int
    target: str
    repeat: int
    transcript: Transcript
    grade: Grade

    @property
    def case(self) -> Case:
        """What was played."""
        return self.transcript.case

    @property
    def failed(self) -> bool:
        """True where it was not played to its end, and no violation was seen before."""
        return bool(self.transcript.error) and self.grade.label != "violated"


class Done:
    """Which numbers were played: a bit each, so that a million of them take 125 KB."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (number & 7) & 1)

    def add(self, number: int) -> bool:
        """Marks a number; False where it was marked already."""
        if number in self:
            return False
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits) + 4096))
        self._bits[place] |= 1 << (number & 7)
        self.count += 1
        return True


# --- One line ------------------------------------------------------------------------------------


def line(sample: Sample) -> bytes:
    """A sample as its line. Lone surrogates, which JSON cannot hold, become question marks."""
    value = to_json(sample)
    try:
        return orjson.dumps(value) + b"\n"
    except TypeError:
        return orjson.dumps(encodable(value)) + b"\n"


def to_json(sample: Sample) -> Json:
    """A sample as JSON values."""
    played, case, grade = sample.transcript, sample.case, sample.grade
    value: Json = {
        "n": sample.number,
        "target": sample.target,
        "repeat": sample.repeat,
        "case": case.id,
        "seed": case.seed,
        "rule": case.rule,
        "aim": case.aim,
        "suite": case.suite,
        "attack": case.attack,
        "language": case.language,
        "label": grade.label,
        "refusal": grade.refusal,
        "by": grade.by,
        "score": grade.score,
        "reason": grade.reason,
        "error": played.error,
        "finish": played.finish,
        "served_by": played.served_by,
        "tokens": [played.tokens_in, played.tokens_out],
        "seconds": round(played.seconds, 4),
        "opening": len(case.opening),
        "messages": [
            [m.role, m.text, m.name] if m.name else [m.role, m.text] for m in played.messages
        ],
    }
    if case.confidential:
        value["confidential"] = list(case.confidential)
    if case.meta:
        value["meta"] = case.meta
    return value


def from_json(value: Mapping[str, Any]) -> Sample:
    """A sample from its line. Raises KeyError, TypeError or ValueError where it is none."""
    messages = tuple(Message(*map(str, part)) for part in value["messages"])
    cut = int(value["opening"])
    case = Case(
        str(value["case"]),
        str(value["seed"]),
        str(value["rule"]),
        value["aim"] if value["aim"] in ("break", "keep") else _none("aim", value["aim"]),
        tuple(m.text for m in messages[cut:] if m.role == "user"),
        messages[:cut],
        tuple(map(str, value.get("confidential", ()))),
        str(value["suite"]),
        str(value["attack"]),
        str(value["language"]),
        {str(k): str(v) for k, v in value.get("meta", {}).items()},
    )
    tokens_in, tokens_out = value["tokens"]
    played = Transcript(
        case,
        messages,
        str(value["error"]),
        str(value["finish"]),
        str(value["served_by"]),
        int(tokens_in),
        int(tokens_out),
        float(value["seconds"]),
    )
    if not 0 <= int(value["n"]) < _MAX_NUMBER:
        _none("n", value["n"])
    target, repeat = str(value["target"]), int(value["repeat"])
    return Sample(int(value["n"]), target, repeat, played, _grade(value))


def _grade(value: Mapping[str, Any]) -> Grade:
    if value["label"] not in ("violated", "held", "undecided"):
        _none("label", value["label"])
    if value["refusal"] not in ("full", "partial", "none"):
        _none("refusal", value["refusal"])
    by, reason = str(value["by"]), str(value["reason"])
    return Grade(value["label"], value["refusal"], by, float(value["score"]), reason)


def _none(key: str, value: object) -> Any:
    raise ValueError(f"{key} cannot be {value!r}")


def encodable(value: Any) -> Any:
    """JSON values with a question mark for each lone surrogate, which UTF-8 has no place for."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [encodable(part) for part in value]
    return value


# --- Reading -------------------------------------------------------------------------------------


def read_plan(path: str | Path) -> Json:
    """The first line. Raises RecordError and OSError."""
    with Path(path).open("rb") as file:
        return plan_line(file, path)


def read(path: str | Path) -> Iterator[Sample]:
    """All samples of a record. A broken tail is passed over. Raises RecordError and OSError."""
    with Path(path).open("rb") as file:
        plan_line(file, path)
        for sample, _ in samples(file, path):
            yield sample


def plan_line(file: BinaryIO, path: str | Path) -> Json:
    try:
        value = orjson.loads(file.readline(_MAX_LINE))
        if value["remit-verify"] != FORMAT:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        message = f"{path} is no record of `remit verify`, format {FORMAT}; name another file"
        raise RecordError(message) from None
    return dict(value)


def samples(file: BinaryIO, path: str | Path) -> Iterator[tuple[Sample, int]]:
    """Each sample with the place in the file where it ends."""
    end, number = file.tell(), 1
    while data := file.readline(_MAX_LINE):
        number += 1
        try:
            if not data.endswith(b"\n"):
                raise ValueError("no end of line")
            sample = from_json(orjson.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if not file.read(1):
                return  # what was being written when the process died
            message = f"{path}:{number}: damaged ({error}); start afresh with another --record"
            raise RecordError(message) from None
        end += len(data)
        yield sample, end
