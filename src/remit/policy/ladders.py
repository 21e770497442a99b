"""Lints of `when_broken`: what an alarm could not set in motion, or would in an odd order. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from remit.policy.intervening import Kind, Rung
from remit.policy.model import Rule
from remit.types import Action, Stage

# Kinds that are sure or silent: between 0 and 1 they give no score that a limit could reach.
_SURE = frozenset({"phrases", "pattern", "identifier", "echo"})
_RUN_TIME = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)

Found = tuple[str, str, str, str]  # key, message, code, level


def lint_ladder(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    """What is wrong with a rule's own ladder."""
    ladder = rule.when_broken or ()
    if ladder and not any(rule.action(stage) is not None for stage in _RUN_TIME):
        message = "when_broken is for rules that are asked in production; add input or output"
        yield "when_broken", message, "never-broken", "error"
        return
    for rung in ladder:
        yield from _rung(rule, rung)
    for one, next_ in pairwise(ladder):
        if next_.kind.gravity < one.kind.gravity:
            message = f"takes {next_.kind} after {one.kind}, which is harder to undo; turn them"
            yield "when_broken", message, "graver-first", "warning"
            return


def _rung(rule: Rule, rung: Rung) -> Iterator[Found]:
    sure = bool(rule.detect) and all(used.kind in _SURE for used in rule.detect)
    kinds = ", ".join(sorted({used.kind for used in rule.detect}))
    if rung.kind is Kind.TIGHTEN:
        threshold = float(rung.setting["threshold"])
        if sure:
            message = f"tighten changes nothing: {kinds} give no score between; take another"
            yield "when_broken", message, "cannot-tighten", "error"
        elif threshold >= rule.threshold:
            message = f"tighten {threshold:g} is no lower than its threshold {rule.threshold:g}"
            yield "when_broken", f"{message}; write a lower one", "cannot-tighten", "error"
    elif rung.kind is Kind.APPROVE and "from" in rung.setting:
        least = float(rung.setting["from"])
        if sure or least >= rule.threshold:
            message = f"nothing would wait: what it scores from {least:g} on is stopped already"
            yield "when_broken", f"{message}; write require: approval", "never-waits", "error"
    elif rung.kind is Kind.REGENERATE:
        if not (rule.action(Stage.OUTPUT) or Action.ALLOW).stops:
            message = "regenerate changes nothing: it stops no reply; have output: replace or block"
            yield "when_broken", message, "cannot-regenerate", "error"
    elif rung.kind is Kind.KILL:
        message = "an alarm may stop the assistant until an admin undoes it; pause ends by itself"
        yield "when_broken", message, "kills", "warning"
