"""Lints: what a remit may say but should not, with the place and the cure. Pure.

An error is a rule that would not do what it claims; a warning is worth a look. What only the
detectors can tell (does an example break its rule?) is found by `remit check`, not here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from remit.policy.ladders import lint_ladder
from remit.policy.load import Loaded
from remit.policy.model import Detect, Example, Rule
from remit.policy.source import Path, Problem
from remit.types import Action, Stage

# Kinds that judge a text as a whole: they name no characters that could be masked.
_SPANLESS = frozenset({"judge"})
# Kinds that look for what was confided earlier: there is no earlier in a client's own message.
_NEEDS_EARLIER = frozenset({"echo"})
# Kinds whose scores are set so that 0.5 is the rate of false alarms that the rule tolerates.
_TOLERATE_ALARMS = frozenset({"topic", "attack", "harm", "doubt", "refusal", "promise", "examples"})
_NOTHING_EARLIER = (Stage.DATA, Stage.INPUT)

Found = tuple[str, str, str, str]  # key, message, code, level
RuleLint = Callable[[Rule, tuple[str, ...]], Iterator[Found]]


def lint(loaded: Loaded) -> list[Problem]:
    """Every structural problem of a remit, in the order of the file."""
    policy = loaded.policy
    languages = policy.assistant.languages if policy.assistant else ()
    problems = [
        loaded.problem(
            ("rules", index, key),
            f"rule {rule.id}: {message}",
            code=code,
            level=level,
            rule=rule.id,
        )
        for index, rule in enumerate(policy.rules)
        for check in _RULE_LINTS
        for key, message, code, level in check(rule, languages)
    ]
    for between in (_contradictions, _conflicts, _look_alikes):
        problems.extend(between(loaded))
    return sorted(problems, key=lambda problem: problem.mark.line)


# --- One rule ----------------------------------------------------------------------------------


def _not_enforced(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    if not rule.detect:
        cure = "add detect: with what recognises a text that breaks it"
        yield "detect", f"nothing enforces it: it has no detector; {cure}", "not-enforced", "error"
    elif all(rule.action(stage) == Action.ALLOW for stage in rule.then):
        cure = "give a stage an action, such as then: {output: block}"
        yield "then", f"nothing enforces it: every stage allows; {cure}", "not-enforced", "error"


def _not_verified(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    if not (rule.audit or rule.breaks or rule.keeps):
        cure = "add examples (breaks, keeps) or audit: [{judge: default}]"
        yield "id", f"nothing verifies it; {cure}", "not-verified", "warning"
        return
    for key, wording in (("breaks", "breaks"), ("keeps", "keeps")):
        if not getattr(rule, key):
            message = f"no example {wording} it; add one under {key}:"
            yield key, message, f"no-{key}", "warning"


def _own_judge(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    for auditor in rule.audit:
        for used in rule.detect:
            if auditor.kind != used.kind:
                continue
            if _shared(auditor, used):
                message = (
                    f"audit uses the detector '{auditor.kind}' that detect uses too, so it would "
                    "grade itself; audit with another kind or other settings"
                )
                yield "audit", message, "own-judge", "error"
                return
            if auditor.kind == "judge" and _judge_model(auditor) == _judge_model(used):
                message = "audit asks the same model as detect; name another judge to audit with"
                yield "audit", message, "same-judge-model", "warning"
                return


def _answers(rule: Rule, languages: tuple[str, ...]) -> Iterator[Found]:
    speaks = {Action.REPLACE, Action.HAND_OVER}
    runtime = (Stage.INPUT, Stage.OUTPUT, Stage.TOOL)
    if rule.answer is None and speaks & {rule.action(stage) for stage in runtime}:
        message = "has no answer, so clients read a general text; add answer: with your own words"
        yield "then", message, "no-answer", "warning"
    if isinstance(rule.answer, dict):
        missing = [language for language in languages if language not in rule.answer]
        if missing:
            message = f"its answer lacks the assistant's language {', '.join(missing)}; add it"
            yield "answer", message, "answer-language", "warning"


def _leniency(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    if rule.tolerance >= 1:
        message = "a tolerance of 100% tolerates everything; write the share you accept, such as 1%"
        yield "tolerance", message, "tolerates-all", "warning"
    if rule.wrongly is not None and rule.then.get(Stage.DATA) != "drop":
        message = "bounds wrong drops, but drops nothing; write then: {data: drop} or leave it out"
        yield "wrongly", message, "bounds-nothing", "warning"
    if rule.severity in ("high", "critical") and rule.failure_action < Action.REDACT:
        message = (
            f"lets texts pass when a detector fails (on_failure: {rule.on_failure}) although its "
            f"severity is {rule.severity}; leave on_failure out to block"
        )
        yield "on_failure", message, "fails-open", "warning"


def _cannot_redact(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    masking = [stage.value for stage in rule.then if rule.action(stage) == Action.REDACT]
    blind = [used.kind for used in rule.detect if used.kind in _SPANLESS]
    if masking and blind:
        message = (
            f"'{blind[0]}' names no characters, so nothing can be masked at {', '.join(masking)}; "
            "use replace or block there, or a detector with spans"
        )
        yield "then", message, "cannot-redact", "error"


def _moved_limit(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    blunted = [used.kind for used in rule.detect if used.kind in _TOLERATE_ALARMS]
    if blunted and rule.threshold != 0.5:
        kind = blunted[0]
        cure = f"leave threshold out and write {kind}: {{…, alarms: 1%}}"
        message = (
            f"its threshold of {rule.threshold:g} undoes the false alarms that '{kind}' is held "
            f"to, which are kept at 0.5 alone; {cure}"
        )
        yield "threshold", message, "moved-limit", "warning"


def _impossible_stage(rule: Rule, _: tuple[str, ...]) -> Iterator[Found]:
    if not rule.detect or any(used.kind not in _NEEDS_EARLIER for used in rule.detect):
        return
    for stage in _NOTHING_EARLIER:
        if (rule.action(stage) or Action.ALLOW) > Action.ALLOW:
            message = (
                f"'{rule.detect[0].kind}' finds what was confided earlier, and at {stage} there is "
                "nothing earlier; use it at output or tool"
            )
            yield "then", message, "impossible-stage", "error"


_RULE_LINTS: tuple[RuleLint, ...] = (
    _not_enforced,
    _not_verified,
    _own_judge,
    _answers,
    _leniency,
    _cannot_redact,
    _moved_limit,
    _impossible_stage,
    lint_ladder,
)


# --- Between rules -----------------------------------------------------------------------------


def _contradictions(loaded: Loaded) -> Iterator[Problem]:
    broken = {
        _situation(rule, example): rule.id
        for rule in loaded.policy.rules
        for example in rule.breaks
    }
    for index, rule in enumerate(loaded.policy.rules):
        for number, example in enumerate(rule.keeps):
            other = broken.get(_situation(rule, example))
            if other is None:
                continue
            message = (
                f"rule {rule.id}: this example keeps it and breaks rule {other}; "
                "take it out of one of them"
            )
            path: Path = ("rules", index, "keeps", number)
            yield loaded.problem(path, message, code="contradiction", rule=rule.id)


def _situation(rule: Rule, example: Example) -> tuple[Stage, str, str, str]:
    texts = (example.text, example.user or "", example.context or "")
    said, asked, given = (" ".join(text.casefold().split()) for text in texts)
    return example.stage or rule.home, said, asked, given


def _conflicts(loaded: Loaded) -> Iterator[Problem]:
    first: dict[frozenset[str], Rule] = {}
    for index, rule in enumerate(loaded.policy.rules):
        if not rule.detect:
            continue
        other = first.setdefault(frozenset(map(_canonical, rule.detect)), rule)
        differing = [
            stage
            for stage in rule.then.keys() & other.then.keys()
            if rule.action(stage) != other.action(stage)
        ]
        if differing:
            stage = min(differing)
            message = (
                f"rule {rule.id}: detects the same as rule {other.id} but says "
                f"'{rule.then[stage]}' at {stage} where that says '{other.then[stage]}', and the "
                "stricter wins; merge them"
            )
            path: Path = ("rules", index, "then", stage.value)
            yield loaded.problem(path, message, code="conflict", level="warning", rule=rule.id)


def _look_alikes(loaded: Loaded) -> Iterator[Problem]:
    ids: dict[str, str] = {}
    says: dict[frozenset[str], str] = {}
    for index, rule in enumerate(loaded.policy.rules):
        words = frozenset(rule.says.casefold().strip(".!").split())
        near = next((ids[key] for key in _spellings(rule.id) if key in ids), None)
        same = says.get(words)
        for spelling in _spellings(rule.id):
            ids.setdefault(spelling, rule.id)
        says.setdefault(words, rule.id)
        other, key = (near, "id") if near else (same, "says")
        if other:
            message = f"rule {rule.id}: looks like rule {other}; merge them or tell them apart"
            path: Path = ("rules", index, key)
            yield loaded.problem(path, message, code="look-alike", level="warning", rule=rule.id)


def _spellings(id: str) -> Iterator[str]:
    """The id and all that lack one of its letters: ids that share one are a letter apart.

    Digits stay, for `article-5` and `article-9` are apart on purpose. Short ids are not compared.
    """
    yield id
    if len(id) >= 8:
        for at, char in enumerate(id):
            if char.isalpha():
                yield id[:at] + id[at + 1 :]


# --- Detectors compared ------------------------------------------------------------------------


def _canonical(detector: Detect) -> str:
    config = detector.config
    if detector.kind == "judge":
        config = [_judge_model(detector), _judge_question(detector)]
    elif isinstance(config, list):
        config = sorted(config, key=lambda item: json.dumps(item, sort_keys=True, default=str))
    return json.dumps([detector.kind, config], sort_keys=True, default=str)


def _shared(one: Detect, other: Detect) -> bool:
    """True where both are the same detector, or their lists have an entry in common."""
    if _canonical(one) == _canonical(other):
        return True
    mine, theirs = _entries(one.config), _entries(other.config)
    return one.kind != "judge" and bool(mine & theirs)


def _entries(config: Any) -> frozenset[str]:
    items = config if isinstance(config, list) else [config]
    return frozenset(json.dumps(item, sort_keys=True, default=str) for item in items)


def _judge_model(detector: Detect) -> str:
    config = detector.config
    if isinstance(config, Mapping):
        return str(config.get("model", "default"))
    return str(config or "default")


def _judge_question(detector: Detect) -> str:
    return str(detector.config.get("question", "")) if isinstance(detector.config, Mapping) else ""
