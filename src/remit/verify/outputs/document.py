"""A verification as JSON, for programs and as the baseline of the next one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from remit.types import Json
from remit.verify.contrast import Contrast, Question, between, settled
from remit.verify.mutation import Mutant
from remit.verify.results import MEASURES, Outcome, Seed
from remit.verify.verdicts import Line
from remit.verify.verification import Regression, Verification, Verified

FORMAT = 1
_METHODS = {
    "exact": "Clopper-Pearson, one-sided each",
    "sequential": "confidence sequence",
    "judged": "none: the judge is not calibrated",
    "corrected": "Rogan-Gladen",
}
_LARGEST = 500_000_000


class BaselineError(ValueError):
    """The baseline cannot be used; the message names the file and the cure."""


def document(verification: Verification) -> Json:
    """All numbers, and what became of each seed."""
    policy, limits = verification.policy, verification.limits
    value: Json = {
        "remit-verification": FORMAT,
        "remit": verification.remit_version,
        "organisation": policy.organisation,
        "policy": policy.digest,
        "suites": verification.suites.to_json(),
        "seed": verification.seed,
        "repeats": verification.repeats,
        "claim": None if limits.claim is None else str(limits.claim),
        "confidence": limits.confidence,
        "started": verification.started,
        "seconds": round(verification.seconds, 3),
        "spent": round(verification.spent, 6),
        "stopped": verification.stopped,
        "decision": verification.decision,
        "not_asked": list(verification.not_asked),
        "targets": [_target(target) for target in verification.targets],
        "comparisons": [_contrast(contrast) for contrast in verification.contrasts],
    }
    if verification.regression is not None:
        compared = verification.regression
        value["regression"] = {
            "baseline": compared.baseline,
            "worse": [_contrast(contrast) for contrast in compared.worse],
            "comparisons": [_contrast(contrast) for contrast in compared.contrasts],
        }
    if verification.mutants:
        value["mutants"] = [_mutant(mutant) for mutant in verification.mutants]
    return value


def _mutant(mutant: Mutant) -> Json:
    return {
        "kind": mutant.kind,
        "rule": mutant.rule,
        "without": mutant.what,
        "seeds": mutant.seeds,
        "failed_before": mutant.before,
        "failed_after": mutant.after,
        "newly_failed": mutant.new,
        "broken": mutant.broken,
        "noticed": mutant.noticed,
    }


def _target(target: Verified) -> Json:
    outcome = target.outcome
    return {
        "name": target.name,
        "layers": list(target.layers),
        "samples": outcome.samples,
        "errors": outcome.failed,
        "undecided": outcome.undecided,
        "partly_refused": outcome.refused_partly,
        "tokens": {"in": outcome.tokens_in, "out": outcome.tokens_out},
        "served_by": dict(outcome.served_by),
        "graders": dict(outcome.graders),
        "error_messages": dict(outcome.errors),
        "rules": [_line(line) for line in target.lines],
        "attacks": [
            {"rule": rule, "attack": attack, "samples": t.played, "succeeded": t.succeeded}
            for (rule, attack), t in outcome.attacks.items()
        ],
        "seeds": _seeds(outcome),
    }


def _seeds(outcome: Outcome) -> Json:
    """Rule, measure, seed: how often played, failed, unknown."""
    found: Json = {}
    for (rule, measure), group in outcome.groups.items():
        found.setdefault(rule, {})[measure] = {
            name: [seed.played, seed.failed, seed.unknown] for name, seed in group.seeds.items()
        }
    return found


def _line(line: Line) -> Json:
    return {
        "rule": line.rule,
        "measure": line.measure,
        "seeds": line.n,
        "failed": line.failed,
        "unknown": line.unknown,
        "rate": None if line.basis == "judged" else line.rate,
        "interval": None if line.basis == "judged" else [line.interval.low, line.interval.high],
        "confidence": line.confidence,
        "method": _METHODS[line.basis],
        "limit": line.limit,
        "attempts": line.attempts,
        "decision": line.decision,
        "needed": line.needed,
    }


def _contrast(contrast: Contrast) -> Json:
    found, allowed = contrast.comparison, contrast.replacement
    return {
        "rule": contrast.rule,
        "measure": contrast.measure,
        "first": contrast.first,
        "second": contrast.second,
        "seeds": found.seeds,
        "left_out": contrast.left_out,
        "first_rate": found.second_rate,
        "second_rate": found.first_rate,
        "difference": found.difference,
        "interval": [found.interval.low, found.interval.high],
        "p": found.p_value,
        "second_is": contrast.answer,
        "may_replace": None if allowed is None else allowed.shown,
        "newly_failing": list(contrast.worse_seeds),
    }


# --- Baselines -----------------------------------------------------------------------------------


def regression(path: str | Path, targets: tuple[Verified, ...], question: Question) -> Regression:
    """This run against an earlier one's JSON, over the seeds of both, targets by name.

    Where neither run has a second target, their names need not agree. Raises BaselineError.
    """
    seeds = _baseline(path)
    alone = len(seeds) == 1 and len(targets) == 1
    found: list[Contrast] = []
    for target in targets:
        name = next(iter(seeds)) if alone else target.name
        if name not in seeds:
            continue
        for (rule, measure), group in target.outcome.groups.items():
            before = seeds[name].get(rule, {}).get(measure, {})
            sides = (f"{name} before", before), (target.name, group.seeds)
            contrast = between(rule, measure, *sides, question)
            if contrast is not None:
                found.append(contrast)
    if not found:
        raise BaselineError(f"{path} shares no target and seed with this run; compare like suites")
    return Regression(str(path), tuple(settled(found, question)))


def _baseline(path: str | Path) -> dict[str, dict[str, dict[str, dict[str, Seed]]]]:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise BaselineError(f"{path} cannot be read ({error.strerror})") from None
    try:
        value = orjson.loads(data)
        if value["remit-verification"] != FORMAT:
            raise ValueError(f"format {value['remit-verification']}")
        return {str(target["name"]): _read_seeds(target["seeds"]) for target in value["targets"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is no baseline ({error}); write one with `remit verify … --json FILE`"
        raise BaselineError(message) from None


def _read_seeds(value: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Seed]]]:
    return {
        str(rule): {
            measure: {str(name): _seed(counts) for name, counts in groups[measure].items()}
            for measure in MEASURES
            if measure in groups
        }
        for rule, groups in value.items()
    }


def _seed(counts: list[int]) -> Seed:
    played, failed, unknown = counts
    if not all(isinstance(n, int) for n in counts) or not 0 <= failed + unknown <= played:
        raise ValueError(f"impossible counts {counts}")
    return Seed(played, failed, unknown)
