"""A scan on several processes, with the same bytes out as on one.

Batches go to the workers in turn and are fetched in turn, so their order needs no bookkeeping, and
memory holds one batch a worker.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from remit.cli.records import Scanner
from remit.cli.scanning import Answers, Line, answer
from remit.cli.terminal import CannotRunError
from remit.enforce import compile_policy
from remit.policy import load
from remit.types import Stage

_END_SECONDS = 5.0


def spread(
    batches: Iterator[list[Line]], remit: str, stage: Stage, workers: int
) -> Iterator[Answers]:
    """The answers in the order of the batches. Raises CannotRunError where a worker dies."""
    started: list[tuple[SpawnProcess, Connection]] = []
    try:
        _start(started, remit, stage, workers)
        yield from _in_turn(batches, deque(pipe for _, pipe in started))
    except (EOFError, ConnectionError):
        raise CannotRunError(
            "a worker process died, of memory perhaps; use fewer --workers"
        ) from None
    finally:
        _end(started)


def _start(
    started: list[tuple[SpawnProcess, Connection]], remit: str, stage: Stage, workers: int
) -> None:
    context = multiprocessing.get_context("spawn")
    # Ctrl-C reaches the whole process group, and the parent decides. What is ignored here stays
    # ignored in the workers, from their first moment on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for number in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(theirs, remit, stage.value), name=f"remit-scan-{number}"
            )
            process.start()
            theirs.close()
            started.append((process, ours))
    finally:
        signal.signal(signal.SIGINT, before)


def _in_turn(batches: Iterator[list[Line]], idle: deque[Connection]) -> Iterator[Answers]:
    busy: deque[Connection] = deque()
    try:
        for batch in batches:
            if not idle:
                yield _fetch(busy, idle)
            pipe = idle.popleft()
            pipe.send(batch)
            busy.append(pipe)
    except CannotRunError:
        while busy:
            yield _fetch(busy, idle)
        raise
    while busy:
        yield _fetch(busy, idle)


def _fetch(busy: deque[Connection], idle: deque[Connection]) -> Answers:
    pipe = busy.popleft()
    answers: Answers = pipe.recv()
    idle.append(pipe)
    return answers


def _end(started: list[tuple[SpawnProcess, Connection]]) -> None:
    """A worker ends by itself once its pipe is closed."""
    for _, pipe in started:
        pipe.close()
    for process, _ in started:
        process.join(_END_SECONDS)
        if process.is_alive():
            process.terminate()
            process.join()


def _work(pipe: Connection, remit: str, stage: str) -> None:
    scanner = Scanner(compile_policy(load(remit)), Stage(stage))
    with suppress(EOFError, ConnectionError):
        while True:
            pipe.send(answer(scanner, pipe.recv()))
