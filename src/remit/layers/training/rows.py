"""The rows that train, JSON Lines on disk in TRL's own columns, provenance in `meta`.

    sft          {prompt, completion} or {messages}
    dpo, reward  {prompt, chosen, rejected, margin?}
    kto          {prompt, completion, label}
    rloo, grpo   {prompt, …}: further columns reach the reward

A prompt is a text or a list of messages; then completions are texts or lists of messages too. A row
that does not have this shape is refused with its line: a training that passes over rows in silence
is a training on other data than its card says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from remit.types import Json

LINE_BYTES = 8 << 20
FILE_BYTES = 8 << 30
_SHOWN = 5

_COLUMNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sft": (("prompt", "completion"), ("messages",)),
    "dpo": (("prompt", "chosen", "rejected"),),
    "reward": (("prompt", "chosen", "rejected"),),
    "kto": (("prompt", "completion", "label"),),
    "rloo": (("prompt",),),
    "grpo": (("prompt",),),
}
_ROLES = ("system", "user", "assistant", "tool", "developer")


class RowsError(ValueError):
    """Rows that cannot train; the message names file, line and cure."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file of rows: its name, the SHA-256 of its bytes, and how many rows it holds."""

    name: str
    sha256: str
    rows: int

    def to_json(self) -> Json:
        """As it stands in a run's `data.json`."""
        return {"name": self.name, "sha256": self.sha256, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in their order, and where they came from."""

    rows: tuple[Json, ...]
    origins: tuple[Origin, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Json]:
        return iter(self.rows)

    @property
    def digest(self) -> str:
        """SHA-256 of the rows themselves, in order, however they were written."""
        seen = hashlib.sha256()
        for row in self.rows:
            seen.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
            seen.update(b"\n")
        return seen.hexdigest()


def read_rows(paths: Iterable[Path | str], method: str) -> Rows:
    """All rows of the files, checked for the method's columns. Raises RowsError."""
    rows: list[Json] = []
    origins = []
    for path in map(Path, paths):
        read, origin = _read(path, method)
        rows += read
        origins.append(origin)
    if not rows:
        raise RowsError(
            f"{', '.join(map(str, paths))}: no rows; nothing can be learnt from nothing"
        )
    return Rows(tuple(rows), tuple(origins))


def rows_of(values: Sequence[Json], method: str, name: str = "rows") -> Rows:
    """Rows at hand, checked for the method's columns. Raises RowsError."""
    faults = [(at, _fault(value, method)) for at, value in enumerate(values, 1)]
    _refuse(name, [(at, fault) for at, fault in faults if fault], method)
    digest = hashlib.sha256()
    for value in values:
        digest.update(orjson.dumps(value) + b"\n")
    return Rows(tuple(values), (Origin(name, digest.hexdigest(), len(values)),))


def write_rows(path: Path, values: Iterable[Json]) -> Origin:
    """Writes rows as JSON Lines."""
    digest, count = hashlib.sha256(), 0
    with path.open("wb") as file:
        for value in values:
            line = orjson.dumps(value) + b"\n"
            digest.update(line)
            file.write(line)
            count += 1
    return Origin(path.name, digest.hexdigest(), count)


def _read(path: Path, method: str) -> tuple[list[Json], Origin]:
    rows: list[Json] = []
    faults: list[tuple[int, str]] = []
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_BYTES + 1):
                number += 1
                size += len(line)
                digest.update(line)
                if len(line) > LINE_BYTES or size > FILE_BYTES:
                    raise RowsError(_too_much(path, number, line_too_long=len(line) > LINE_BYTES))
                row = _parsed(line, method)
                if isinstance(row, str):
                    faults.append((number, row))
                elif row is not None:
                    rows.append(row)
    except OSError as error:
        raise RowsError(f"{path}: {error.strerror}; name a file of JSON Lines") from None
    _refuse(str(path), faults, method)
    return rows, Origin(path.name, digest.hexdigest(), len(rows))


def _too_much(path: Path, number: int, *, line_too_long: bool) -> str:
    if line_too_long:
        return f"{path}:{number}: longer than {LINE_BYTES:,} bytes; cut the row"
    return f"{path}: more than {FILE_BYTES:,} bytes; split it and train on part after part"


def _parsed(line: bytes, method: str) -> Json | str | None:
    if not line.strip():
        return None
    try:
        value: Any = orjson.loads(line)
    except ValueError as error:
        return f"no JSON: {error}"
    return _fault(value, method) or value


def _refuse(name: str, faults: Sequence[tuple[int, str]], method: str) -> None:
    if not faults:
        return
    lines = [f"{name}:{number}: {fault}" for number, fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines.append(f"{name}: and {len(faults) - _SHOWN:,} rows more")
    shape = " or ".join("{" + ", ".join(columns) + "}" for columns in _COLUMNS[method])
    lines.append(f"rows for {method} are {shape}; mend them, or leave them out knowingly")
    raise RowsError("\n".join(lines))


def _fault(value: object, method: str) -> str:
    if not isinstance(value, dict):
        return "no object"
    wanted = next((c for c in _COLUMNS[method] if all(n in value for n in c)), None)
    if wanted is None:
        absent = [name for name in _COLUMNS[method][0] if name not in value]
        return f"lacks {', '.join(absent)}"
    for name in wanted:
        if name == "label":
            if type(value[name]) is not bool:
                return "label is neither true nor false"
        elif fault := _text_fault(value[name], name):
            return fault
    return _margin_fault(value.get("margin"))


def _margin_fault(margin: object) -> str:
    if margin is None or (isinstance(margin, int | float) and not isinstance(margin, bool)):
        return ""
    return "margin is no number"


def _text_fault(value: object, name: str) -> str:
    if isinstance(value, str):
        return "" if name != "messages" else "messages is a text, and should be a list"
    if not isinstance(value, list) or not value:
        return f"{name} is neither a text nor a list of messages"
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            return f"{name} has a message without a text as content"
        if message.get("role") not in _ROLES:
            return f"{name} has a message whose role is none of {', '.join(_ROLES)}"
    if name == "messages" and value[-1]["role"] != "assistant":
        return "messages do not end with the assistant's, so there is nothing to learn"
    return ""
