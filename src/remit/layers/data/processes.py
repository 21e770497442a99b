"""Tasks on processes of this machine. A worker that dies is noticed and its task done again."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from remit.layers.data.plan import Job
from remit.layers.data.sources import Shard
from remit.layers.data.streams import Seen

_ATTEMPTS = 3
_TELL_BYTES = 1_000_000
_END_SECONDS = 5.0
_PRELOADED = "remit.layers.data.shard"


class WorkError(Exception):
    """A task could not be done; the message says which and why. What was done stays done."""


@dataclass(frozen=True, slots=True)
class Task:
    """A function of this package, and the shard it is given."""

    do: Callable[[Shard, Job, Seen], None]
    shard: Shard

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.shard.source.path}, part {self.shard.part}"


def alone(tasks: Iterable[Task], job: Job, seen: Seen) -> None:
    """Does the tasks here, one after the other."""
    for task in tasks:
        task.do(task.shard, job, seen)


def spread(tasks: Iterable[Task], job: Job, seen: Seen, workers: int) -> None:
    """Does the tasks on so many processes, in any order.

    Raises WorkError where a task fails, or its worker died three times (of memory, perhaps).
    """
    crew = _Crew(job, deque(tasks), seen)
    try:
        for _ in range(min(workers, len(crew.waiting))):
            crew.start()
        while crew.busy:
            for pipe in wait(list(crew.busy)):
                assert isinstance(pipe, Connection)  # noqa: S101  nothing else was waited for
                crew.hear(pipe)
    finally:
        crew.end()


def warm() -> None:
    """Begins the process that workers are forked from: it imports while this one does other things.

    Workers that are spawned would import all of it each; workers forked from here would inherit
    threads in the middle of whatever they do.
    """
    with _deaf():
        multiprocessing.get_context("forkserver").set_forkserver_preload([_PRELOADED])
        forkserver.ensure_running()


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C reaches the whole process group, and the parent decides.

    What is ignored here stays ignored in a process begun here, from its first moment on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread has signals
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Crew:
    """The workers and what each is at."""

    def __init__(self, job: Job, waiting: deque[Task], seen: Seen) -> None:
        self.waiting = waiting
        self.busy: dict[Connection, tuple[ForkServerProcess, Task]] = {}
        self._job, self._seen = job, seen
        self._idle: list[tuple[ForkServerProcess, Connection]] = []
        self._lost: Counter[Task] = Counter()

    def start(self) -> None:
        """One more worker, at work."""
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        with _deaf():
            process = context.Process(target=_work, args=(theirs, self._job), name="remit-filter")
            process.start()
        theirs.close()
        self._give(process, ours)

    def _give(self, process: ForkServerProcess, pipe: Connection) -> None:
        if not self.waiting:
            self._idle.append((process, pipe))
            return
        task = self.waiting.popleft()
        self.busy[pipe] = process, task
        try:
            pipe.send((task.do, task.shard))
        except OSError:  # it died after its last task
            self._bury(pipe)

    def hear(self, pipe: Connection) -> None:
        """What a worker says, or its death."""
        process, task = self.busy[pipe]
        try:
            word, said = pipe.recv()
        except (EOFError, OSError):
            self._bury(pipe)
            return
        if word == "seen":
            self._seen(said)
        elif word == "failed":
            raise WorkError(f"{task.name}: {said}")
        else:
            del self.busy[pipe]
            self._give(process, pipe)

    def _bury(self, pipe: Connection) -> None:
        process, task = self.busy.pop(pipe)
        pipe.close()
        process.join()
        self._lost[task] += 1
        if self._lost[task] == _ATTEMPTS:
            raise WorkError(
                f"{task.name}: the worker died {_ATTEMPTS} times (exit code {process.exitcode}), "
                "of memory perhaps; use fewer --workers, and run it again to resume"
            )
        self.waiting.appendleft(task)
        self.start()

    def end(self) -> None:
        """A worker may be stopped at any moment: what it had not finished is done again."""
        for pipe, (process, _) in self.busy.items():
            process.terminate()
            pipe.close()
        for _, pipe in self._idle:
            pipe.close()
        for process in [p for p, _ in self.busy.values()] + [p for p, _ in self._idle]:
            process.join(_END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()


def _work(pipe: Connection, job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server may be older than this run
    told = 0

    def seen(size: int) -> None:
        nonlocal told
        told += size
        if told >= _TELL_BYTES:
            pipe.send(("seen", told))
            told = 0

    try:
        while True:
            do, shard = pipe.recv()
            try:
                do(shard, job, seen)
                pipe.send(("seen", told))
                told = 0
                pipe.send(("done", None))
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001  told to the parent, who names the shard
                pipe.send(("failed", f"{type(error).__name__}: {error}"))
    except (EOFError, ConnectionError):
        return
