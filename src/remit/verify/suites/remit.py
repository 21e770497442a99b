"""A suite from a remit: its own examples first, then scenarios of each rule's kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from remit.policy import Policy, Rule
from remit.types import Stage
from remit.verify.cases import Case
from remit.verify.suites import examples, generated
from remit.verify.suites.errors import SuiteError
from remit.verify.suites.kinds import LANGUAGES, Library, library

VERSION = "2"
"""Of the scenarios. A change of a text that ships changes it, and with it what a rate is of."""

MOST_PER_RULE = 100_000


def from_remit(
    policy: Policy,
    *,
    seed: int = 0,
    per_rule: int = 20,
    languages: Sequence[str] | None = None,
    rules: Sequence[str] | None = None,
) -> list[Case]:
    """Pairs of cases for each rule that is asked at run time: a violation sought, and its twin.

    `per_rule` counts seed scenarios, examples included, so a rule has twice as many cases; fewer
    where its scenarios are used up. Both cases of a pair share their `seed`; count them by `aim`.
    `languages` are the remit's own where not given; one without scenarios is left out, English
    taken where none is left. The same arguments give the same cases on every machine, and a
    larger `per_rule` only adds to them. Raises SuiteError.
    """
    if not 1 <= per_rule <= MOST_PER_RULE:
        raise SuiteError(f"per_rule is {per_rule}; give 1 to {MOST_PER_RULE}")
    asked = [rule for rule in policy.rules if _at_run_time(rule)]
    if rules is not None:
        known = {rule.id for rule in policy.rules}
        for name in rules:
            if name not in known:
                raise SuiteError(f"no rule '{name}'; have {', '.join(sorted(known))}")
        asked = [rule for rule in asked if rule.id in rules]
    spoken = _languages(policy, languages)
    texts = library()
    return [
        case
        for rule in asked
        for pair in islice(_pairs(rule, texts, spoken, seed), per_rule)
        for case in pair
    ]


def _pairs(
    rule: Rule, texts: Library, languages: Sequence[str], seed: int
) -> Iterator[generated.Pair]:
    return chain(
        examples.pairs(rule, texts, languages), generated.pairs(rule, texts, languages, seed)
    )


def _at_run_time(rule: Rule) -> bool:
    return any(rule.action(stage) is not None for stage in (Stage.INPUT, Stage.OUTPUT, Stage.TOOL))


def _languages(policy: Policy, languages: Sequence[str] | None) -> tuple[str, ...]:
    if languages is None:
        own = policy.assistant.languages if policy.assistant else ()
        return tuple(lang for lang in own if lang in LANGUAGES) or ("en",)
    for language in languages:
        if language not in LANGUAGES:
            have = ", ".join(LANGUAGES)
            raise SuiteError(f"no scenarios in '{language}'; have {have}, or put in your own files")
    return tuple(dict.fromkeys(languages)) or ("en",)
