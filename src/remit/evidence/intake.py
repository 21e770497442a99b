"""Where jobs wait for the writer's thread, and when that thread is woken.

A job from an event loop wakes nobody: it waits until the loop has come round once, and whatever
else was appended meanwhile goes with it. One wake-up then serves them all. Woken for each append,
the thread would fight the loop for Python's lock each time, and would find one job or two to
commit, where a commit costs much and a further row in it little.
"""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from typing import NamedTuple

from remit.evidence.database import Change
from remit.evidence.outcomes import AnyFuture
from remit.evidence.record import Draft


class Job(NamedTuple):
    """Drafts that belong together, and who waits for them; `change` goes with the last draft.

    Without drafts it is a change that no entry tells. `told` says whether it raises the pulse.
    """

    drafts: tuple[Draft, ...]
    change: Change | None
    future: AnyFuture
    told: bool = True


class Intake:
    """Jobs in the order given. Any thread may put; one thread waits and takes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._jobs: deque[Job] = deque()
        self._calls: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._calling: asyncio.AbstractEventLoop | None = None

    @property
    def full(self) -> bool:
        """True while as many jobs wait as may."""
        return len(self._jobs) >= self.limit

    def put(self, job: Job) -> None:
        """Adds a job. In an event loop, its own loop must be the one that runs."""
        self._jobs.append(job)
        if isinstance(job.future, asyncio.Future):
            self._call_soon(job.future.get_loop())
        else:
            self.call()

    def call(self) -> None:
        """Wakes the thread that waits."""
        self._calls.put(item=True)

    def end(self) -> None:
        """Wakes it for the last time."""
        self._calls.put(item=False)

    def wait(self) -> bool:
        """Returns at the next call; False where it was the last."""
        return self._calls.get()

    def take(self, most: int) -> list[Job]:
        """The first jobs, up to `most`; perhaps none."""
        jobs = self._jobs
        return [jobs.popleft() for _ in range(min(len(jobs), most))]

    def _call_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        # Only a loop itself names itself here, and clears the name before it calls. So a loop that
        # finds its own name has a call to come; finding another's, it makes one call too many.
        if self._calling is not loop:
            loop.call_soon(self._called_soon)
            self._calling = loop

    def _called_soon(self) -> None:
        self._calling = None
        self.call()
