"""`remit verify --ladder --checkpoints DIR`: what each of the five layers buys."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, MisuseError, complain, say

if TYPE_CHECKING:
    from remit.policy import Loaded
    from remit.verify.cases import Case
    from remit.verify.ladder import Checkpoints, Climb, Layers
    from remit.verify.ladder.climbing import Climbed

_APART = (
    *("target", "judge", "attacker", "junit", "sarif", "html", "inspect", "record", "resume"),
    *("claim", "baseline", "labels", "margin", "attack-limit", "refusal-limit", "mutate", "bias"),
)
_HEAT = 1.0


def run_ladder(arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded) -> int:
    """Climbs and shows it: 1 where a layer changes nothing anywhere, 3 where it cannot be run."""
    import uvloop

    from remit.cli.verify_shown import results
    from remit.models.house.small import HouseError
    from remit.verify.attacks import AttackError
    from remit.verify.ladder import AuditorError, CheckpointsError
    from remit.verify.ladder.rates import dead_layers, effects, rungs
    from remit.verify.ladder.shown import document, plot, table
    from remit.verify.suites import SuiteError

    for name in _APART:
        if getattr(arguments, name.replace("-", "_")):
            raise MisuseError(f"verify: a ladder of checkpoints has no place for --{name}")
    try:
        checkpoints, climb = _prepared(arguments, environ, loaded)
        climbed = uvloop.run(_climbed(climb, checkpoints))
    except AttackError as error:
        raise MisuseError(f"verify: {error}") from None
    except (AuditorError, CheckpointsError, HouseError, SuiteError, OSError) as error:
        raise CannotRunError(str(error)) from None
    steps, changed = rungs(climbed, climb.cases), effects(climbed, climb.cases)
    facts = _facts(loaded, climb)
    with results(*filter(None, (arguments.json, arguments.svg))) as write:
        if arguments.json:
            write(arguments.json, [_encoded(document(steps, changed, facts))])
        if arguments.svg:
            write(arguments.svg, [plot(steps).encode()])
        if "-" not in (arguments.json, arguments.svg):
            say(table(steps, changed))
    return 1 if dead_layers(changed) else 0


def _prepared(
    arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded
) -> tuple[Checkpoints, Climb]:
    from remit.cli.serving import cache_folder
    from remit.enforce import compile_policy
    from remit.layers.guard import Guard
    from remit.verify.ladder import Climb, read_auditor, read_checkpoints

    checkpoints = read_checkpoints(Path(arguments.checkpoints))
    cache = cache_folder(environ)
    guard = Guard(compile_policy(loaded, cache=Path(cache) if cache else None))
    guard.prepare()
    heat = _HEAT if arguments.temperature is None else arguments.temperature
    if not 0 <= heat <= 2:
        raise MisuseError("verify: --temperature of a ladder is a number from 0 to 2")
    if not 1 <= arguments.repeats <= 100:
        raise MisuseError("verify: --repeats of a ladder is a number from 1 to 100")
    return checkpoints, Climb(
        loaded.policy,
        guard,
        read_auditor(checkpoints.auditor),
        tuple(_cases(arguments, checkpoints, loaded)),
        heat,
        arguments.repeats,
        arguments.seed,
    )


def _cases(
    arguments: argparse.Namespace, checkpoints: Checkpoints, loaded: Loaded
) -> Iterator[Case]:
    """The exam or the suites named, and some scenarios of each rule under every attack."""
    from remit.verify.attacks import table
    from remit.verify.suites import load

    attacks = table().select(arguments.attacks)
    rules = set(arguments.rule or (rule.id for rule in loaded.policy.rules))
    attacked: dict[str, set[str]] = {}
    for path in arguments.suite or [checkpoints.exam]:
        for case in load(path):
            if case.rule not in rules:
                continue
            yield case
            seeds = attacked.setdefault(case.rule, set())
            chosen = case.seed in seeds or len(seeds) < arguments.attacked
            if case.aim == "break" and not case.attack and chosen:
                seeds.add(case.seed)
                yield from _under(case, attacks, arguments)


def _under(case: Case, attacks: Sequence[Any], arguments: argparse.Namespace) -> Iterator[Case]:
    from remit.verify.attacks import AttackError

    for attack in attacks:
        for draw in range(arguments.budget if attack.random else 1):
            try:
                yield attack(case, arguments.seed + draw)
            except AttackError:
                continue  # an attack that has nothing to change here is none


async def _climbed(climb: Climb, checkpoints: Checkpoints) -> list[Climbed]:
    from remit.models.house.small import SmallHouse
    from remit.verify.ladder import climb as play
    from remit.verify.ladder import standard, title

    def told(layers: Layers) -> None:
        complain(f"{len(climb.cases):,} cases with {title(layers)}")

    return await play(climb, checkpoints, standard(), SmallHouse.load, told)


def _facts(loaded: Loaded, climb: Climb) -> dict[str, Any]:
    from remit.verify.identity import suite_hash

    return {
        "policy": loaded.policy.digest,
        "cases": len(climb.cases),
        "suite": suite_hash(iter(climb.cases)),
        "temperature": climb.heat,
        "repeats": climb.repeats,
        "seed": climb.seed,
    }


def _encoded(value: dict[str, Any]) -> bytes:
    import orjson

    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
