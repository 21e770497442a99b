"""Starting and stopping: one process, or a parent that keeps several workers going."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from remit import __version__
from remit.evidence import Evidence, EvidenceError
from remit.gateway.app import Gateway
from remit.gateway.building import build, models_of, rebuilt
from remit.gateway.control import Control, live_remit
from remit.gateway.deployment import Deployment
from remit.gateway.keys import KeyFileError, Keyring, load_keys
from remit.gateway.notify import Notifier
from remit.gateway.options import ServeOptions, StartError, is_loopback
from remit.gateway.page import tries
from remit.gateway.watching import monitoring, watch
from remit.gateway.workers import GRACE_SECONDS, keep_going
from remit.http.server import serve

Say = Callable[[str], None]
# New objects between two collections; Python's own 700 are made by three answers or four.
_COLLECTED_AT = 10_000


def run(options: ServeOptions, say: Say = print) -> int:
    """Serves until interrupted. Raises StartError and PolicyError where it refuses to start."""
    _check_address(options)
    if options.workers == 1:
        return _run_loop(serve_until_stopped(options, say))
    return _run_workers(options, say)


def _run_loop(coroutine: Any) -> int:
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(coroutine)
    return 0


def _check_address(options: ServeOptions) -> None:
    if options.keys is not None or is_loopback(options.host):
        return
    raise StartError(
        f"{options.host} can be reached from outside, and anybody could ask; give clients keys "
        "(`remit keys add NAME --file keys.json`, then --keys keys.json) or serve on 127.0.0.1"
    )


# --- one process --------------------------------------------------------------------------------


async def serve_until_stopped(
    options: ServeOptions,
    say: Say | None,
    sock: socket.socket | None = None,
    worker: int = 0,
) -> None:
    """Serves in this process until SIGINT or SIGTERM. `say` is told the address, if given."""
    evidence = _open_evidence(options)
    try:
        keyring = _keyring(options)
        gateway, deployments = build(options, evidence, keyring, worker)
        mount(gateway, evidence, options)
        monitor, told = monitoring(gateway.deployments, evidence, options.outward)
        tells = told.alerts if options.monitor else None
        control = Control(gateway.deployments, evidence, partial(rebuilt, options), tells)
        await control.refresh()  # what is in force is so from the first request on
        server = await _listen(options, gateway, sock)
    except BaseException:
        evidence.close()
        raise
    working = [asyncio.create_task(control.run())]
    if keyring is not None:
        notifier = Notifier(evidence, keyring.keys, gateway.deployments[""].current)
        working.append(asyncio.create_task(notifier.run()))
    if options.monitor:
        working.append(asyncio.create_task(watch(gateway.deployments, monitor, told)))
    try:
        for deployment in gateway.deployments.values():
            await evidence.append(deployment.start_record())
        if say is not None:
            console, leads = await _console_path(gateway), _leads(options, deployments[0])
            _announce(say, options, server.port, gateway.deployments[""], console, leads)
        _settle_memory()
        await _stopped()
        if gateway.console is not None:
            await gateway.console.drain()
        await server.close(GRACE_SECONDS)
    finally:
        await _ended(working)
        if gateway.console is not None:
            await gateway.console.close()
        for model in models_of(deployments):
            await model.close()
        evidence.close()


def _settle_memory() -> None:
    """Spares the collector what lives as long as the process, and answers: few hold a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AT)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(options: ServeOptions, gateway: Gateway, sock: socket.socket | None) -> Any:
    context = None
    if options.tls_certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    try:
        return await serve(gateway, options.host, options.port, ssl=context, sock=sock)
    except OSError as error:
        raise _taken(options, error) from None


def _taken(options: ServeOptions, error: OSError) -> StartError:
    return StartError(
        f"cannot serve on {options.host}:{options.port} ({error.strerror}); "
        "choose another with --port, or 0 for any free one"
    )


async def _stopped() -> None:
    loop = asyncio.get_running_loop()
    stop = loop.create_future()

    def on_signal() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    await stop


def _open_evidence(options: ServeOptions) -> Evidence:
    try:
        return Evidence.open(options.evidence, keys=options.person_keys)
    except EvidenceError as error:
        raise StartError(f"{error}; give another place with --evidence PATH") from None


def _keyring(options: ServeOptions) -> Keyring | None:
    if options.keys is None:
        return None
    try:
        return Keyring(load_keys(options.keys), options.workers)
    except KeyFileError as error:
        raise StartError(str(error)) from None


def mount(gateway: Gateway, evidence: Evidence, options: ServeOptions) -> None:
    """Gives the gateway the pages for people, unless the options say otherwise."""
    if not options.console:
        return
    from remit.console import Console, Live
    from remit.console.shadow import Shadow

    def live() -> Live:
        default = gateway.deployments[""]
        return Live(default.guard.policy, default.text)

    gateway.deployments[""].shadow = Shadow(evidence)
    gateway.console = Console(evidence, live, secure=options.tls_certificate is not None)


async def _console_path(gateway: Gateway) -> str:
    """Where people begin: while there is no account, a path that makes the first one, once."""
    if gateway.console is None:
        return ""
    return await gateway.console.invitation() or "/console/"


def _leads(options: ServeOptions, written: Deployment) -> str:
    """What is to be said where another remit than the file's is served."""
    live = live_remit(written.evidence)
    if live is None or live[0] == written.guard.policy.digest:
        return ""
    return f"the one signed off in the console, {live[0][:12]}, and not {options.remit_path}"


def _announce(
    say: Say,
    options: ServeOptions,
    port: int,
    deployment: Deployment,
    console: str,
    leads: str,
) -> None:
    scheme = "https" if options.tls_certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    policy = deployment.guard.policy
    address = f"{scheme}://{host}:{port}"
    say(f"Remit {__version__}: {policy.organisation}, {len(policy.rules)} rules")
    say(f"  page      {address}/" if options.keys is None else f"  address   {address}")
    say(f"  API       {address}/v1  (OpenAI chat completions)")
    say(f"  model     {deployment.upstream}")
    say(f"  evidence  {deployment.evidence.name}")
    if leads:
        say(f"  remit     {leads}")
    if console:
        say(f"  console   {address}{console}")
    things = tries(deployment)
    if things and options.keys is None:
        say("Three things to try:")
        for thing in things:
            say(f"  - {thing}")
    say("Ctrl-C stops it.")
    sys.stdout.flush()


# --- several workers ----------------------------------------------------------------------------


def _run_workers(options: ServeOptions, say: Say) -> int:
    with _bind(options) as sock:
        # What would stop a worker from starting stops the parent first, with a readable message.
        with _open_evidence(options) as evidence:
            gateway, deployments = build(options, evidence, _keyring(options))
            mount(gateway, evidence, options)
            console, leads = asyncio.run(_console_path(gateway)), _leads(options, deployments[0])
        _announce(say, options, sock.getsockname()[1], deployments[0], console, leads)
        keep_going(partial(_worker, options, sock), options.workers, say)
    return 0


def _bind(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((options.host, options.port))
    except OSError as error:
        sock.close()
        raise _taken(options, error) from None
    sock.listen(1024)
    return sock


def _worker(options: ServeOptions, sock: socket.socket, number: int) -> None:
    _run_loop(serve_until_stopped(options, None, sock, number))
