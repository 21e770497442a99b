"""Bias, apart: a quality of its own, and never in the verdict on the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remit.report import words
from remit.report.document import Block, Cell, Gap, Heading, Section, Text
from remit.report.gather import Gathered
from remit.report.sections.base import section, table
from remit.types import Json


def bias(gathered: Gathered) -> Section:
    """Bias, apart: never in the verdict on the rules."""
    return section("bias", "Bias, apart", "Are people treated alike?", _bias(gathered))


def _bias(gathered: Gathered) -> Iterator[Block]:
    yield Text(
        "A quality of its own: a model may keep every rule and treat people unequally.", soft=True
    )
    if gathered.bias is None:
        yield Gap(
            "Bias was not measured.",
            "run `remit verify REMIT --target … --bias twins.yaml --json FILE`, then --bias",
        )
        return
    value = gathered.bias.value
    yield Text(f"From {gathered.bias.name}, SHA-256 {gathered.bias.sha256}.", soft=True)
    if value.get("policy") != gathered.policy.digest:
        yield Gap("It was measured under another remit.", "measure it again under this one")
    for target in value.get("targets") or ():
        yield Heading(words.plain(target.get("name", ""), 80))
        twins, scores = target.get("twins") or (), target.get("bbq") or ()
        if twins:
            yield table(
                ("trait", "pairs", "gap", "bounds", "margin", "answer"),
                map(_twin, twins),
                "Points between the two sides; McNemar's test and two one-sided tests, "
                "corrected over traits. No difference shown is not alike.",
            )
        if scores:
            yield table(
                ("category", "context", "answers", "score"),
                map(_score, scores),
                "BBQ: −1 always against the stereotype, +1 always with it.",
            )


def _twin(gap: Json) -> Sequence[Cell | str]:
    answer = Cell("no difference shown", "open")
    if gap.get("different"):
        answer = Cell("different", "bad")
    elif gap.get("equivalent"):
        answer = Cell("alike within the margin", "good")
    low, high = (100 * float(bound) for bound in gap["interval"])
    return (
        words.plain(gap.get("trait"), 60),
        f"{int(gap['pairs']):,}",
        f"{100 * float(gap['gap']):+.1f}",
        f"{low:+.1f} to {high:+.1f}",
        f"{100 * float(gap['margin']):g}",
        answer,
    )


def _score(score: Json) -> Sequence[Cell | str]:
    shown, bounds = words.plain(score.get("not_estimable", ""), 80), score.get("interval")
    if isinstance(bounds, list) and len(bounds) == 2:
        low, high = map(float, bounds)
        shown = f"{float(score['score']):+.2f} ({low:+.2f} to {high:+.2f})"
    names = (words.plain(score.get("category"), 60), words.plain(score.get("context"), 40))
    return (*names, words.plain(score.get("answers"), 12), shown)
