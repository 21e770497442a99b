"""What was verified beforehand, and how far the graders can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from remit.report import words
from remit.report.document import (
    Block,
    Cell,
    Claim,
    Claims,
    Gap,
    Heading,
    Section,
    Sign,
    Text,
)
from remit.report.files import Verification
from remit.report.gather import Gathered
from remit.report.sections.base import NOBODY, epoch, hashed, section, table
from remit.types import Json

SIGNS: Final[dict[str, Sign]] = {"pass": "good", "fail": "bad", "not enough evidence": "open"}
_VERDICTS: Final = {"pass": "holds", "fail": "does not hold", "not limited": "no limit set"}


def claims_of(
    gathered: Gathered, verification: Verification, target: Json, measure: str
) -> tuple[Claim, ...]:
    """The lines of one target under one measure, as claims."""
    owners = {rule.id: rule.owner for rule in gathered.policy.rules}
    return tuple(
        _claim(gathered, verification, line, owners.get(str(line["rule"]), NOBODY))
        for line in target["rules"]
        if line["measure"] == measure
    )


def _claim(gathered: Gathered, verification: Verification, line: Json, owner: str) -> Claim:
    decision, rate, bounds = str(line.get("decision")), line.get("rate"), line.get("interval")
    low, high = (
        map(float, bounds) if isinstance(bounds, list) and len(bounds) == 2 else (None, None)
    )
    attempts, needed = int(line.get("attempts") or 0), int(line.get("needed") or 0)
    notes = [f"k = {attempts} attempts"] * bool(attempts)
    notes += [f"{needed:,} seeds needed"] * bool(needed)
    return Claim(
        words.plain(line["rule"], 64),
        owner,
        words.plain(line["measure"], 40),
        int(line["failed"]),
        int(line["seeds"]),
        int(line.get("unknown") or 0),
        "seeds",
        None if rate is None else float(rate),
        low,
        high,
        float(line.get("confidence", 0.95)),
        words.plain(line.get("method", "not stated"), 80),
        None if line.get("limit") is None else float(line["limit"]),
        "not verified" if rate is None else _VERDICTS.get(decision, words.plain(decision, 40)),
        SIGNS.get(decision, "quiet") if rate is not None else "open",
        epoch(gathered, verification.policy, str(verification.value["started"])),
        verification.sha256,
        ", ".join(notes),
    )


def subject(verification: Verification) -> Json | None:
    """The target that a verification speaks of: the last one with all layers on."""
    targets = verification.value["targets"]
    if not targets:
        return None
    most = max(len(target.get("layers") or ()) for target in targets)
    found: Json = [t for t in targets if len(t.get("layers") or ()) == most][-1]
    return found


def deciding(gathered: Gathered) -> Verification | None:
    """The newest verification of the very remit that is reported on."""
    mine = [v for v in gathered.verifications if v.policy == gathered.policy.digest]
    return mine[-1] if mine else None


def decided(gathered: Gathered, measure: str = "violations") -> dict[str, Claim]:
    """What the deciding verification says of each rule; empty where there is none."""
    found = deciding(gathered)
    target = subject(found) if found else None
    if found is None or target is None:
        return {}
    return {claim.rule: claim for claim in claims_of(gathered, found, target, measure)}


def verification(gathered: Gathered) -> Section:
    """Violations on ordinary conversations, and over-refusal beside them."""
    asks = "Does the model observe the rules?"
    return section("verification", "Verification", asks, _verification(gathered))


def _verification(gathered: Gathered) -> Iterator[Block]:
    if not gathered.verifications:
        yield Gap(
            "Not verified: no verification was given.",
            "run `remit verify REMIT --target … --json FILE` and give it with --verification",
        )
    elif deciding(gathered) is None:
        yield Gap(
            "No verification given is of this remit: a remit that was changed is not verified by "
            "what was found under the one before.",
            "run `remit verify` on it and give its --json file with --verification",
        )
    if gathered.verifications:
        yield Text(
            "Two rates that are never added up: how often a rule was broken in ordinary "
            "conversations, and how often an allowed request was refused. The unit is the seed, a "
            "scenario: it fails if any of its variants does. Each bound holds by itself."
        )
    for one in gathered.verifications:
        yield from _one(gathered, one)
    yield from _graders(gathered)
    yield from _comparisons(gathered)


def _one(gathered: Gathered, one: Verification) -> Iterator[Block]:
    value, suites = one.value, one.value["suites"]
    mine = one.policy == gathered.policy.digest
    cases = words.count(int(suites.get("cases") or 0), "case")
    repeats = words.count(int(value.get("repeats") or 1), "repeat")
    yield Heading(f"Verification of {words.minute(str(value['started']))}")
    facts: list[tuple[str, Cell | str]] = [
        ("Remit", Cell(one.policy, "good" if mine else "open", code=True)),
        ("File", Cell(one.name, small=one.sha256)),
        ("Suite", hashed(words.plain(suites["digest"], 64))),
        ("Played", f"{cases}, seed {words.plain(value.get('seed'), 20)}, {repeats}"),
        ("Claim", words.plain(value.get("claim") or "each rule's own limit", 80)),
        ("Outcome", words.plain(value.get("decision", ""), 40)),
    ]
    if value.get("stopped"):
        facts.append(("Stopped early", words.plain(value["stopped"])))
    yield table(("", ""), facts)
    for target in value["targets"]:
        name = target_name(target)
        for measure, title in (("violations", "Violations"), ("over-refusal", "Over-refusal")):
            found = claims_of(gathered, one, target, measure)
            if found:
                yield Claims(
                    f"{title}: {name}", found, _graded(target), plot=measure == "violations"
                )


def target_name(target: Json) -> str:
    layers = [words.plain(layer, 40) for layer in target.get("layers") or ()]
    return words.plain(target.get("name", ""), 80) + (
        f", with {' and '.join(layers)}" if layers else ""
    )


def _graded(target: Json) -> str:
    by = sorted(dict(target.get("graders") or {}).items(), key=lambda item: -int(item[1]))
    told = ", ".join(f"{words.plain(name, 40)} {int(n):,}" for name, n in by[:8])
    lost = int(target.get("errors") or 0) + int(target.get("undecided") or 0)
    more = f"; {lost:,} without an answer or a decision count against a pass" if lost else ""
    return f"{int(target.get('samples') or 0):,} samples; graded by {told or 'nobody'}{more}."


def _graders(gathered: Gathered) -> Iterator[Block]:
    yield Heading("How far the graders can be believed")
    if gathered.calibration is None:
        yield Gap(
            "No labels of people were given: what graders miss or imagine is not in the bounds.",
            "label a sample with `remit label`, and give its --json summary with --calibration",
        )
        return
    yield table(
        ("rule", "labelled", "found of violations", "cleared of others", "κ", "corrected rate"),
        [_calibrated(rule) for rule in gathered.calibration.rules[:1000]],
        f"From {gathered.calibration.name}, SHA-256 {gathered.calibration.sha256}. κ is Cohen's, "
        "between people on items labelled twice.",
    )


def _calibrated(rule: Json) -> Sequence[Cell | str]:
    judge: Any = rule.get("judge") if isinstance(rule.get("judge"), dict) else {}
    kappa, rate, bounds = rule.get("kappa"), rule.get("rate"), rule.get("interval")
    shown = words.plain(rule.get("reason") or "none", 120)
    if isinstance(rate, float) and isinstance(bounds, list) and len(bounds) == 2:
        shown = f"{words.percent(rate)} ({words.between(float(bounds[0]), float(bounds[1]))})"
    return (
        Cell(words.plain(rule["rule"], 64), code=True),
        f"{words.plain(rule.get('labelled', 0), 12)} ({words.plain(rule.get('open', 0), 12)} open)",
        _of(judge, "found", "positives"),
        _of(judge, "cleared", "negatives"),
        f"{kappa:.2f}" if isinstance(kappa, float) else "–",
        shown,
    )


def _of(judge: Json, part: str, whole: str) -> str:
    return f"{words.plain(judge.get(part, '–'), 12)} of {words.plain(judge.get(whole, '–'), 12)}"


def _comparisons(gathered: Gathered) -> Iterator[Block]:
    rows = [
        (
            Cell(
                words.plain(one.get("rule"), 64),
                small=words.plain(one.get("measure"), 40),
                code=True,
            ),
            f"{words.plain(one.get('first'), 60)} and {words.plain(one.get('second'), 60)}",
            words.plain(one.get("seeds"), 12),
            f"{float(one.get('difference') or 0) * 100:+.1f} points",
            f"the second is {words.plain(one.get('second_is'), 40)}",
        )
        for verification in gathered.verifications
        for one in list(verification.value.get("comparisons") or ())[:200]
    ]
    if rows:
        yield Heading("Providers compared")
        yield table(
            ("rule", "targets", "pairs", "difference", "answer"),
            rows,
            "Exact paired tests, corrected for all questions (Holm). “Not distinguished” "
            "does not say that they are equal.",
        )
