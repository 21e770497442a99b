"""What people see: safe text, problems with their source line, tables, progress."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.policy import Loaded, Problem

_SHOWN = 100
_PROGRESS_SECONDS = 0.5


class CannotRunError(Exception):
    """It cannot be done; the message names the thing and the cure. Exit code 3."""


class MisuseError(Exception):
    """The command makes no sense as given; the message names the cure. Exit code 2."""


def say(text: str = "") -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")


def say_json(value: Any) -> None:
    """A result for machines: JSON, indented."""
    import json

    say(json.dumps(value, indent=2, ensure_ascii=False))


def complain(text: str) -> None:
    """A line about what went wrong, on stderr."""
    sys.stderr.write(f"remit: {text}\n")
    sys.stderr.flush()


def safe(text: str) -> str:
    """Text that cannot move the cursor or change colours: control characters become dots."""
    return "".join(char if char.isprintable() else "·" for char in text)


# --- Problems of a remit ----------------------------------------------------------------------


def remit_of(path: str) -> Loaded:
    """Loads a remit; where it is refused, says why and ends the command."""
    from remit.policy import PolicyError, load

    try:
        return load(path)
    except PolicyError as error:
        raise refusal(error.problems) from None


def refusal(problems: Sequence[Problem]) -> SystemExit:
    """Shows the problems on stderr; raise the answer to end the command."""
    for problem in problems:
        sys.stderr.write(shown(problem, source_lines(problem.file)) + "\n")
    sys.stderr.flush()
    return SystemExit(exit_code(problems))


def exit_code(problems: Iterable[Problem]) -> int:
    """3 where the file cannot be read, 1 where there is an error, else 0."""
    listed = list(problems)
    if any(problem.code == "unreadable" for problem in listed):
        return 3
    return int(any(problem.level == "error" for problem in listed))


def source_lines(path: str) -> list[str]:
    """The lines of a file, for showing; none where it cannot be read."""
    try:
        return Path(path).read_text("utf-8-sig", "replace").split("\n")
    except OSError:
        return []


def shown(problem: Problem, lines: Sequence[str]) -> str:
    """A problem with its source line and a caret under the place."""
    head = f"{safe(str(problem))} [{problem.code}]"
    if not 0 < problem.mark.line <= len(lines):
        return head
    line = safe(lines[problem.mark.line - 1].replace("\t", " ").rstrip("\r"))
    start = max(0, problem.mark.column - _SHOWN + 20)
    visible = line[start : start + _SHOWN]
    before = visible[: problem.mark.column - 1 - start]
    number = str(problem.mark.line)
    margin = " " * len(number)
    return f"{head}\n  {number} | {visible}\n  {margin} | {' ' * width(before)}^"


def width(text: str) -> int:
    """Columns that a text takes on a terminal (Unicode UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Rows in columns; the first row is the heading."""
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        padded = (cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


# --- Progress ---------------------------------------------------------------------------------


class Progress:
    """Counts on stderr, only where that is a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._on = sys.stderr.isatty()
        self._start = self._next = time.monotonic()
        self._count = 0

    def add(self, count: int) -> None:
        """So many more are done."""
        self._count += count
        if self._on and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            self._show()

    def end(self) -> None:
        """The final count."""
        if self._on:
            self._show()
            sys.stderr.write("\n")

    def _show(self) -> None:
        rate = self._count / max(time.monotonic() - self._start, 1e-6)
        sys.stderr.write(f"\r{self._count:,} {self._what}, {rate:,.0f}/s ")
        sys.stderr.flush()
