"""A gateway in a process of its own, for tests that kill it."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from remit.gateway.options import ServeOptions
from remit.gateway.run import run

_SECONDS = 30.0


@dataclass
class Launched:
    """A running gateway: its process, its port, and what it said."""

    process: subprocess.Popen[str]
    port: int
    said: list[str] = field(default_factory=list)


@contextmanager
def launched(remit_path: object, **options: Any) -> Iterator[Launched]:
    """Starts `remit serve` with these options, on any free port unless one is given."""
    given = {
        "remit_path": str(remit_path),
        "port": 0,
        "console": False,
        "monitor": False,
        **options,
    }
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(given)], stdout=subprocess.PIPE, text=True
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: [said.append(line) for line in process.stdout])
    reader.start()
    try:
        yield Launched(process, _port(process, said), said)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def _port(process: subprocess.Popen[str], said: list[str]) -> int:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"API +https?://\S+:(\d+)/v1", "".join(said))
        if found:
            return int(found[1])
        time.sleep(0.01)
    raise AssertionError(f"the gateway did not start: {''.join(said)}")


if __name__ == "__main__":
    sys.exit(run(ServeOptions(**json.loads(sys.argv[1])), lambda line: print(line, flush=True)))
