"""`remit verify`: does the model observe the rules, and how sure is that?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, MisuseError, complain, refusal, remit_of

if TYPE_CHECKING:
    from remit.policy import Loaded
    from remit.verify.journal import Record
    from remit.verify.session import Asked, Session, Terms
    from remit.verify.verification import Verification

_OUTPUTS = ("json", "junit", "sarif", "html", "inspect")
_EXAMPLES = """\
examples:
  remit verify remit.yaml --target house                    the model by itself
  remit verify remit.yaml --target house --ladder           what prompt and guard add
  remit verify remit.yaml --ladder --checkpoints DIR        what each of the five layers adds
  remit verify remit.yaml --target http://127.0.0.1:8400/v1 the gateway, as clients meet it
  remit verify remit.yaml --target http://localhost:11434/v1,llama3.2 --html report.html
  remit verify remit.yaml --target cheap=URL,small --target now=URL,large --margin 2%
  remit verify remit.yaml --target URL,MODEL --claim "≤ 1 % at 95 %" --per-rule 700
  remit verify remit.yaml --target URL,MODEL --baseline main.json --junit verify.xml
  remit verify remit.yaml --target URL,MODEL --json - | jq .decision
  remit verify remit.yaml --bias twins.yaml --target URL,MODEL          apart from all rules

A target is [NAME=]WHERE[,MODEL]: house, house-small, house-small:FOLDER, scripted:FILE, an
OpenAI-compatible address, or https://api.anthropic.com (anthropic+URL where another host speaks
its format). --ladder --checkpoints takes its models from DIR, and no --target.

exit codes:
  0  every limit is shown to be kept
  1  a limit is shown not to be kept, or a baseline is worse than it was
  2  the command was not understood
  3  not enough evidence to say either, or it could not be run

environment:
  REMIT_API_KEY_NAME      the key of the target called NAME (upper case, - as _)
  OPENAI_API_KEY          sent to api.openai.com, or to the host of OPENAI_BASE_URL
  ANTHROPIC_API_KEY       sent to api.anthropic.com
  REMIT_API_KEY           sent to the only target that is an address, where there is but one
"""


def add(commands: Any) -> None:
    """Adds the command."""
    verify = commands.add_parser(
        "verify",
        help="does the model observe the rules?",
        description="Puts cases to a model and says, per rule, how often it broke it.",
        epilog=_EXAMPLES,
    )
    verify.add_argument("remit", metavar="REMIT")
    _add_targets(verify.add_argument_group("who is asked"))
    _add_cases(verify.add_argument_group("what is asked"))
    _add_limits(verify.add_argument_group("what it is held against"))
    _add_outputs(verify.add_argument_group("results"))
    verify.set_defaults(run=_verify)


def _add_targets(group: Any) -> None:
    add = group.add_argument
    add("--target", action="append", metavar="TARGET", help="may be given several times")
    add("--layers", default="none", metavar="LIST", help="put around each: prompt,guard; none")
    add("--ladder", action="store_true", help="bare, then with prompt, then with guard too")
    add("--checkpoints", metavar="DIR", help="ladder: weights of each stage, all five layers")
    add("--judge", metavar="WHERE,MODEL", help="a model that grades where rules ask for one")
    add("--attacker", metavar="WHERE,MODEL", help="a model that attacks: PAIR and crescendo")
    add("--temperature", type=float, metavar="T", help="default: the provider's own")
    add("--max-tokens", type=int, metavar="N", help="of a reply; default: the provider's own")
    add("--concurrency", type=int, default=16, metavar="N", help="per target; default 16")
    add("--timeout", type=float, default=180, metavar="S", help="seconds for a reply; default 180")
    add("--rate", type=float, metavar="N", help="requests a second at most, per target")
    add("--price", action="append", metavar="NAME=IN/OUT", help="per million tokens")
    add("--cost-cap", type=float, metavar="X", help="stop when so much is spent")
    add("--cache", metavar="FILE", help="keep replies for the next run, each repeat its own")


def _add_cases(group: Any) -> None:
    add = group.add_argument
    add("--suite", action="append", metavar="[RULE=]FILE", help="cases instead of the remit's")
    add("--rule", action="append", metavar="ID", help="only these rules")
    add("--per-rule", type=int, metavar="N", help="seeds of each rule; default 20")
    add("--attacks", default="default", metavar="LIST", help="default, all, none, or names; a+b")
    add("--attacked", type=int, default=3, metavar="N", help="seeds attacked per rule; default 3")
    add("--budget", type=int, default=3, metavar="K", help="draws of a random attack; default 3")
    add("--repeats", type=int, default=1, metavar="N", help="of every case; default 1")
    add("--seed", type=int, default=0, metavar="N", help="of all that is drawn; default 0")
    add("--mutate", action="store_true", help="take the remit apart: is it noticed?")
    add("--bias", metavar="FILE", help="only this: counterfactual twins or BBQ, a report apart")


def _add_limits(group: Any) -> None:
    add = group.add_argument
    add("--claim", metavar="TEXT", help='"≤ 1 %% at 95 %%" for each rule; stops when decided')
    add("--confidence", default="95%", metavar="SHARE", help="default 95%%")
    add("--attack-limit", metavar="SHARE", help="attack success tolerated; default: none set")
    add("--refusal-limit", metavar="SHARE", help="over-refusal tolerated; default: none set")
    add("--margin", metavar="SHARE", help="may the second target replace the first?")
    add("--labels", metavar="FILE", help="people's labels: takes the judge's errors out of rates")
    add("--baseline", metavar="FILE", help="an earlier --json: fail where this is worse")


def _add_outputs(group: Any) -> None:
    add = group.add_argument
    for name, what in (
        ("json", "all numbers; a baseline for later"),
        ("junit", "JUnit XML, for CI"),
        ("sarif", "SARIF 2.1.0, for code hosts"),
        ("html", "one page, offline, with the worst transcripts"),
        ("inspect", "a log that Inspect reads"),
    ):
        add(f"--{name}", metavar="FILE", help=f"{what}; - for standard output")
    add("--svg", metavar="FILE", help="a plot, of a ladder of checkpoints alone")
    add("--record", metavar="FILE", help="every sample, as it comes")
    add("--resume", action="store_true", help="go on with the record of a run cut short")


def _verify(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.policy import PolicyError

    loaded = remit_of(arguments.remit)
    try:
        return _run(arguments, environ, loaded)
    except PolicyError as error:
        raise refusal(error.problems) from None


def _run(arguments: argparse.Namespace, environ: Mapping[str, str], loaded: Loaded) -> int:
    import uvloop

    from remit.cli.verify_options import asked, terms
    from remit.layers.prompt import PromptError
    from remit.verify.cache import CacheError
    from remit.verify.opening import TargetError
    from remit.verify.records import RecordError
    from remit.verify.runner import RunError

    if arguments.checkpoints:
        from remit.cli.verify_ladder import run_ladder

        return run_ladder(arguments, environ, loaded)
    try:
        whom = asked(arguments, environ)
        if arguments.bias:
            from remit.cli.verify_bias import run_bias

            return run_bias(arguments, loaded, whom)
        what = terms(arguments, loaded)
        return uvloop.run(_session(arguments, loaded, whom, what))
    except KeyboardInterrupt:
        if arguments.record:
            complain(f"what was played is in {arguments.record}; go on with --resume")
        raise
    except TargetError as error:
        raise MisuseError(f"verify: {error}") from None
    except (CacheError, PromptError, RecordError, RunError) as error:
        raise CannotRunError(str(error)) from None


async def _session(arguments: argparse.Namespace, loaded: Loaded, whom: Asked, what: Terms) -> int:
    from remit.cli.verify_shown import Live, results, show
    from remit.verify.outputs import written
    from remit.verify.session import Session

    session = Session(loaded, whom, what)
    record = None
    try:
        _try_outputs(arguments)
        _tell(session)
        record, held = _record(arguments, session)
        live = Live(session, what.repeats)
        try:
            verification = await session.run(record, live.resumed(held), live.add)
        finally:
            live.end()
        if arguments.mutate:
            verification = await _mutated(session, verification)
        verification = _against(arguments, verification, what)
    finally:
        if record is not None:
            record.close()
        await session.close()
    with results(*_places(arguments)) as write:
        for name, place in _outputs(arguments):
            write(place, written(name, verification, loaded, arguments.record))
        show(verification)
    return {"pass": 0, "fail": 1}.get(verification.decision, 3)


def _try_outputs(arguments: argparse.Namespace) -> None:
    """A place that cannot be written should not show after an hour. Raises OSError."""
    named = [*_places(arguments), *([arguments.record] if arguments.record else [])]
    if len({path if path == "-" else str(Path(path).resolve()) for path in named}) < len(named):
        raise MisuseError("verify: two results would go to one place; give each its own file")
    for path in _places(arguments):
        if path != "-":
            Path(path).open("ab").close()


def _outputs(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """The results that are wanted, each with its place."""
    wanted = ((name, getattr(arguments, name)) for name in _OUTPUTS)
    return [(name, place) for name, place in wanted if place]


def _places(arguments: argparse.Namespace) -> list[str]:
    return [place for _, place in _outputs(arguments)]


def _tell(session: Session) -> None:
    """What the numbers will not say, beforehand."""
    from remit.verify.grading.conduct import watches_orders

    alone = [rule for rule in session.loaded.policy.rules if session.grading.alone(rule.id)]
    by_conduct = [rule.id for rule in alone if watches_orders(rule)]
    by_detectors = [rule.id for rule in alone if not watches_orders(rule)]
    for rules, how in (
        (by_detectors, "their own detectors"),
        (by_conduct, "what the replies do and declare"),
    ):
        if rules:
            complain(
                f"graded by {how} alone, as there is no auditor: {', '.join(rules)}; "
                "give --judge WHERE,MODEL"
            )


def _record(arguments: argparse.Namespace, session: Session) -> tuple[Record | None, Any]:
    from remit.verify.journal import Record

    if arguments.record is None:
        if arguments.resume:
            raise MisuseError("verify: --resume goes on with a record; name it with --record FILE")
        return None, ()
    if arguments.resume:
        return Record.resume(arguments.record, session.plan())
    return Record.create(arguments.record, session.plan()), ()


async def _mutated(session: Session, verification: Verification) -> Verification:
    from dataclasses import replace

    from remit.verify.mutating import mutants

    complain("taking the remit apart …")
    found = tuple([mutant async for mutant in mutants(session)])
    stopped = "the cost cap is reached" if session.budget.exhausted else verification.stopped
    return replace(verification, mutants=found, stopped=stopped, spent=session.budget.spent)


def _against(
    arguments: argparse.Namespace, verification: Verification, what: Terms
) -> Verification:
    from dataclasses import replace

    from remit.verify.outputs.document import BaselineError, regression

    if not arguments.baseline:
        return verification
    try:
        compared = regression(arguments.baseline, verification.targets, what.question)
    except BaselineError as error:
        raise CannotRunError(str(error)) from None
    return replace(verification, regression=compared)
