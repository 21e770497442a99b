"""Work that outlasts a request: in a thread, its progress kept where every worker can read it.

A page begins it and other visits look at how far it is, perhaps in another process: so progress
and result are state of the store, bounded, and outside the chain. One job of a name runs at a
time. A job is a generator: it ends between two steps, when it is asked to or its time is over.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from remit.evidence import CaseError, Evidence, EvidenceError, stamp
from remit.policy import PolicyError
from remit.types import Json

AT_ONCE: Final = 2
RESULT_MOST: Final = 400_000
"""Bytes of a result at most."""

_NOTED_SECONDS: Final = 0.4
_SILENT: Final = timedelta(seconds=20)
_RUNNING: Final = "running"


class JobError(CaseError):
    """The work cannot be begun now; the message says what to wait for."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job has come: `done` of `of` things (0 where nobody knows), and what it found."""

    done: int
    of: int
    result: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """A job as it was last noted.

    `state` is running, done, stopped (by a person), late (its time was over; the result is that
    of the part done), failed (`why` says how) or lost (its process ended).
    """

    state: str
    who: str
    began: str
    updated: str
    done: int = 0
    of: int = 0
    why: str = ""
    result: Json = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """True while it is to be waited for."""
        return self.state == _RUNNING


class Jobs:
    """The jobs of one process, and a look at those of all."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._closing = threading.Event()
        self._threads: set[threading.Thread] = set()

    def begin(
        self, name: str, who: str, work: Callable[[], Iterator[Step]], *, seconds: float = 120.0
    ) -> None:
        """Begins what may take so long. Raises JobError where it runs, or as many others as may."""
        found = self.progress(name)
        if found is not None and found.running:
            raise JobError("it runs already; wait for its end, or stop it")
        if not self._free.acquire(blocking=False):
            raise JobError(f"{AT_ONCE} other jobs run in this process; wait for one to end")
        now = stamp()
        progress = Progress(_RUNNING, who, now, now)
        self._keep(name, progress)
        self._state(_stop(name), value=False)
        thread = threading.Thread(
            target=self._run,
            args=(name, progress, work, seconds),
            name=f"remit-{name}",
            daemon=True,
        )
        self._threads.add(thread)
        thread.start()

    def progress(self, name: str) -> Progress | None:
        """How far the job of this name is or was; None where there was none."""
        value = self._evidence.state(_key(name))
        if not isinstance(value, dict):
            return None
        progress = Progress(**value)
        silent = datetime.now(UTC) - datetime.fromisoformat(progress.updated)
        return (
            replace(progress, state="lost") if progress.running and silent > _SILENT else progress
        )

    def stop(self, name: str) -> None:
        """Asks it to end after its next step, in whichever process it runs."""
        self._state(_stop(name), value=True)

    def close(self) -> None:
        """Ends what runs in this process, within a step; waits for it a short while."""
        self._closing.set()
        for thread in list(self._threads):
            thread.join(2.0)

    # In the job's own thread from here on.

    def _run(
        self, name: str, progress: Progress, work: Callable[[], Iterator[Step]], seconds: float
    ) -> None:
        try:
            for noted in self._steps(name, progress, work, time.monotonic() + seconds):
                self._keep(name, noted)
        except EvidenceError:
            pass  # nothing can be noted; whoever looks finds it silent, and so lost
        finally:
            self._free.release()
            self._threads.discard(threading.current_thread())

    def _steps(
        self, name: str, progress: Progress, work: Callable[[], Iterator[Step]], end: float
    ) -> Iterator[Progress]:
        """What is to be noted: a step now and then, and the end."""
        noted = time.monotonic()
        try:
            for step in work():
                progress = replace(
                    progress, done=step.done, of=step.of, result=_bounded(step.result)
                )
                if self._closing.is_set() or time.monotonic() > end:
                    yield self._ended(progress, "lost" if self._closing.is_set() else "late")
                    return
                if time.monotonic() - noted > _NOTED_SECONDS:
                    if self._evidence.state(_stop(name)):
                        yield self._ended(progress, "stopped")
                        return
                    yield replace(progress, updated=stamp())
                    noted = time.monotonic()
        except (PolicyError, EvidenceError, ValueError, OSError) as error:
            yield replace(self._ended(progress, "failed"), why=str(error)[:2_000])
            return
        yield self._ended(progress, "done")

    def _ended(self, progress: Progress, state: str) -> Progress:
        return replace(progress, state=state, updated=stamp())

    def _keep(self, name: str, progress: Progress) -> None:
        self._state(_key(name), value=asdict(progress))

    def _state(self, key: str, value: object) -> None:
        asyncio.run(self._evidence.keep_state(key, value))


def _bounded(result: Json) -> Json:
    size = len(orjson.dumps(result))
    return result if size <= RESULT_MOST else {"error": f"the result has {size:,} bytes"}


def _key(name: str) -> str:
    return f"job/{name}"


def _stop(name: str) -> str:
    return f"job/{name}/stop"
