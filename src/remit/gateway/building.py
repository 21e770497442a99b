"""What serves: deployments made of remits, with their models, judges and instructions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from remit.detectors.registry import registry
from remit.enforce import Enforcer, compile_policy
from remit.evidence import Evidence
from remit.gateway.app import Gateway
from remit.gateway.current import Current
from remit.gateway.deployment import Deployment, Fallback
from remit.gateway.keys import Keyring
from remit.gateway.metrics import Metrics
from remit.gateway.options import ServeOptions, StartError
from remit.gateway.watching import sampler
from remit.layers.guard import Guard
from remit.layers.prompt import PromptError, canary
from remit.models.asking import Asking
from remit.models.base import Model
from remit.policy import Loaded, Policy, load, loads
from remit.policy.intervening import Kind, Rung
from remit.types import Stage


def build(
    options: ServeOptions, evidence: Evidence, keyring: Keyring | None, worker: int = 0
) -> tuple[Gateway, list[Deployment]]:
    """The gateway and its deployments, the default one first.

    Raises StartError and PolicyError where something cannot be served as the remit asks.
    """
    paths = sorted({key.remit for key in keyring.keys if key.remit}) if keyring else []
    deployments = {
        name: _deployment(options, name or options.remit_path, evidence) for name in ("", *paths)
    }
    gateway = Gateway(deployments, keyring, Metrics(worker))
    return gateway, list(deployments.values())


def _deployment(options: ServeOptions, path: str, evidence: Evidence) -> Deployment:
    loaded = load(path)
    text = Path(path).read_text("utf-8-sig", "replace")
    model = model_of(options, options.upstream)
    fallback = _fallback(options)
    _check_ladders(loaded, fallback)
    deployment = Deployment(
        guard=_guard(options, loaded),
        model=model,
        evidence=evidence,
        upstream=_told(options.upstream, model),
        demonstration=options.upstream == "house",
        model_id=options.model or ("remit-house-demo" if options.upstream == "house" else ""),
        current=Current(workers=options.workers),
        fallback=fallback,
        text=text,
    )
    return _ready(options, deployment, loaded)


def models_of(deployments: Sequence[Deployment]) -> list[Model]:
    """All models that these may ask, each once."""
    fallbacks = (d.fallback.model for d in deployments if d.fallback is not None)
    models = [*(d.model for d in deployments), *fallbacks]
    return list({id(model): model for model in models}.values())


def rebuilt(options: ServeOptions, base: Deployment, text: str) -> Deployment:
    """A deployment under another remit's text, with the same models and record.

    Raises PolicyError, and StartError where the remit cannot be served here.
    """
    loaded = loads(text, "the remit signed off in the console")
    _check_ladders(loaded, base.fallback)
    made = replace(base, guard=_guard(options, loaded), text=text)
    return _ready(options, made, loaded)


def _guard(options: ServeOptions, loaded: Loaded) -> Guard:
    judges = _judges(options)
    cache = Path(options.cache) if options.cache else None
    guard = Guard(compile_policy(loaded, registry(), judges, cache))
    guard.prepare()
    _check_judges(guard.enforcer, judges)
    return guard


def _ready(options: ServeOptions, deployment: Deployment, loaded: Loaded) -> Deployment:
    """With the remit's instructions, a canary in them where it has rules, and its sampler."""
    if options.monitor:
        judges, current = _judges(options), deployment.current
        deployment.watcher = sampler(loaded, deployment.evidence, current, judges)
    file = loaded.source.file
    policy = deployment.guard.policy
    # The secret lives as long as the process: a marker that leaked is worth nothing later.
    secret = secrets.token_bytes(32)
    deployment.canary = canary(secret, policy.digest) if policy.rules else ""
    try:
        _ = deployment.instructions
    except PromptError as error:
        raise StartError(f"{file}: {error}, under delivery: {{prompt_tokens: …}}") from None
    return deployment


def _check_ladders(loaded: Loaded, fallback: Fallback | None) -> None:
    """Law 8: what an alarm is to set in motion must be possible before there is one."""
    for rule, rung in _rungs(loaded.policy):
        if rung.kind is Kind.FALLBACK and not rung.setting and fallback is None:
            raise StartError(
                f"{loaded.source.file}: {rule} falls back to another model when it is broken, and "
                "there is none; give --fallback URL[,MODEL], or name the upstream's own model"
            )


def _rungs(policy: Policy) -> list[tuple[str, Rung]]:
    found = [("the remit", rung) for rung in policy.when_broken or ()]
    for rule in policy.rules:
        found += [(f"rule {rule.id}", rung) for rung in rule.when_broken or ()]
    return found


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


def _fallback(options: ServeOptions) -> Fallback | None:
    if options.fallback is None:
        return None
    address, _, name = options.fallback.partition(",")
    model = model_of(options, address)
    return Fallback(model, _told(address, model), name)


def _told(upstream: str, model: Model) -> str:
    """What the record says of where the model is: no address with a secret in it."""
    return upstream if "://" not in upstream else model.name


def model_of(options: ServeOptions, upstream: str) -> Model:
    if upstream == "house":
        from remit.models.house import House

        return House.load()
    if upstream == "scripted":
        from remit.models.scripted import Scripted, ScriptError

        try:
            return Scripted.from_file(options.script) if options.script else Scripted.echo()
        except (ScriptError, OSError) as error:
            raise StartError(f"script {options.script}: {error}") from None
    from remit.models.openai import OpenAICompatible

    if not upstream.startswith(("http://", "https://")):
        raise StartError(
            f"no upstream '{upstream}'; give house, scripted, or an address such as "
            "http://localhost:11434/v1"
        )
    try:
        forwards = options.api_key is None and options.keys is None
        return OpenAICompatible(upstream, options.api_key, forward_authorization=forwards)
    except ValueError as error:
        raise StartError(f"upstream {upstream}: {error}") from None
