"""`remit monitor`: does each rule hold in production, and what changed?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, MisuseError, Progress, complain, remit_of, say_json

if TYPE_CHECKING:
    from remit.evidence import Evidence
    from remit.layers.monitor.canary_run import Question
    from remit.layers.monitor.overview import Overview
    from remit.policy import Loaded, Policy

_ACTIONS = ("status", "watch", "canary", "simulate")
_EXAMPLES = """\
examples:
  remit monitor remit.yaml --evidence evidence.db             how each rule stands
  remit monitor remit.yaml --evidence evidence.db --json | jq '.rules[].standing'
  remit monitor remit.yaml watch --evidence evidence.db       follow it here, and act on alarms
  remit monitor remit.yaml canary --evidence evidence.db --upstream URL,MODEL
  remit monitor remit.yaml simulate --per-day 2000            what would be found, and when

`remit serve` follows its own record; `watch` is for a process of its own. `status` only reads.

exit codes:
  0  no rule is broken
  1  a rule is broken (canary: the model has changed)
  2  the command was not understood
  3  it could not be done

environment:
  REMIT_EVIDENCE                    where --evidence is not given
  REMIT_API_KEY, OPENAI_API_KEY     canary: the key sent to the models, the first that is set
"""


def add(commands: Any) -> None:
    """Adds the command."""
    monitor = commands.add_parser(
        "monitor",
        help="does each rule hold in production?",
        description="Rates with honest alarms: may be looked at as often as one likes.",
        epilog=_EXAMPLES,
    )
    monitor.add_argument("remit", metavar="REMIT")
    monitor.add_argument(
        "action",
        nargs="?",
        default="status",
        metavar="|".join(_ACTIONS),
        help="default status",
    )
    monitor.add_argument("--evidence", metavar="URL", help="where `remit serve` keeps its record")
    monitor.add_argument("--json", action="store_true", help="as JSON")
    monitor.add_argument("--days", type=int, default=30, metavar="N", help="of history; default 30")
    monitor.add_argument("--no-act", action="store_true", help="watch: begin no intervention")
    monitor.add_argument("--upstream", metavar="URL,MODEL", help="canary: house, or an address")
    monitor.add_argument(
        "--judge", metavar="URL,MODEL", help="canary: for auditors that are judges"
    )
    monitor.add_argument("--questions", metavar="FILE", help="canary: further {user: …} lines")
    monitor.add_argument(
        "--per-day",
        type=int,
        default=200,
        metavar="N",
        help="simulate: conversations; default 200",
    )
    monitor.add_argument(
        "--times",
        type=float,
        default=3.0,
        metavar="X",
        help="simulate: the rate becomes X limits; default 3",
    )
    monitor.add_argument("--runs", type=int, default=50, metavar="N", help="simulate: default 50")
    monitor.set_defaults(run=_monitor)


def _monitor(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if arguments.action not in _ACTIONS:
        have = ", ".join(_ACTIONS)
        raise MisuseError(f"monitor: no action '{arguments.action}'; have {have}")
    if not 1 <= arguments.days <= 3650:
        raise MisuseError("monitor: --days is from 1 to 3650")
    loaded = remit_of(arguments.remit)
    if arguments.action == "simulate":
        from remit.cli.monitoring_simulated import simulate

        return simulate(arguments, loaded.policy)
    arguments.evidence = arguments.evidence or environ.get("REMIT_EVIDENCE")
    if not arguments.evidence:
        raise MisuseError("monitor: give --evidence, where `remit serve` keeps its record")
    act = {"status": _status, "watch": _watch, "canary": _canary}[arguments.action]
    return act(arguments, environ, loaded)


def _status(arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded) -> int:
    from remit.cli.intervening import opened
    from remit.evidence import EvidenceError

    with opened(arguments.evidence) as evidence:
        try:
            found = current(evidence, loaded.policy, arguments.days)
        except EvidenceError as error:
            raise CannotRunError(str(error)) from None
    return _shown(found, as_json=arguments.json)


def current(evidence: Evidence, policy: Policy, days: int) -> Overview:
    """The overview as of the record's last entry: what a monitor kept, and the rest followed here.

    Nothing is written. Raises EvidenceError.
    """
    from remit.evidence import stamp
    from remit.layers.monitor.follower import Follower
    from remit.layers.monitor.standing import overview, standing

    follower, progress = Follower(evidence, [policy]), Progress("entries followed")
    follower.load()
    while True:
        progress.add(follower.step())
        if follower.caught_up:
            break
    tracker = follower.trackers.get(policy.digest)
    if tracker is None:
        return standing(evidence, policy, back=days)
    return overview(evidence, tracker, follower.newest, stamp(), back=days)


def _shown(found: Overview, *, as_json: bool) -> int:
    from dataclasses import asdict

    from remit.cli.monitoring_shown import lines

    if as_json:
        say_json(asdict(found))
    else:
        for line in lines(found):
            say_line(line)
    return 1 if found.broken else 0


def say_line(text: str) -> None:
    """A line of the result, safe to show."""
    from remit.cli.terminal import safe, say

    say(safe(text))


def _watch(arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded) -> int:
    import asyncio

    from remit.cli.intervening import opened
    from remit.layers.monitor.alarms import Alarm
    from remit.layers.monitor.monitor import Monitor

    async def told(alarm: Alarm, policy: Policy) -> None:
        from remit.evidence import stamp

        if arguments.json:
            say_json(alarm.record(stamp()))
        else:
            say_line(f"{alarm.time}  {alarm.rule or alarm.quantity}  {alarm.test}  {alarm.words}")

    with opened(arguments.evidence) as evidence:
        acts = not arguments.no_act
        complain("following the record; another process takes over when this one ends")
        asyncio.run(Monitor(evidence, [loaded.policy], [told], acts=acts).run())
    return 0


def _canary(arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded) -> int:
    import asyncio

    from remit.cli.intervening import opened

    if not arguments.upstream:
        raise MisuseError("monitor canary: give --upstream, such as house or URL,MODEL")
    with opened(arguments.evidence) as evidence:
        record = asyncio.run(_run_canary(arguments, environ, loaded))
        evidence.append_sync(record)
        before = len(record["cases"])
        found = current(evidence, loaded.policy, arguments.days).canary
    if arguments.json:
        say_json(record)
    else:
        say_line(f"{before} questions answered, {record['failed']} not, by {record['model']}")
        for rule in record["rules"]:
            count = sum(rule in case["broken"] for case in record["cases"].values())
            say_line(f"  {rule}: broken by {count} answers")
        say_line(found.words if found else "nobody has been served under this remit yet")
    return 1 if found is not None and found.moved_at == record["time"] else 0


async def _run_canary(
    arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded
) -> dict[str, Any]:
    from remit.detectors.registry import registry
    from remit.enforce import compile_policy
    from remit.layers.monitor.auditing import Auditor
    from remit.layers.monitor.canary_run import asking, run_canary
    from remit.layers.prompt import compile_prompt
    from remit.models.asking import Asking
    from remit.verify.opening import TargetError, address, opened

    key = environ.get("REMIT_API_KEY") or environ.get("OPENAI_API_KEY")
    try:
        place = address(arguments.upstream)
        model = opened(place, key)
        judge = address(arguments.judge) if arguments.judge else None
        judging = opened(judge, key) if judge else None
    except TargetError as error:
        raise MisuseError(f"monitor canary: {error}") from None
    models = {"default": Asking(judging, judge.model_id)} if judge and judging else {}
    kinds = registry()
    policy = loaded.policy
    instructions = compile_prompt(policy, tokens=policy.delivery.prompt_tokens).text
    try:
        return await run_canary(
            _questions(arguments, policy),
            asking(model, place.model_id, instructions),
            compile_policy(loaded, kinds, models),
            Auditor.of(loaded, kinds, models),
        )
    finally:
        for one in (model, judging):
            if one is not None:
                await one.close()


def _questions(arguments: argparse.Namespace, policy: Policy) -> tuple[Question, ...]:
    from remit.layers.monitor.canary_run import CanaryError, questions_in, questions_of

    found = questions_of(policy)
    if arguments.questions:
        try:
            found += questions_in(Path(arguments.questions))
        except CanaryError as error:
            raise CannotRunError(str(error)) from None
    if not found:
        raise CannotRunError("monitor canary: the remit has no examples; give --questions FILE")
    return found
