"""`remit label`: people read what was graded, and say how far the graders can be believed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, remit_of, say, say_json, table

if TYPE_CHECKING:
    from remit.verify.grading.calibration import RuleCalibration
    from remit.verify.grading.sampling import Counted, Item

_EXAMPLES = """\
examples:
  remit verify remit.yaml --target house --record run.jsonl
  remit label remit.yaml run.jsonl              label in the browser; Ctrl-C when done
  remit label remit.yaml run.jsonl --summary    agreement, error rates, corrected rates

Two people label the same sample, each under their own name. Labels stand beside the record, in
RECORD.labels.jsonl, and are only ever added to. A rate that labels do not support is not printed.
"""


def add(commands: Any) -> None:
    """Adds the command."""
    label = commands.add_parser(
        "label",
        help="label graded replies in the browser",
        description="Shows a sample of a record to people, and corrects rates by their labels.",
        epilog=_EXAMPLES,
    )
    label.add_argument("remit", metavar="REMIT")
    label.add_argument("record", metavar="RECORD", type=Path)
    label.add_argument("--labels", metavar="FILE", type=Path, help="beside the record by default")
    label.add_argument("--random", metavar="N", type=int, default=60, help="per rule, by chance")
    label.add_argument("--flagged", metavar="N", type=int, default=40, help="per rule, flagged")
    label.add_argument("--port", metavar="N", type=int, default=0)
    label.add_argument("--summary", action="store_true", help="what the labels say so far")
    label.add_argument("--json", action="store_true", help="the summary for programs")
    label.set_defaults(run=_label)


def _label(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.verify.grading.labelling import LabelServer
    from remit.verify.grading.labels import LabelError
    from remit.verify.records import RecordError

    policy = remit_of(arguments.remit).policy
    path = arguments.labels or arguments.record.with_name(arguments.record.name + ".labels.jsonl")
    try:
        items, counted = _drawn(arguments)
        if arguments.summary or arguments.json:
            return _summary(path, counted, as_json=arguments.json)
        server = LabelServer(policy, items, path, arguments.port)
    except (RecordError, LabelError, OSError) as error:
        raise CannotRunError(str(error)) from None
    from remit.cli.pages import ended_by_interrupt

    with server, ended_by_interrupt(server):
        say(f"{len(items)} conversations to label: {server.url}\nCtrl-C when done")
        server.serve_forever()
    return 0


def _drawn(arguments: argparse.Namespace) -> tuple[list[Item], dict[str, Counted]]:
    from remit.verify.grading.sampling import draw
    from remit.verify.records import read

    return draw(read(arguments.record), random=arguments.random, flagged=arguments.flagged)


def _summary(path: Path, counted: Mapping[str, Counted], *, as_json: bool) -> int:
    from remit.verify.grading.calibration import calibrate
    from remit.verify.grading.labels import read

    labels = read(path)
    found = [calibrate(labels, counted[rule], rule) for rule in counted]
    if as_json:
        say_json([_json(one, counted[one.rule]) for one in found])
        return 0
    heading = ("rule", "labelled", "in dispute", "kappa", "alpha", "flagged", "true rate")
    rows = [heading, *(_row(one, counted[one.rule]) for one in found)]
    say("\n".join(table(rows)))
    return 0


def _row(found: RuleCalibration, counted: Counted) -> tuple[str, ...]:
    return (
        found.rule,
        str(found.labelled),
        str(found.open),
        _number(found.agreement.kappa),
        _number(found.agreement.alpha),
        f"{counted.flagged} of {counted.n}",
        _rate(found),
    )


def _rate(found: RuleCalibration) -> str:
    from remit.statistics.judges import NotEstimable

    if isinstance(found.rate, NotEstimable):
        return f"not known: {found.rate.reason}"
    low, high = found.rate.interval.low, found.rate.interval.high
    return f"{found.rate.estimate:.1%} ({low:.1%} to {high:.1%})"


def _number(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "–"


def _json(found: RuleCalibration, counted: Counted) -> dict[str, Any]:
    from remit.statistics.judges import NotEstimable

    known = None if isinstance(found.rate, NotEstimable) else found.rate
    kappa, alpha = found.agreement.kappa, found.agreement.alpha
    return {
        "rule": found.rule,
        "n": counted.n,
        "flagged": counted.flagged,
        "labelled": found.labelled,
        "open": found.open,
        "raters": list(found.agreement.raters),
        "labelled_twice": found.agreement.twice,
        "kappa": kappa if isinstance(kappa, float) else None,
        "alpha": alpha if isinstance(alpha, float) else None,
        "judge": {
            "found": found.judge.found,
            "positives": found.judge.positives,
            "cleared": found.judge.cleared,
            "negatives": found.judge.negatives,
        },
        "rate": known and known.estimate,
        "interval": known and [known.interval.low, known.interval.high],
        "method": known and known.method,
        "reason": found.rate.reason if isinstance(found.rate, NotEstimable) else "",
    }
