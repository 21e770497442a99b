"""What happens now: one reading of the record for all pages that are open in this process.

It reads only while somebody looks. Each looker has a bounded queue; one that falls behind is told
that it missed something, and asks for the page anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from remit.evidence import Evidence, EvidenceError, Stored

LOOKERS_MOST: Final = 64
PAUSE_SECONDS: Final = 0.4
_BATCHES: Final = 32
_ENTRIES: Final = 200


class Missed:
    """Stands in a queue for what was dropped from it."""


Batch = tuple[Stored, ...] | Missed
MISSED: Final = Missed()


class Feed:
    """New entries of the record, in batches, for whoever looks."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._lookers: set[asyncio.Queue[Batch | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.reading = False
        """Whether what is written from now on reaches those who look."""

    @property
    def full(self) -> bool:
        """Whether as many look as may."""
        return self._closed or len(self._lookers) >= LOOKERS_MOST

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[asyncio.Queue[Batch | None]]:
        """A queue of batches from now on; None in it means that the feed is closed."""
        queue: asyncio.Queue[Batch | None] = asyncio.Queue(_BATCHES)
        self._lookers.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._read())
        try:
            yield queue
        finally:
            self._lookers.discard(queue)

    async def close(self) -> None:
        """Tells all that look that it is over."""
        self._closed = True
        for queue in self._lookers:
            _put(queue, None)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _read(self) -> None:
        cursor = await asyncio.to_thread(self._evidence.heads)
        self.reading = True
        while self._lookers:
            try:
                followed = await asyncio.to_thread(self._evidence.follow, cursor, limit=_ENTRIES)
            except EvidenceError:
                await asyncio.sleep(PAUSE_SECONDS)  # the pages themselves say what is wrong
                continue
            cursor = followed.cursor
            if followed.entries:
                for queue in tuple(self._lookers):
                    _put(queue, tuple(followed.entries))
            if len(followed.entries) < _ENTRIES:
                await asyncio.sleep(PAUSE_SECONDS)
        self.reading = False


def _put(queue: asyncio.Queue[Batch | None], item: Batch | None) -> None:
    """Puts an item; where there is no room, drops what waits and leaves the mark that it did."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(MISSED)
    queue.put_nowait(item)
