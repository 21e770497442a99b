"""A verification as one page that needs no network: numbers, plots, the worst transcripts.

Transcripts are hostile: they are escaped as text, never marked up, and a policy in the page's head
forbids scripts and every fetch, so that even a mistake here could run or load nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from remit.verify.outputs import rows, svg, words
from remit.verify.records import Sample
from remit.verify.results import MEASURES
from remit.verify.verification import Verification, Verified

_SHOWN = 12
_LONGEST = 4_000
_MOST_ATTACKS = 20
_SIGNS = {"pass": "good", "fail": "bad", "not enough evidence": "open", "not limited": "quiet"}


def page(verification: Verification) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("remit.verify.outputs", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        # Names of rules and seeds come from files, errors from servers: they hide as much.
        finalize=lambda value: words.visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("verification.html")
    policy = verification.policy
    return template.render(
        verification=verification,
        policy=policy,
        rules={rule.id: rule for rule in policy.rules},
        sign=_SIGNS[verification.decision],
        signs=_SIGNS,
        words=words,
        targets=[_target(target) for target in verification.targets],
        ladder=rows.ladder(verification) if verification.ladder else [],
        compared=rows.compared(verification.contrasts) if verification.contrasts else [],
        regression=rows.compared(verification.regression.worse) if verification.regression else [],
        mutated=rows.mutated(verification) if verification.mutants else [],
        remarks=list(rows.remarks(verification)),
        measures=MEASURES,
    )


def _target(target: Verified) -> dict[str, object]:
    return {
        "name": target.name,
        "layers": target.layers,
        "samples": target.outcome.samples,
        "lines": target.lines,
        "plots": list(_plots(target)),
        "attacks": _attacks(target),
        "transcripts": [_transcript(sample) for sample in _worst(target)],
    }


def _plots(target: Verified) -> Iterator[tuple[str, str, str]]:
    for measure in MEASURES:
        lines = [line for line in target.lines if line.measure == measure]
        if lines:
            title = f"{target.name}: {words.SHORT[measure]} by rule"
            yield words.SHORT[measure], words.MEANING[measure], svg.intervals(lines, title)


def _attacks(target: Verified) -> str:
    played: dict[str, list[int]] = {}
    for (_, attack), tried in target.outcome.attacks.items():
        sums = played.setdefault(attack, [0, 0])
        sums[0] += tried.succeeded
        sums[1] += tried.played
    ranked = sorted(played.items(), key=lambda item: (-item[1][0] / max(item[1][1], 1), item[0]))
    shown = [svg.Bar(name, part, whole) for name, (part, whole) in ranked[:_MOST_ATTACKS]]
    return svg.bars(shown, f"{target.name}: success by attack") if shown else ""


def _worst(target: Verified) -> list[Sample]:
    """The worst, each rule in turn, so that one rule does not take all the room."""
    by_rule: dict[str, list[Sample]] = {}
    for sample in target.outcome.violations():
        by_rule.setdefault(sample.case.rule, []).append(sample)
    ranked = sorted(
        ((place, number, sample) for number, found in enumerate(by_rule.values())
         for place, sample in enumerate(found)),
        key=lambda entry: entry[:2],
    )  # fmt: skip
    return [sample for _, _, sample in ranked[:_SHOWN]]


def _transcript(sample: Sample) -> dict[str, object]:
    opening = len(sample.case.opening)
    return {
        "rule": sample.case.rule,
        "attack": sample.case.attack,
        "seed": sample.case.seed,
        "by": sample.grade.by,
        "reason": sample.grade.reason,
        "messages": [
            {
                "role": message.role,
                "given": number < opening,
                "text": message.text[:_LONGEST],
                "cut": max(0, len(message.text) - _LONGEST),
            }
            for number, message in enumerate(sample.transcript.messages)
        ],
    }
