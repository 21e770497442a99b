"""What people say of graded replies: one line a label, only ever added to.

A later label of the same rater on the same item takes the place of the earlier one; both stay in
the file. A line broken by a crash at the file's end is left out, and the next label starts anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from remit.verify.cases import Label, Refusal

Part = Literal["random", "flagged"]
_MOST = 64_000_000


class LabelError(Exception):
    """The labels cannot be used; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """One person's answer about one item, beside what the graders had said and who they were.

    `part` says how the item was drawn: at random from all replies of its rule, or because the
    graders had flagged it. `undecided` is a person who cannot tell. `at` is Unix time.
    """

    item: str
    rule: str
    rater: str
    label: Label
    judged: Label
    by: str
    part: Part
    refusal: Refusal | None = None
    judged_refusal: Refusal = "none"
    at: float = 0.0


def append(path: Path, label: HumanLabel) -> None:
    """Puts a label on the disk before it returns. Raises OSError."""
    value = {name: getattr(label, name) for name in HumanLabel.__slots__}
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(orjson.dumps(value) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[HumanLabel]:
    """The labels that hold, the last of each rater on each item; none where there is no file.

    Raises LabelError where a line that is not the last is no label.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    if len(content) > _MOST:
        raise LabelError(f"{path} is larger than {_MOST} bytes; split it by rule")
    held: dict[tuple[str, str], HumanLabel] = {}
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            label = _label(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            if number == len(lines) or _torn(line):
                continue
            raise LabelError(f"{path}:{number} is no label ({error}); mend or remove it") from None
        held[label.item, label.rater] = label
    return list(held.values())


def settled(labels: Iterable[HumanLabel]) -> dict[str, HumanLabel | None]:
    """What people came to, per item; None where they differ or cannot tell.

    The majority decides, so a third rater settles what two dispute. One rater alone decides too:
    how far that can be trusted is what agreement says of the items that two have seen.
    """
    items: dict[str, list[HumanLabel]] = {}
    for label in labels:
        items.setdefault(label.item, []).append(label)
    return {item: _majority(given) for item, given in items.items()}


def _majority(given: list[HumanLabel]) -> HumanLabel | None:
    for wanted in ("violated", "held"):
        chosen = [label for label in given if label.label == wanted]
        if 2 * len(chosen) > len(given):
            return replace(chosen[0], rater="")
    return None


def _torn(line: bytes) -> bool:
    """True for the beginning of a label that a crash cut off."""
    return line.startswith(b'{"item":') and not line.endswith(b"}")


def _label(value: Mapping[str, Any]) -> HumanLabel:
    label = HumanLabel(**value)
    texts = (label.item, label.rule, label.rater, label.by)
    known = label.label in get_args(Label) and label.judged in get_args(Label)
    known = known and label.part in get_args(Part)
    known = known and label.judged_refusal in get_args(Refusal)
    known = known and (label.refusal is None or label.refusal in get_args(Refusal))
    if not known or not all(isinstance(text, str) for text in texts):
        raise ValueError("a value that no label has")
    return label
