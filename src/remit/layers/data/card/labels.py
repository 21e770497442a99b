"""What people say of sampled rows: one line a label, only ever added to, read by `bounds` too.

A later label of the same person on the same row takes the place of the earlier one; both stay in
the file. `right` is true, false, or null where the person cannot tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from remit.types import Json

NAME = "labels.jsonl"
_MOST = 64_000_000


class LabelFileError(Exception):
    """The labels cannot be used; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Label:
    """One person's answer on one row. `row` is its SHA-256, `sample` is found or near.

    For a found row `right` says that the step was right to mark it, for a near one that it was
    right not to. `drawn` says which samples it is of: the step's, its language's, or both.
    """

    rule: str
    row: str
    right: bool | None
    sample: str
    drawn: tuple[str, ...]
    language: str
    rater: str
    note: str = ""
    policy: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """Of `of` sampled rows, what people came to. `open`: they cannot tell, or differ."""

    right: int = 0
    wrong: int = 0
    open: int = 0
    of: int = 0

    @property
    def labelled(self) -> int:
        """Rows that somebody looked at."""
        return self.right + self.wrong + self.open


def append(path: Path, label: Label) -> None:
    """Puts a label on the disk before it returns. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(orjson.dumps(asdict(label)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[Label]:
    """The labels that hold: the last of each person on each row; none where there is no file.

    Lines that are priors for `bounds`, or the beginning of a label that a crash cut off, are
    passed over. Raises LabelFileError for anything else.
    """
    try:
        if path.stat().st_size > _MOST:
            raise LabelFileError(f"{path} is larger than {_MOST:,} bytes; take old labels out")
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    held: dict[tuple[str, str, str, str], Label] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or _torn(line):
            continue
        try:
            label = _label(orjson.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise LabelFileError(
                f"{path}:{number} is no label ({error}); mend or remove it"
            ) from None
        if label is not None:
            held[label.rule, label.sample, label.row, label.rater] = label
    return list(held.values())


def settled(rights: Iterable[bool | None]) -> bool | None:
    """What people came to: more than half say so. None where they differ or cannot tell."""
    said = list(rights)
    for wanted in (True, False):
        if 2 * said.count(wanted) > len(said):
            return wanted
    return None


def counted(items: Iterable[Json], labels: Iterable[Label]) -> Count:
    """What people came to on sampled rows."""
    said: dict[tuple[str, str, str], list[bool | None]] = {}
    for label in labels:
        said.setdefault((label.rule, label.sample, label.row), []).append(label.right)
    right = wrong = undecided = of = 0
    for item in items:
        of += 1
        place = item["step"], item["sample"], item["sha256"]
        if place in said:
            answer = settled(said[place])
            right += answer is True
            wrong += answer is False
            undecided += answer is None
    return Count(right, wrong, undecided, of)


def _torn(line: bytes) -> bool:
    return line.startswith(b'{"rule":') and not line.endswith(b"}")


def _label(value: Mapping[str, Any]) -> Label | None:
    if not isinstance(value, dict) or not isinstance(value.get("rule"), str):
        raise TypeError("no rule is named")
    if "right" not in value or "rater" not in value:
        return None
    label = Label(**{**value, "drawn": tuple(value["drawn"])})
    texts = (label.row, label.sample, label.language, label.rater, label.note)
    if label.right not in (True, False, None) or not all(isinstance(t, str) for t in texts):
        raise ValueError("a value that no label has")
    return label


def within(items: Iterable[Json], sample: str, step: str) -> Iterator[Json]:
    """The rows of a step's own sample: those that its bound is computed from."""
    for item in items:
        if item["step"] == step and item["sample"] == sample and "step" in item["drawn"]:
            yield item
