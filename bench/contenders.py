"""The programs under test: how each is started, and what its process tree costs."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from load import is_right
from sample import MODEL, PACED_MODEL, request_body

HERE = Path(__file__).resolve().parent
ADDRESS = re.compile(r"^(\d+)$|http://(?:127\.0\.0\.1|localhost):(\d+)", re.MULTILINE)
START_SECONDS = 180.0


class BenchError(RuntimeError):
    """A run cannot go on; the message names the contender and the cure."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A gateway to start. `port` is 0 where the program picks one and prints it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of all threads, those that ended too.

    Linux has a clock for each process, numbered after its id (clock_getcpuclockid(3)); it counts
    nanoseconds, where the accounting that psutil reads counts hundredths of a second.
    """
    if sys.platform == "linux":
        return time.clock_gettime((~process.pid << 3) | 2)
    spent = process.cpu_times()
    return float(spent.user + spent.system)


@dataclass(frozen=True, slots=True)
class Running:
    """A started contender. `cold` is the seconds from its start to its first right answer."""

    name: str
    url: str
    process: psutil.Popen
    cold: float = 0.0

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of the tree so far."""
        return sum(cpu_seconds(process) for process in self.tree())

    def resident_mb(self) -> float:
        """Resident memory of the tree, in MB of 10^6 bytes."""
        return float(sum(process.memory_info().rss for process in self.tree())) / 1e6


def free_port() -> int:
    """A port that was free just now, for programs that cannot pick one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cores() -> tuple[int | None, int | None]:
    """The core for the contender and the core for mock and load; None where pinning is not to be.

    macOS has no pinning, and on one core there is nothing to choose.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None, None
    first, second, *_ = sorted(os.sched_getaffinity(0))
    return first, second


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started inside runs on `core` alone; None leaves the choice to the system."""
    if core is None or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def answer(port: int) -> bytes | None:
    """The body of one whole answer; None while nobody answers with 200 yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", request_body(stream=False), headers)
        response = connection.getresponse()
        body = response.read()
        return body if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def printed_port(contender: Contender, log: Path) -> int:
    """The first port in the log that is the contender's own; 0 while there is none.

    A gateway may name its upstream too: taken for the gateway, the mock would look like a miracle.
    """
    given = " ".join(contender.command)
    for found in ADDRESS.finditer(log.read_text(errors="replace")):
        port = found[1] or found[2]
        if f":{port}" not in given:
            return int(port)
    return 0


def wait_for_answer(contender: Contender, process: psutil.Popen, log: Path) -> int:
    """The port, once a right answer came from it. Raises BenchError where none comes."""
    deadline = time.monotonic() + START_SECONDS
    port = contender.port
    while time.monotonic() < deadline and process.poll() is None:
        port = port or printed_port(contender, log)
        if port and (body := answer(port)) is not None:
            if is_right(body, stream=False):
                return port
            said = body[:300].decode(errors="replace")
            raise BenchError(
                f"{contender.name} changed the answer, so it can't be compared: {said}"
            )
        time.sleep(0.01)
    tail = log.read_text(errors="replace")[-2000:]
    raise BenchError(f"{contender.name} gave no answer; its last words:\n{tail}")


@contextlib.contextmanager
def running(contender: Contender, core: int | None, folder: Path) -> Iterator[Running]:
    """Starts a contender, waits for its first answer, and stops its whole tree at the end."""
    log = folder / f"{contender.name}-{time.monotonic_ns()}.log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **contender.environment}
    with log.open("wb") as output, on_core(core):
        start = time.perf_counter()
        process = psutil.Popen(
            contender.command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        port = wait_for_answer(contender, process, log)
        cold = time.perf_counter() - start
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        yield Running(contender.name, url, process, cold)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except psutil.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def mock() -> Contender:
    """The upstream; on its own, it is the contender `direct`."""
    return Contender("direct", (sys.executable, str(HERE / "mock_upstream.py")))


def aiohttp(upstream: str) -> Contender:
    """The bare pass-through."""
    script = str(HERE / "passthrough_aiohttp.py")
    return Contender("aiohttp", (sys.executable, script, "--upstream", upstream))


def remit(program: Path, policy: Path, upstream: str, evidence: Path) -> Contender:
    """The gateway of this project, one worker, with a durable record in `evidence`."""
    place = ("--port", "0", "--workers", "1", "--evidence", str(evidence))
    return Contender("remit", (str(program), "serve", str(policy), "--upstream", upstream, *place))


def litellm(environment: Path, upstream: str, folder: Path) -> Contender:
    """LiteLLM's proxy without a key, a database or a guardrail, and with its quietest log.

    It reads its price list from its own package: fetched from the network, as is its default,
    the start would wait for a time-out on a machine that is offline.
    """
    model = "  - model_name: {0}\n    litellm_params: {{model: openai/{0}, api_base: '{1}', {2}}}\n"
    models = "".join(model.format(name, upstream, "api_key: none") for name in (MODEL, PACED_MODEL))
    config = folder / "litellm.yaml"
    config.write_text(f"model_list:\n{models}")
    port = free_port()
    place = ("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
    return Contender(
        "litellm",
        (str(environment / "bin" / "litellm"), "--config", str(config), *place),
        {
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_TELEMETRY": "False",
        },
        port,
    )
