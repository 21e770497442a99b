"""Several processes that do the same work, kept going by their parent until it is stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess

Work = Callable[[int], None]
GRACE_SECONDS = 10.0
_RESTART_SECONDS = 1.0


def keep_going(work: Work, count: int, say: Callable[[str], None]) -> None:
    """Runs `work(number)` in `count` processes; one that ends is started anew.

    Returns once SIGINT or SIGTERM came and all have ended; they are sent SIGTERM, and have some
    seconds more than `GRACE_SECONDS` to finish.
    """
    stopping = threading.Event()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: stopping.set())
    workers = [_start(work, number) for number in range(count)]
    while not stopping.wait(0.2):
        for number, process in enumerate(workers):
            if not process.is_alive():
                say(f"worker {number} ended with {process.exitcode}; starting it again")
                stopping.wait(_RESTART_SECONDS)
                workers[number] = _start(work, number)
    for process in workers:
        process.terminate()
    for process in workers:
        process.join(GRACE_SECONDS + 2)
        if process.is_alive():
            process.kill()


def _start(work: Work, number: int) -> BaseProcess:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_followed, args=(work, number), name=f"remit-{number}")
    process.start()
    return process


def _followed(work: Work, number: int) -> None:
    threading.Thread(target=_follow_parent, name="remit-parent", daemon=True).start()
    work(number)


def _follow_parent() -> None:
    """Stops this worker when its parent is gone: nobody would ever stop it otherwise."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
