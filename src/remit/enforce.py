"""The one flow: interaction -> findings -> verdict. Every layer judges through it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remit.detectors.base import ConfigError, Matcher, Reader, Reading, Setting, SlowMatcher, Use
from remit.detectors.compiled import Shelf
from remit.detectors.registry import Registry, registry
from remit.detectors.text import Text
from remit.policy import Loaded, Policy, PolicyError, Problem, Rule
from remit.types import (
    CLEAN,
    Action,
    Detection,
    Failure,
    Finding,
    Interaction,
    Outcome,
    RuleResult,
    Span,
    Stage,
    Verdict,
    merge_spans,
)

# Seconds after which a slow detector has failed, whatever limit it keeps itself.
PATIENCE = 60.0


def decide(policy: Policy, findings: Sequence[Finding], stage: Stage) -> Verdict:
    """What the findings come to at a stage. Pure; findings in any order give the same action.

    A rule that is asked at this stage but lacks a finding of one of its detectors has a detector
    that did not answer, which is a failure and never a pass.
    """
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    results = {
        rule.id: _result(rule, by_rule.get(rule.id, []), stage)
        for rule in policy.rules
        if rule.action(stage) is not None
    }
    action = max((result.action for result in results.values()), default=Action.ALLOW)
    decisive = () if action is Action.ALLOW else _decisive(policy, results, action)
    spans = (span for r in results.values() if r.action > Action.ALLOW for span in r.spans)
    return Verdict(
        action, stage, policy.digest, tuple(findings), decisive, merge_spans(spans), results
    )


def _result(rule: Rule, findings: Sequence[Finding], stage: Stage) -> RuleResult:
    action = rule.action(stage) or Action.ALLOW
    answered = Counter(finding.detector for finding in findings)
    absent = Counter(detect.kind for detect in rule.detect) - answered
    failures = [f"detector {kind} gave no answer" for kind in sorted(absent)]
    failures += [f.outcome.error for f in findings if isinstance(f.outcome, Failure)]
    detections = [f.outcome for f in findings if isinstance(f.outcome, Detection)]
    score = max((detection.score for detection in detections), default=None)
    hits = [d for d in detections if d.score >= rule.threshold]
    # Each hit by itself: what one detector can mask does not cover what another cannot.
    taken = max((violation(action, hit.spans) for hit in hits), default=Action.ALLOW)
    if failures:
        taken = max(taken, violation(rule.failure_action, ()))
    spans = merge_spans(span for hit in hits for span in hit.spans)
    reasons = "; ".join(dict.fromkeys(hit.reason for hit in hits if hit.reason))
    return RuleResult(taken, score, spans, "; ".join(dict.fromkeys(failures)) or None, reasons)


def violation(action: Action, spans: Sequence[Span]) -> Action:
    """The action on a violation: redacting where there is nothing to mask would let all through."""
    return Action.BLOCK if action is Action.REDACT and not spans else action


_SEVERITIES = ("critical", "high", "medium", "low")


def _decisive(policy: Policy, results: Mapping[str, RuleResult], action: Action) -> tuple[str, ...]:
    """The rules that led to the action, the gravest first; its words go to the client."""
    rules = [rule for rule in policy.rules if rule.id in results]
    rules = [rule for rule in rules if results[rule.id].action is action]
    return tuple(r.id for r in sorted(rules, key=lambda r: (_SEVERITIES.index(r.severity), r.id)))


@dataclass(frozen=True, slots=True)
class Asked:
    """One matcher and whose questions it answers, in the order of its outcomes."""

    kind: str
    rules: tuple[Rule, ...]
    matcher: Matcher | None = None
    slow: SlowMatcher | None = None
    clean: tuple[Outcome, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", (CLEAN,) * len(self.rules))


class Enforcer:
    """A policy with its detectors compiled, for every stage it speaks of."""

    def __init__(self, policy: Policy, stages: Mapping[Stage, tuple[Asked, ...]]) -> None:
        self.policy = policy
        self._stages = stages
        self._rules = {
            stage: tuple(rule for rule in policy.rules if rule.action(stage) is not None)
            for stage in Stage
        }
        self._clean = {stage: self._clean_verdict(stage) for stage in Stage}
        self._heavy = {
            stage: any(getattr(asked.matcher, "heavy", False) for asked in self.asked(stage))
            for stage in Stage
        }
        self._slow = {
            stage: tuple(asked for asked in self.asked(stage) if asked.slow) for stage in Stage
        }

    def asked(self, stage: Stage) -> tuple[Asked, ...]:
        """The matchers of a stage."""
        return self._stages.get(stage, ())

    def rules(self, stage: Stage) -> tuple[Rule, ...]:
        """The rules that are asked at a stage."""
        return self._rules[stage]

    def slow(self, stage: Stage) -> bool:
        """True where a detector of this stage waits on a model."""
        return bool(self._slow[stage])

    def heavy(self, stage: Stage) -> bool:
        """True where reading takes so long that an event loop reads in a thread."""
        return self._heavy[stage]

    def clean(self, stage: Stage) -> Verdict:
        """The verdict on a text that breaks nothing."""
        return self._clean[stage]

    def _clean_verdict(self, stage: Stage) -> Verdict:
        findings = [Finding(r.id, a.kind, CLEAN) for a in self.asked(stage) for r in a.rules]
        return decide(self.policy, findings, stage)

    def judge(
        self, interaction: Interaction, stage: Stage, only: Collection[int] | None = None
    ) -> Verdict:
        """The verdict on the last message. Waits for slow detectors; see `ajudge`.

        `only` are the places in `asked(stage)` of the fast matchers that must read; all others
        are known to find nothing, as a sieve over many texts has shown.
        """
        if self.slow(stage):
            return run(self.ajudge(interaction, stage, only))  # type: ignore[no-any-return]
        text = Text(interaction.judged)
        return self._verdict(stage, self._read(interaction, stage, text, only))

    async def ajudge(
        self, interaction: Interaction, stage: Stage, only: Collection[int] | None = None
    ) -> Verdict:
        """The verdict on the last message, without blocking the event loop on slow detectors."""
        text = Text(interaction.judged)
        if self.heavy(stage):
            answers = await asyncio.to_thread(self._read, interaction, stage, text, only)
        else:
            answers = self._read(interaction, stage, text, only)
        answers += await self.ask_slow(interaction, stage, text)
        return self._verdict(stage, answers)

    def readers(self, context: Interaction, stage: Stage) -> list[tuple[Asked, Reader]]:
        """The fast matchers of a stage, bound to a conversation."""
        return [
            (asked, _bound(asked.matcher, context)) for asked in self.asked(stage) if asked.matcher
        ]

    def _read(
        self,
        interaction: Interaction,
        stage: Stage,
        text: Text,
        only: Collection[int] | None = None,
    ) -> list[tuple[Asked, tuple[Outcome, ...]]]:
        answers = []
        for place, asked in enumerate(self.asked(stage)):
            if asked.matcher is None:
                continue
            if only is not None and place not in only:
                answers.append((asked, asked.clean))
            else:
                reader = _bound(asked.matcher, interaction)
                answers.append((asked, attempt(asked, reader, text).outcomes))
        return answers

    async def ask_slow(
        self, interaction: Interaction, stage: Stage, text: Text
    ) -> list[tuple[Asked, tuple[Outcome, ...]]]:
        """The answers of the slow detectors of a stage on a whole text."""
        asking = (_ask(asked, text, interaction) for asked in self._slow[stage])
        return list(await asyncio.gather(*asking))

    def _verdict(
        self, stage: Stage, answers: Sequence[tuple[Asked, tuple[Outcome, ...]]]
    ) -> Verdict:
        if all(outcomes == asked.clean for asked, outcomes in answers):
            return self._clean[stage]
        return decide(self.policy, findings(answers), stage)


def findings(answers: Iterable[tuple[Asked, tuple[Outcome, ...]]]) -> list[Finding]:
    """Outcomes as findings of their rules. A matcher that answers too few or too many failed."""
    found: list[Finding] = []
    for asked, given in answers:
        right = len(given) == len(asked.rules)
        outcomes = given if right else miscounted(asked, len(given))
        found += [
            Finding(rule.id, asked.kind, outcome)
            for rule, outcome in zip(asked.rules, outcomes, strict=True)
        ]
    return found


def miscounted(asked: Asked, got: int) -> tuple[Outcome, ...]:
    """Failures for every rule of a matcher that gave the wrong number of answers."""
    error = f"detector {asked.kind} gave {got} answers for {len(asked.rules)} questions"
    return (Failure(error),) * len(asked.rules)


def attempt(asked: Asked, reader: Reader, text: Text, *, final: bool = True) -> Reading:
    """A reading; a detector that raises or miscounts has failed for all its rules."""
    size = len(text.raw)
    try:
        reading = reader.read(text, final=final)
        if reading.outcomes == asked.clean and 0 <= reading.settled <= size:
            return reading
        outcomes = checked(asked, reading.outcomes, size)
        settled = min(reading.settled, size)
    except Exception as error:  # noqa: BLE001  any error of a detector is a failure, never a pass
        return Reading(failed(asked, error), size)
    return Reading(outcomes, settled)


class _Unbound:
    """Stands for a reader that could not be made: every reading fails with the same error."""

    def __init__(self, error: Exception) -> None:
        self.quiet: dict[str, int] = {}
        self._error = error

    def read(self, text: Text, *, final: bool = True) -> Reading:
        raise self._error


def _bound(matcher: Matcher, context: Interaction) -> Reader:
    try:
        return matcher.bind(context)
    except Exception as error:  # noqa: BLE001  any error of a detector is a failure, never a pass
        return _Unbound(error)


def failed(asked: Asked, error: Exception) -> tuple[Outcome, ...]:
    """Failures for every rule of a matcher that raised."""
    failure = Failure(f"detector {asked.kind} failed: {type(error).__name__}: {error}")
    return (failure,) * len(asked.rules)


def checked(asked: Asked, outcomes: Sequence[Outcome], size: int) -> tuple[Outcome, ...]:
    """A matcher's answers on a text of `size` characters; what makes no sense is a failure."""
    if len(outcomes) != len(asked.rules):
        return miscounted(asked, len(outcomes))
    return tuple([o if o is CLEAN else _sound(asked.kind, o, size) for o in outcomes])


def _sound(kind: str, outcome: Outcome, size: int) -> Outcome:
    if isinstance(outcome, Failure):
        return outcome
    if not isinstance(outcome, Detection):
        return Failure(f"detector {kind} gave {outcome!r}, neither a detection nor a failure")
    if not 0 <= outcome.score <= 1:
        return Failure(f"detector {kind} gave the score {outcome.score}, which is no probability")
    for span in outcome.spans:
        if not 0 <= span.start < span.end <= size:
            return Failure(f"detector {kind} gave the span {span}, outside the text")
    return outcome


async def _ask(asked: Asked, text: Text, context: Interaction) -> tuple[Asked, tuple[Outcome, ...]]:
    assert asked.slow is not None  # noqa: S101  only slow matchers are asked
    try:
        outcomes = await asyncio.wait_for(asked.slow.ask(text, context), PATIENCE)
        return asked, checked(asked, outcomes, len(text.raw))
    except TimeoutError:
        failure = Failure(f"detector {asked.kind} gave no answer in {PATIENCE:g} s")
        return asked, (failure,) * len(asked.rules)
    except Exception as error:  # noqa: BLE001  any error of a detector is a failure, never a pass
        return asked, failed(asked, error)


def compile_policy(
    loaded: Loaded,
    kinds: Registry | None = None,
    models: Mapping[str, Any] | None = None,
    cache: Path | None = None,
) -> Enforcer:
    """Compiles every detector of a remit. Raises PolicyError at the line of what is refused.

    `models` are the judges by name; `cache` a folder that keeps compiled patterns between starts.
    """
    kinds = kinds or registry()
    policy = loaded.policy
    languages = policy.assistant.languages if policy.assistant else ("en",)
    setting = Setting(policy.regions, languages, models or {}, Shelf(cache))
    problems: list[Problem] = []
    uses = _uses(loaded, kinds, problems)
    stages: dict[Stage, tuple[Asked, ...]] = {}
    if not problems:
        for stage in Stage:
            stages[stage] = tuple(_compile_stage(uses, stage, kinds, setting))
    if problems:
        raise PolicyError(problems)
    return Enforcer(policy, stages)


def _uses(loaded: Loaded, kinds: Registry, problems: list[Problem]) -> list[tuple[Rule, str, Use]]:
    uses = []
    for number, rule in enumerate(loaded.policy.rules):
        for index, detect in enumerate(rule.detect):
            try:
                config = kinds.kind(detect.kind).parse(detect.config)
            except ConfigError as error:
                path = ("rules", number, "detect", index)
                problems.append(loaded.problem(path, f"rule {rule.id}: {error}", rule=rule.id))
                continue
            breaks = tuple(example.text for example in rule.breaks)
            keeps = tuple(example.text for example in rule.keeps)
            uses.append((rule, detect.kind, Use(rule.id, config, rule.says, breaks, keeps)))
    return uses


def _compile_stage(
    uses: Sequence[tuple[Rule, str, Use]], stage: Stage, kinds: Registry, setting: Setting
) -> Iterable[Asked]:
    here = [(rule, kind, use) for rule, kind, use in uses if rule.action(stage) is not None]
    for kind in dict.fromkeys(kind for _, kind, _ in here):
        mine = [(rule, use) for rule, name, use in here if name == kind]
        matcher = kinds.kind(kind).compile([use for _, use in mine], setting)
        rules = tuple(rule for rule, _ in mine)
        if isinstance(matcher, SlowMatcher):
            yield Asked(kind, rules, slow=matcher)
        else:
            yield Asked(kind, rules, matcher)


def run(coroutine: Any) -> Any:
    """Runs a coroutine to its end from code without an event loop, or beside a running one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
