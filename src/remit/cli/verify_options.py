"""What `remit verify` was told, by options and environment, as values; MisuseError for nonsense."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from remit.cli.serving import cache_folder
from remit.cli.terminal import CannotRunError, MisuseError

if TYPE_CHECKING:
    from remit.policy import Loaded
    from remit.statistics.judges import JudgeCalibration
    from remit.verify.cases import Case
    from remit.verify.opening import Address
    from remit.verify.session import Asked, Terms
    from remit.verify.targets import Layer
    from remit.verify.upstream import Price
    from remit.verify.verdicts import Limits

_PER_RULE = 20
_MOST = 100_000


def asked(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Asked:
    """Who is asked, and how. Raises MisuseError and TargetError."""
    from remit.verify.opening import address
    from remit.verify.session import Asked
    from remit.verify.wire import Sampling

    if not arguments.target:
        raise MisuseError("verify: give --target, such as --target house")
    targets = tuple(address(text) for text in arguments.target)
    names = [target.name for target in targets]
    if len(set(names)) < len(names):
        raise MisuseError("verify: two targets have one name; tell them apart: --target NAME=…")
    if arguments.ladder and len(targets) > 1:
        raise MisuseError("verify: a ladder is of one target; run it once for each")
    heat = arguments.temperature
    if heat is not None and not 0 <= heat <= 10:
        raise MisuseError("verify: --temperature is a number from 0 up, such as 0.7")
    if arguments.max_tokens is not None:
        _at_least("max-tokens", arguments.max_tokens, 1, 10**7)
    judge = address(arguments.judge) if arguments.judge else None
    attacker = address(arguments.attacker) if arguments.attacker else None
    everyone = [place for place in (*targets, judge, attacker) if place is not None]
    cache = cache_folder(environ)
    return Asked(
        targets,
        _layers(arguments.layers),
        arguments.ladder,
        judge,
        attacker,
        keys(everyone, environ),
        _prices(arguments.price or (), [place.name for place in everyone]),
        Sampling(heat, arguments.max_tokens),
        _at_least("concurrency", arguments.concurrency, 1, 1000),
        _positive("rate", arguments.rate),
        _positive("cost-cap", arguments.cost_cap),
        arguments.cache,
        Path(cache) if cache else None,
        _positive("timeout", arguments.timeout) or 180.0,
    )


def terms(arguments: argparse.Namespace, loaded: Loaded) -> Terms:
    """What is asked, and what it is held against. Raises MisuseError and CannotRunError."""
    from remit.verify.attacks import AttackError, table
    from remit.verify.plan import ADAPTIVE, Course, arranged
    from remit.verify.session import Terms

    try:
        attacks = table().select(arguments.attacks)
    except AttackError as error:
        raise MisuseError(f"verify: {error}") from None
    bases = arranged(_cases(arguments, loaded), [rule.id for rule in loaded.policy.rules])
    if not bases:
        raise MisuseError("verify: no rule of this remit is asked at run time, so nothing is asked")
    course = Course(
        bases,
        attacks,
        _at_least("attacked", arguments.attacked, 0),
        _at_least("budget", arguments.budget, 1, 10_000),
        arguments.seed,
        ADAPTIVE if arguments.attacker else (),
    )
    repeats = _at_least("repeats", arguments.repeats, 1, 10_000)
    margin = _share("margin", arguments.margin)
    return Terms(course, _limits(arguments), repeats, margin, judges=_judges(arguments))


def _judges(arguments: argparse.Namespace) -> dict[str, JudgeCalibration]:
    """How the graders did beside people, by rule: from the labels of an earlier record."""
    from remit.verify.grading.calibration import calibrate
    from remit.verify.grading.labels import LabelError, read
    from remit.verify.grading.sampling import Counted

    if not arguments.labels:
        return {}
    try:
        labels = read(Path(arguments.labels))
    except (LabelError, OSError) as error:
        raise CannotRunError(f"verify: --labels: {error}") from None
    if not labels:
        raise CannotRunError(f"verify: --labels {arguments.labels}: it holds no label")
    rules = dict.fromkeys(label.rule for label in labels)
    return {rule: calibrate(labels, Counted(0, 0), rule).judge for rule in rules}


def _cases(arguments: argparse.Namespace, loaded: Loaded) -> list[Case]:
    from remit.verify import suites

    known = {rule.id for rule in loaded.policy.rules}
    found: list[Case] = []
    wanted = arguments.suite or ["remit"]
    wanted_seeds = _PER_RULE if arguments.per_rule is None else arguments.per_rule
    per_rule = _at_least("per-rule", wanted_seeds, 1, _MOST)
    try:
        for text in wanted:
            rule, given, path = text.partition("=")
            if text == "remit":
                found += suites.from_remit(
                    loaded.policy, seed=arguments.seed, per_rule=per_rule, rules=arguments.rule
                )
                continue
            if not given:
                rule, path = "", text
            elif rule not in known:
                raise MisuseError(f"verify: --suite {text}: no rule '{rule}' in the remit")
            found += suites.load(path, rule)
    except suites.SuiteError as error:
        raise CannotRunError(str(error)) from None
    if arguments.rule:
        found = [case for case in found if case.rule in arguments.rule]
    return found


def _limits(arguments: argparse.Namespace) -> Limits:
    from remit.statistics.claims import parse_claim
    from remit.verify.verdicts import Limits

    try:
        claim = parse_claim(arguments.claim) if arguments.claim else None
    except ValueError as error:
        raise MisuseError(f"verify: --claim: {error}") from None
    return Limits(
        claim,
        confidence_of(arguments) if claim is None else claim.confidence,
        _share("attack-limit", arguments.attack_limit),
        _share("refusal-limit", arguments.refusal_limit),
    )


def confidence_of(arguments: argparse.Namespace) -> float:
    """The confidence of each bound. Raises MisuseError."""
    confidence = _share("confidence", arguments.confidence) or 0.95
    if not 0.5 <= confidence < 1:
        raise MisuseError("verify: --confidence is from 50% to below 100%, such as 95%")
    return confidence


def _layers(text: str) -> tuple[Layer, ...]:
    from remit.verify.targets import LAYERS

    if text == "none":
        return ()
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in LAYERS:
            raise MisuseError(f"verify: no layer '{name}'; have {', '.join(LAYERS)}, none")
    return tuple(name for name in LAYERS if name in names)


def keys(places: list[Address], environ: Mapping[str, str]) -> dict[Address, str]:
    """The key of each address: a key goes to the host it is for, and to no other."""
    hosts = {place.host for place in places if place.host}
    openai = urlsplit(environ.get("OPENAI_BASE_URL") or "https://api.openai.com").hostname
    found: dict[Address, str] = {}
    for place in places:
        own = "REMIT_API_KEY_" + re.sub(r"[^A-Z0-9]", "_", place.name.upper())
        key = environ.get(own)
        if not key and place.host == openai:
            key = environ.get("OPENAI_API_KEY")
        if not key and place.host == "api.anthropic.com":
            key = environ.get("ANTHROPIC_API_KEY")
        if not key and len(hosts) == 1:
            key = environ.get("REMIT_API_KEY")
        if key and place.host:
            found[place] = key
    return found


def _prices(texts: list[str] | tuple[()], names: list[str]) -> dict[str, Price]:
    from remit.verify.upstream import Price

    prices: dict[str, Price] = {}
    for text in texts:
        match = re.fullmatch(r"(.+)=(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", text)
        if match is None or match[1] not in names:
            have = ", ".join(names)
            raise MisuseError(f"verify: --price {text}: write NAME=IN/OUT, NAME one of {have}")
        prices[match[1]] = Price(float(match[2]), float(match[3]))
    return prices


def _share(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,3}(?:\.\d{1,9})?)\s*(%?)\s*", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 2.0
    if not 0 < value < 1:
        raise MisuseError(f"verify: --{name} {text}: write a share such as 2% or 0.02")
    return value


def _positive(name: str, value: float | None) -> float | None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise MisuseError(f"verify: --{name} must be above 0")
    return value


def _at_least(name: str, value: int, least: int, most: int = _MOST) -> int:
    if not least <= value <= most:
        raise MisuseError(f"verify: --{name} must be from {least} to {most:,}")
    return value
