"""Does a remit hold? Lint, detectors that compile, and examples that do what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remit.detectors.base import ConfigError
from remit.detectors.registry import Registry, registry
from remit.detectors.text import Text
from remit.enforce import Asked, Enforcer, attempt, compile_policy, findings
from remit.policy import Example, Loaded, PolicyError, Problem, Rule
from remit.policy.lint import lint
from remit.types import Detection, Failure, Interaction, Message, Outcome, Stage

_ROLES = {
    Stage.INPUT: "user",
    Stage.OUTPUT: "assistant",
    Stage.TOOL: "tool",
    Stage.TRAINING: "assistant",
}


def check(loaded: Loaded, kinds: Registry | None = None) -> list[Problem]:
    """Every problem of a remit, in the order of the file; of level error, warning or note.

    Examples are judged by the rule's own detectors, at the example's stage, without any model: an
    example that breaks the rule must be found, one that keeps it must not. Where only a model could
    tell, that is noted.
    """
    kinds = kinds or registry()
    problems = lint(loaded)
    problems += _auditors(loaded, kinds, {p.rule for p in problems if p.code == "own-judge"})
    try:
        enforcer = compile_policy(loaded, kinds)
    except PolicyError as error:
        problems += error.problems
    else:
        problems += _examples(loaded, enforcer)
    return sorted(problems, key=lambda p: (p.mark.line, p.mark.column))


def situation(rule: Rule, example: Example) -> tuple[Interaction, Stage]:
    """An example as the conversation in which it is judged, and the stage."""
    stage = example.stage or rule.home
    asked = (Message("user", example.user),) if example.user else ()
    role = _ROLES.get(stage, "assistant" if asked else "user")
    confidential = (example.context,) if example.context else ()
    return Interaction((*asked, Message(role, example.text)), confidential=confidential), stage


# --- Auditors ------------------------------------------------------------------------------------


def _auditors(loaded: Loaded, kinds: Registry, reported: set[str]) -> Iterator[Problem]:
    """Refused settings, and auditors that are a detector of the same rule spelt otherwise."""
    for number, rule in enumerate(loaded.policy.rules):
        own = [(used.kind, _parsed(kinds, used.kind, used.config)) for used in rule.detect]
        for index, auditor in enumerate(rule.audit):
            path = ("rules", number, "audit", index)
            config = _parsed(kinds, auditor.kind, auditor.config)
            if isinstance(config, ConfigError):
                yield loaded.problem(path, f"rule {rule.id}: {config}", rule=rule.id)
            elif (auditor.kind, config) in own and rule.id not in reported:
                message = (
                    f"rule {rule.id}: audit means the same '{auditor.kind}' as detect, so it would "
                    "grade itself; audit with another kind or other settings"
                )
                yield loaded.problem(path, message, code="own-judge", rule=rule.id)


def _parsed(kinds: Registry, kind: str, config: object) -> object:
    try:
        return kinds.kind(kind).parse(config)
    except ConfigError as error:
        return error


# --- Examples ------------------------------------------------------------------------------------


def _examples(loaded: Loaded, enforcer: Enforcer) -> Iterator[Problem]:
    for number, rule in enumerate(loaded.policy.rules):
        if not rule.detect:
            continue
        waits = [asked for asked in enforcer.asked(rule.home) if asked.slow and _asks(asked, rule)]
        if len(waits) == len({used.kind for used in rule.detect}):
            message = (
                f"rule {rule.id}: only a model can judge its examples, so they are not checked "
                "here, and each text waits for that model"
            )
            place = ("rules", number, "detect")
            yield loaded.problem(place, message, code="judge-only", level="note", rule=rule.id)
            continue
        for key, examples in (("breaks", rule.breaks), ("keeps", rule.keeps)):
            for index, example in enumerate(examples):
                found = _example(enforcer, rule, example, key, partly=bool(waits))
                if found is not None:
                    code, message = found
                    path = ("rules", number, key, index)
                    message = f"rule {rule.id}: {message}"
                    yield loaded.problem(path, message, code=code, rule=rule.id)


def _example(
    enforcer: Enforcer, rule: Rule, example: Example, key: str, *, partly: bool
) -> tuple[str, str] | None:
    """What is wrong with an example, as a code and a message. `partly`: a model is asked too."""
    interaction, stage = situation(rule, example)
    if rule.action(stage) is None:
        have = ", ".join(rule.then)
        return "example-stage", f"this example is for {stage}, where it is not asked; have {have}"
    outcomes = _outcomes(enforcer, rule, interaction, stage)
    failures = [outcome.error for outcome in outcomes if isinstance(outcome, Failure)]
    if failures:
        return "example-failed", f"this example could not be judged: {failures[0]}"
    hits = [o for o in outcomes if isinstance(o, Detection) and o.score >= rule.threshold]
    if key == "breaks" and not hits and not partly:
        return "breaks-not-found", (
            f"this example breaks it, and none of its detectors finds that at {stage}; "
            "add what gives it away under detect, or take it out"
        )
    if key == "keeps" and hits:
        span = next((span for hit in hits for span in hit.spans), None)
        what = f" ('{example.text[span.start : span.end]}')" if span else ""
        return "keeps-found", (
            f"this example keeps it, and a detector finds a violation{what} at {stage}; "
            "narrow detect, or move the example to breaks"
        )
    return None


def _outcomes(
    enforcer: Enforcer, rule: Rule, interaction: Interaction, stage: Stage
) -> Sequence[Outcome]:
    text = Text(interaction.judged)
    answers = [
        (asked, attempt(asked, reader, text).outcomes)
        for asked, reader in enforcer.readers(interaction, stage)
        if _asks(asked, rule)
    ]
    return [finding.outcome for finding in findings(answers) if finding.rule == rule.id]


def _asks(asked: Asked, rule: Rule) -> bool:
    return any(other.id == rule.id for other in asked.rules)
