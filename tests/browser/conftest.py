"""The page in a real browser, over a stand-in for the gateway."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from standin import Desk, serve


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A stand-in gateway on a free port of the loopback."""
    desk = Desk()
    server = serve(desk)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield desk
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Watched:
    """A page under watch: whatever a hostile text might achieve is written down here."""

    page: Any
    events: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium: Any, desk: Desk) -> Iterator[Callable[..., Watched]]:
    """Opens the page: `visit(width=…, dark=…)`; fails the test on any dialog or console error."""
    opened: list[tuple[Any, Watched]] = []

    def visit(width: int = 1440, height: int = 900, *, dark: bool = False) -> Watched:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        watched = Watched(context.new_page())
        note = watched.events.append
        watched.page.on("dialog", lambda d: (note(f"dialog {d.message}"), d.dismiss()))
        watched.page.on("console", lambda m: m.type == "error" and note(f"console {m.text}"))
        watched.page.on("pageerror", lambda e: note(f"page error {e}"))
        watched.page.on("request", lambda r: r.url.startswith(desk.url) or note(f"request {r.url}"))
        watched.page.on("requestfailed", lambda r: note(f"broken off {r.url}"))
        watched.page.goto(desk.url)
        opened.append((context, watched))
        return watched

    yield visit
    for context, _ in opened:
        context.close()
