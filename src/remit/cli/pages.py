"""A small server of pages on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer


@contextmanager
def ended_by_interrupt(server: BaseServer) -> Iterator[None]:
    """Within it Ctrl-C ends `serve_forever`, also one that has not begun yet.

    By a handler and not by KeyboardInterrupt: that may rise where Python can only ignore it, and
    then nothing would ever end.
    """
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if not stopping.is_set():
            stopping.set()
            threading.Thread(target=server.shutdown, daemon=True).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
