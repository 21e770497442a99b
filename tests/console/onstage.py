"""A console in a real server and a real browser: served from a thread, looked at by Chromium."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firm import PASSWORD, Scene

from remit.http.server import serve

AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.map(
    (v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`
  );
}"""


@contextmanager
def served(scene: Scene) -> Iterator[str]:
    """The console on a free port of the loopback; gives its address."""
    started, stop = threading.Event(), []
    address: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        async with await serve(scene.console) as server:
            address.append(f"http://127.0.0.1:{server.port}")
            stop.append(lambda: loop.call_soon_threadsafe(ended.set_result, None))
            started.set()
            await ended
            await scene.console.drain()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    started.wait(10)
    try:
        yield address[0]
    finally:
        stop[0]()
        thread.join()


@dataclass
class Seat:
    """A browser before the stage. Whatever should not happen is written into `events`."""

    chromium: Any
    url: str
    events: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def page(self, width: int = 1280, *, dark: bool = False, height: int = 900) -> Any:
        """A new browser window. Faults of any page are noted."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            bypass_csp=False,
        )
        self.contexts.append(context)
        page = context.new_page()
        note = self.events.append
        page.on("dialog", lambda d: (note(f"dialog {d.message}"), d.dismiss()))
        page.on("console", lambda m: m.type == "error" and note(f"console {m.text}"))
        page.on("pageerror", lambda e: note(f"page error {e}"))
        page.on("request", lambda r: r.url.startswith(self.url) or note(f"request {r.url}"))
        return page

    def inside(self, name: str = "ada", **how: Any) -> Any:
        """A window in which `name` is logged in, at the overview."""
        page = self.page(**how)
        page.goto(f"{self.url}/console/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{self.url}/console/")
        return page

    def close(self) -> None:
        """Closes every window."""
        for context in self.contexts:
            context.close()


def faults(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it stands.

    Its script comes in through the debugging protocol, which the content policy does not bind.
    """
    import axe_core_python

    script = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
    page.evaluate(script)
    return list(page.evaluate(AXE))
