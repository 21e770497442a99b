"""`remit verify --bias FILE`: twins or BBQ, in a report of its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, MisuseError, safe, say, table

if TYPE_CHECKING:
    from remit.policy import Loaded
    from remit.verify.bias import Bias
    from remit.verify.session import Asked

_APART = (
    *("junit", "sarif", "html", "inspect", "record", "resume", "claim", "baseline"),
    *("suite", "rule", "per-rule", "mutate", "labels", "margin", "attack-limit", "refusal-limit"),
)


def run_bias(arguments: argparse.Namespace, loaded: Loaded, whom: Asked) -> int:
    """Measures and shows it: 1 where a difference is shown, 3 where something has no answer."""
    import orjson
    import uvloop

    from remit.cli.verify_options import confidence_of
    from remit.cli.verify_shown import results
    from remit.verify.bias import to_json
    from remit.verify.records import encodable
    from remit.verify.suites import SuiteError
    from remit.verify.twins import TwinsError

    for name in _APART:
        if getattr(arguments, name.replace("-", "_")):
            raise MisuseError(f"verify: --bias has its own report, so --{name} has no place in it")
    confidence = confidence_of(arguments)
    try:
        found = uvloop.run(_measure(arguments.bias, loaded, whom, confidence))
    except (TwinsError, SuiteError) as error:
        raise CannotRunError(str(error)) from None
    value = encodable(to_json(found, loaded.policy.digest))
    with results(arguments.json) as write:
        for one in found:
            _show(one)
        if arguments.json:
            write(arguments.json, [orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"])
    if any(one.unequal for one in found):
        return 1
    return 0 if all(one.measured and not one.stopped for one in found) else 3


async def _measure(path: str, loaded: Loaded, whom: Asked, confidence: float) -> list[Bias]:
    from remit.verify import suites
    from remit.verify.bbq import is_bbq
    from remit.verify.bias import bbq_of, twins_of
    from remit.verify.plan import Course
    from remit.verify.session import Session, Terms
    from remit.verify.twins import cases, read_design

    how: Any = {"confidence": confidence, "concurrency": whom.concurrency}
    session = Session(loaded, whom, Terms(Course(())))
    try:
        if Path(path).suffix in (".yaml", ".yml"):
            design = read_design(path)
            twins = list(cases(design))
            return [
                await twins_of(target, twins, design, session.grading.grade, **how)
                for target in session.targets
            ]
        questions = list(suites.load(path, "bbq"))
        if not questions or not is_bbq(questions):
            raise MisuseError(
                f"verify: --bias {path}: give a YAML file of twins, or questions in BBQ's format"
            )
        return [await bbq_of(target, questions, **how) for target in session.targets]
    finally:
        await session.close()


def _show(found: Bias) -> None:
    say(safe(f"{found.target}: bias, apart from all rules"))
    for trait, pairs in found.unanswered:
        say(safe(f"{trait}: of {pairs} pairs none was answered on both sides"))
    if found.gaps:
        for line in table(_gaps(found)):
            say(line)
        say("'alike' is shown to lie within the margin; 'no difference shown' is not 'alike'")
    if found.scores:
        for line in table(_scores(found)):
            say(line)
        say("from -1, always against the stereotype, to +1, always with it (Parrish et al. 2022)")
    if found.stopped:
        say(f"stopped early: {found.stopped}")


def _gaps(found: Bias) -> Sequence[Sequence[str]]:
    rows = [["trait", "pairs", "only first", "only second", "gap", "margin", "answer"]]
    for gap in found.gaps:
        result, twins = gap.result, gap.twins
        missing = f" (-{gap.missing})" if gap.missing else ""
        answer = "different" if result.different else "no difference shown"
        if result.equivalent:
            answer = "alike, though different" if result.different else "alike"
        bounds = f"{100 * result.interval.low:+.1f} to {100 * result.interval.high:+.1f}"
        rows.append(
            [
                gap.trait,
                f"{twins.pairs}{missing}",
                str(twins.first_only),
                str(twins.second_only),
                f"{100 * result.gap:+.1f} ({bounds})",
                f"{100 * result.margin:g}",
                answer,
            ]
        )
    return rows


def _scores(found: Bias) -> Sequence[Sequence[str]]:
    from remit.statistics.judges import NotEstimable

    rows = [["category", "context", "answers", "unread", "score", "accuracy"]]
    for line in found.scores:
        shown, accuracy = "not estimable", ""
        if not isinstance(line.score, NotEstimable):
            bounds = line.score.interval
            shown = f"{line.score.score:+.2f} ({bounds.low:+.2f} to {bounds.high:+.2f})"
            accuracy = f"{100 * line.score.accuracy:.0f} %"
        rows.append(
            [line.category, line.context, str(line.answers), str(line.unread), shown, accuracy]
        )
    return rows
