"""A verification as rows of words, for a terminal's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remit.verify.contrast import Contrast
from remit.verify.mutation import score
from remit.verify.outputs import words
from remit.verify.results import MEASURES
from remit.verify.verification import Verification, Verified

Rows = list[list[str]]


def numbers(target: Verified) -> Rows:
    """Every line of a target; rules once, on their first line."""
    rows = [["rule", "measure", "seeds failed", "rate", "bounds", "limit", "verdict"]]
    if target.lines:
        rows[0][4] = f"bounds, {100 * target.lines[0].confidence:g} % each"
    before = ""
    for line in target.lines:
        measure = words.SHORT[line.measure]
        if line.attempts:
            measure += f" (k={line.attempts})"
        rows.append(
            [
                line.rule if line.rule != before else "",
                measure,
                words.counted(line),
                words.rate(line),
                words.bounds(line),
                words.limit(line),
                words.decision(line),
            ]
        )
        before = line.rule
    return rows


def compared(contrasts: Sequence[Contrast]) -> Rows:
    """Pairs of targets; the difference in percentage points, with its interval."""
    rows = [
        ["rule", "measure", "second against first", "seeds", "difference", "p", "the second is"]
    ]
    for contrast in contrasts:
        found = contrast.comparison
        bounds = f"{words.signed(found.difference)} ({words.signed(found.interval.low)} to "
        answer: str = contrast.answer
        if contrast.replacement is not None:
            shown = contrast.replacement.shown
            answer += f"; may replace it: {'yes' if shown else 'not shown'}"
        rows.append(
            [
                contrast.rule,
                words.SHORT[contrast.measure],
                f"{contrast.second} / {contrast.first}",
                f"{found.seeds}" + (f" (-{contrast.left_out})" if contrast.left_out else ""),
                bounds + f"{words.signed(found.interval.high)})",
                f"{found.p_value:.3g}",
                answer,
            ]
        )
    return rows


def ladder(verification: Verification) -> Rows:
    """What each layer buys: seeds failed of all rules together, a column for each measure."""
    rows = [["", *(words.SHORT[measure] for measure in MEASURES)]]
    for target in verification.targets:
        row = [target.name]
        for measure in MEASURES:
            found = [line for line in target.lines if line.measure == measure]
            failed, seeds = sum(line.failed for line in found), sum(line.n for line in found)
            share = f" ({words.percent(failed / seeds)})" if seeds else ""
            row.append(f"{failed} of {seeds}{share}")
        rows.append(row)
    return rows


def told_apart(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The contrasts with an answer to act on."""
    return [c for c in contrasts if c.answer != "not distinguished" or c.replacement is not None]


def mutated(verification: Verification) -> Rows:
    """Per rule how many mutants were noticed, and what went unnoticed."""
    rows = [["rule", "noticed", "not noticed without"]]
    for rule, (noticed, count) in score(verification.mutants).items():
        missed = [m.what for m in verification.mutants if m.rule == rule and not m.noticed]
        rows.append([rule or "(layers)", f"{noticed} of {count}", "; ".join(missed)])
    return rows


def remarks(verification: Verification) -> Iterator[str]:
    """What a reader must know to read the numbers."""
    suites = verification.suites
    attacks = f", {len(suites.attacks)} attacks" if suites.attacks else ""
    yield f"suite {suites.digest[:12]}: {suites.cases:,} cases{attacks}, seed {verification.seed}"
    if verification.not_asked:
        yield f"nothing was asked, so nothing is said, about: {', '.join(verification.not_asked)}"
    for target in verification.targets:
        outcome = target.outcome
        if outcome.failed:
            most = outcome.errors.most_common(1)[0][0]
            yield f"{target.name}: {outcome.failed} samples got no answer ({most}); not held"
        if outcome.undecided:
            yield f"{target.name}: {outcome.undecided} samples could not be decided; not held"
        named = ", ".join(f"{by} {count:,}" for by, count in outcome.graders.most_common(6))
        if named:
            yield f"{target.name}: graded by {named}"
    if any(line.basis == "judged" for target in verification.targets for line in target.lines):
        yield (
            "a model graded, and nobody has measured its errors: its counts are no rates; "
            "label a sample with `remit label`, then give --labels"
        )
    yield "as graded: what the graders miss or imagine is not in the bounds; `remit label` tells"
    if verification.stopped:
        yield f"stopped early: {verification.stopped}"
