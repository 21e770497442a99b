"""`remit scan`: JSON Lines in, verdicts out, in order, in constant memory."""

from __future__ import annotations

import argparse
import gzip
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from remit.cli.terminal import CannotRunError, MisuseError, Progress, complain, refusal, remit_of

if TYPE_CHECKING:
    from remit.enforce import Enforcer
    from remit.types import Stage

MAX_LINE = 64_000_000
"""Bytes of a line at most; a longer one is skipped and answered with an error."""

BATCH_LINES = 256
BATCH_BYTES = 1_000_000
_EXAMPLES = """\
examples:
  remit scan remit.yaml --stage output < replies.jsonl > verdicts.jsonl
  remit scan remit.yaml --stage data corpus.jsonl.gz --workers 4 > verdicts.jsonl
  echo '{"id": 1, "text": "You should sue."}' | remit scan remit.yaml --stage output

reads a line each:   {"id": …, "text": "…"}
                     {"id": …, "messages": [{"role": "user", "content": "…"}, …],
                      "confidential": ["what must not come back out"]}
writes a line each:  {"id": …, "action": "…", "rules": {RULE: {"action", "score", "spans",
                      "failure"?}}, "policy": "…"}

The last message is judged. Spans count characters of its text. A line that cannot be judged
becomes {"line": N, "error": "…"}, and the rest goes on. Blank lines are passed over. gzip is
recognised by itself. On a pipe each line is answered at once.

Exit code 0, also where rules are broken; with --strict 1 where a line could not be judged.
"""


class Line(NamedTuple):
    """A line with its place; `error` where it was not even readable as a line."""

    number: int
    source: str
    data: bytes
    error: str = ""


def add(commands: Any) -> None:
    """Adds the command."""
    scan = commands.add_parser(
        "scan",
        help="judge texts: JSON Lines in, JSON Lines out",
        description="Judges every line by the rules of a stage.",
        epilog=_EXAMPLES,
    )
    scan.add_argument("remit", metavar="REMIT")
    scan.add_argument("files", nargs="*", metavar="FILE", help="default: standard input")
    scan.add_argument("--stage", required=True, choices=("data", "input", "output", "tool"))
    scan.add_argument("--workers", type=int, default=1, metavar="N", help="processes; default 1")
    scan.add_argument("--strict", action="store_true", help="exit code 1 on unreadable lines")
    scan.set_defaults(run=_scan)


def _scan(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.types import Stage

    if not 1 <= arguments.workers <= 256:
        raise MisuseError("scan: --workers must be from 1 to 256")
    stage = Stage(arguments.stage)
    enforcer = _compiled(arguments.remit)
    _tell_models(enforcer, stage)
    progress, unreadable, out = Progress("lines"), 0, sys.stdout.buffer
    live = arguments.workers == 1 and _live(arguments.files)
    batches = _batches(_all_lines(arguments.files), 1 if live else BATCH_LINES)
    for answers, count, failures in _answers(batches, enforcer, stage, arguments):
        out.write(answers)
        if live:
            out.flush()
        progress.add(count)
        unreadable += failures
    out.flush()
    progress.end()
    if unreadable:
        complain(f"{unreadable} lines could not be judged; each has an error in its place")
    return int(arguments.strict and unreadable > 0)


def _compiled(path: str) -> Enforcer:
    from remit.enforce import compile_policy
    from remit.policy import PolicyError

    try:
        return compile_policy(remit_of(path))
    except PolicyError as error:
        raise refusal(error.problems) from None


def _tell_models(enforcer: Enforcer, stage: Stage) -> None:
    """No model is asked here, so what only a model can judge fails; say so beforehand."""
    waiting = {rule.id for asked in enforcer.asked(stage) if asked.slow for rule in asked.rules}
    if waiting:
        complain(f"no model is asked in a scan, so each line has a failure for {_list(waiting)}")


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))


# --- Lines ---------------------------------------------------------------------------------------


def _all_lines(files: list[str]) -> Iterator[Line]:
    if not files:
        yield from lines(_stdin(), "")
        return
    # All of them are opened once beforehand: a misspelt name should not show after an hour.
    for name in files:
        if name != "-":
            Path(name).open("rb").close()
    for name in files:
        source = name if len(files) > 1 else ""
        if name == "-":
            yield from lines(_stdin(), source)
            continue
        with Path(name).open("rb") as file:
            yield from lines(file, source)


def lines(file: BinaryIO, source: str, most: int = MAX_LINE) -> Iterator[Line]:
    """The lines of a file, plain or gzip, each of at most `most` bytes. Blank ones are left out.

    Raises CannotRunError where a gzip stream is damaged, after the lines before the damage.
    """
    peek = getattr(file, "peek", lambda size: b"")
    if peek(2)[:2] == b"\x1f\x8b":
        file = cast(BinaryIO, gzip.GzipFile(fileobj=cast(IO[bytes], file)))
    number = 0
    try:
        while data := file.readline(most + 1):
            number += 1
            if len(data) > most and not data.endswith(b"\n"):
                _skip_line(file, most)
                yield Line(number, source, b"", f"the line is longer than {most:,} bytes")
                continue
            if number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            if not data.isspace():
                yield Line(number, source, data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"the gzip stream is damaged after line {number} ({error})"
        yield Line(number + 1, source, b"", message)
        raise CannotRunError(f"{source or 'input'}: {message}; fetch it again") from None


def _live(files: list[str]) -> bool:
    """True where whoever writes the input may wait for each answer before the next line."""
    reads_stdin = not files or "-" in files
    return reads_stdin and not stat.S_ISREG(os.fstat(_stdin().fileno()).st_mode)


def _stdin() -> BinaryIO:
    if sys.stdin is None:  # Python's sign that it was closed before the start
        raise MisuseError("scan: standard input is closed; name a file")
    return sys.stdin.buffer


def _skip_line(file: BinaryIO, most: int) -> None:
    while data := file.readline(min(most, 1_000_000)):
        if data.endswith(b"\n"):
            return


def _batches(source: Iterator[Line], most: int) -> Iterator[list[Line]]:
    """Lines in lists, small enough to hold and to hand over. What came before an error is kept."""
    batch: list[Line] = []
    size = 0
    try:
        for line in source:
            batch.append(line)
            size += len(line.data)
            if len(batch) >= most or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except CannotRunError:
        yield batch
        raise
    if batch:
        yield batch


# --- Judging -------------------------------------------------------------------------------------

Answers = tuple[bytes, int, int]  # the answers, how many, and how many of them are errors


def _answers(
    batches: Iterator[list[Line]], enforcer: Enforcer, stage: Stage, arguments: argparse.Namespace
) -> Iterator[Answers]:
    if arguments.workers > 1:
        from remit.cli.workers import spread

        yield from spread(batches, arguments.remit, stage, arguments.workers)
        return
    from remit.cli.records import Scanner

    scanner = Scanner(enforcer, stage)
    for batch in batches:
        yield answer(scanner, batch)


def answer(scanner: Any, batch: list[Line]) -> Answers:
    """The answers to a batch, in order."""
    from remit.cli.records import failed

    out = [
        failed(line.number, line.error, line.source)
        if line.error
        else scanner.answer(line.data, line.number, line.source)
        for line in batch
    ]
    return b"".join(out), len(out), sum(text.startswith(b'{"line":') for text in out)
