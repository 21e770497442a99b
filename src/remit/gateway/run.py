"""Starting and stopping: one process, or a parent that keeps several workers going."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from remit import __version__
from remit.detectors.registry import registry
from remit.enforce import Enforcer
from remit.evidence import Evidence, EvidenceError, new_id, stamp
from remit.gateway.app import Gateway
from remit.gateway.deployment import Deployment
from remit.gateway.keys import KeyFileError, Keyring, load_keys
from remit.gateway.metrics import Metrics
from remit.gateway.options import ServeOptions, StartError, is_loopback
from remit.gateway.page import tries
from remit.gateway.workers import GRACE_SECONDS, keep_going
from remit.http.server import serve
from remit.layers.guard import Guard
from remit.layers.prompt import PromptError, canary
from remit.models.asking import Asking
from remit.models.base import Model
from remit.types import Stage

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
        server = await _listen(options, gateway, sock)
    except BaseException:
        evidence.close()
        raise
    try:
        await _note_start(evidence, deployments, options)
        if say is not None:
            _announce(say, options, server.port, deployments[0])
        _settle_memory()
        await _stopped()
        await server.close(GRACE_SECONDS)
    finally:
        for deployment in deployments:
            await deployment.model.close()
        evidence.close()


def _settle_memory() -> None:
    """Spares the collector what lives as long as the process, and answers: few hold a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AT)


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
        return Evidence.open(options.evidence)
    except EvidenceError as error:
        raise StartError(f"{error}; give another place with --evidence PATH") from None


def _keyring(options: ServeOptions) -> Keyring | None:
    if options.keys is None:
        return None
    try:
        return Keyring(load_keys(options.keys), options.workers)
    except KeyFileError as error:
        raise StartError(str(error)) from None


def build(
    options: ServeOptions, evidence: Evidence, keyring: Keyring | None, worker: int = 0
) -> tuple[Gateway, list[Deployment]]:
    """The gateway and its deployments, the default one first."""
    paths = sorted({key.remit for key in keyring.keys if key.remit}) if keyring else []
    default = _deployment(options, options.remit_path, evidence)
    others = {path: _deployment(options, path, evidence) for path in paths}
    gateway = Gateway(default, others, keyring, Metrics(worker))
    return gateway, [default, *others.values()]


def _deployment(options: ServeOptions, path: str, evidence: Evidence) -> Deployment:
    judges = _judges(options)
    cache = Path(options.cache) if options.cache else None
    guard = Guard.load(path, kinds=registry(), models=judges, cache=cache)
    guard.prepare()
    _check_judges(guard.enforcer, judges)
    model = _model(options)
    has_rules = bool(guard.policy.rules)
    deployment = Deployment(
        guard=guard,
        model=model,
        evidence=evidence,
        # The secret lives as long as the process: a marker that leaked is worth nothing later.
        canary=canary(secrets.token_bytes(32), guard.policy.digest) if has_rules else "",
        upstream=options.upstream if "://" not in options.upstream else model.name,
        demonstration=options.upstream == "house",
        model_id=options.model or ("remit-house-demo" if options.upstream == "house" else ""),
    )
    try:
        _ = deployment.instructions
    except PromptError as error:
        raise StartError(f"{path}: {error}, under delivery: {{prompt_tokens: …}}") from None
    return deployment


def _judges(options: ServeOptions) -> dict[str, Asking]:
    if options.judge is None:
        return {}
    from remit.models.openai import OpenAICompatible

    address, _, name = options.judge.partition(",")
    model = OpenAICompatible(address, options.api_key)
    return {"default": Asking(model, name or "default")}


def _check_judges(enforcer: Enforcer, judges: dict[str, Asking]) -> None:
    """Law 8: a rule that nobody can judge stops the start, not the first client."""
    for stage in (Stage.INPUT, Stage.OUTPUT, Stage.TOOL):
        for asked in enforcer.asked(stage):
            if asked.slow is not None and asked.kind == "judge" and not judges:
                rules = ", ".join(rule.id for rule in asked.rules)
                raise StartError(
                    f"rule {rules}: detected by a judge, and there is none; give --judge URL,MODEL"
                )


def _model(options: ServeOptions) -> Model:
    if options.upstream == "house":
        from remit.models.house import House

        return House.load()
    if options.upstream == "scripted":
        from remit.models.scripted import Scripted, ScriptError

        try:
            return Scripted.from_file(options.script) if options.script else Scripted.echo()
        except (ScriptError, OSError) as error:
            raise StartError(f"script {options.script}: {error}") from None
    from remit.models.openai import OpenAICompatible

    if not options.upstream.startswith(("http://", "https://")):
        raise StartError(
            f"no upstream '{options.upstream}'; give house, scripted, or an address such as "
            "http://localhost:11434/v1"
        )
    try:
        forwards = options.api_key is None and options.keys is None
        return OpenAICompatible(options.upstream, options.api_key, forward_authorization=forwards)
    except ValueError as error:
        raise StartError(f"upstream {options.upstream}: {error}") from None


async def _note_start(
    evidence: Evidence, deployments: list[Deployment], options: ServeOptions
) -> None:
    """The record says when which policy came into force."""
    for deployment in deployments:
        policy = deployment.guard.policy
        await evidence.append(
            {
                "id": f"start_{new_id()}",
                "time": stamp(),
                "kind": "start",
                "remit": __version__,
                "policy": policy.digest,
                "organisation": policy.organisation,
                "upstream": deployment.upstream,
                "policy_text": policy.model_dump(mode="json"),
            }
        )


def _announce(say: Say, options: ServeOptions, port: int, deployment: Deployment) -> None:
    scheme = "https" if options.tls_certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    policy = deployment.guard.policy
    address = f"{scheme}://{host}:{port}"
    say(f"Remit {__version__}: {policy.organisation}, {len(policy.rules)} rules")
    say(f"  page      {address}/" if options.keys is None else f"  address   {address}")
    say(f"  API       {address}/v1  (OpenAI chat completions)")
    say(f"  model     {deployment.upstream}")
    say(f"  evidence  {Path(options.evidence)}")
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
            _, deployments = build(options, evidence, _keyring(options))
        _announce(say, options, sock.getsockname()[1], deployments[0])
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
