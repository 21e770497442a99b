"""Is a text a remit that would do what it says? As `remit check`, but quick enough to type beside.

Compiling every detector of a remit takes seconds. A draft differs from the remit in force by a
rule or two, and only those are compiled and have their examples judged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from remit.check import check
from remit.policy import Loaded, Policy, PolicyError, Problem, Rule, loads
from remit.policy.lint import lint
from remit.policy.source import Path, Source

FILE = "remit"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a text: `loaded` is None where it is no remit at all."""

    loaded: Loaded | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        """How many problems stand in its way."""
        return sum(problem.level == "error" for problem in self.problems)


def checked(text: str, known: Policy | None = None) -> Checked:
    """Checks a text, rules that are the same in `known` by what they say alone."""
    try:
        loaded = loads(text, FILE)
    except PolicyError as error:
        return Checked(None, tuple(error.problems))
    found = lint(loaded)
    names = _changed(loaded.policy, known)
    if names:
        found += check(narrowed(loaded, names))
    unique = {(p.mark, p.code, p.rule, p.message): p for p in found}
    return Checked(loaded, tuple(sorted(unique.values(), key=lambda p: (p.mark.line, p.code))))


def _changed(policy: Policy, known: Policy | None) -> frozenset[str]:
    same = known is not None and _setting(known) == _setting(policy)
    former = {rule.id: _judged(rule) for rule in known.rules} if known and same else {}
    return frozenset(rule.id for rule in policy.rules if former.get(rule.id) != _judged(rule))


def _setting(policy: Policy) -> object:
    return policy.regions, policy.assistant.languages if policy.assistant else None


def _judged(rule: Rule) -> Rule:
    """The rule without what no detector and no example depends on."""
    return rule.model_copy(
        update={"because": "", "owner": "", "answer": None, "tolerance": 0.0, "severity": "low"}
    )


def narrowed(loaded: Loaded, names: Collection[str]) -> Loaded:
    """The remit with these rules only; each keeps its place in the file for messages that point."""
    kept = [i for i, rule in enumerate(loaded.policy.rules) if rule.id in names]
    policy = loaded.policy.model_copy(update={"rules": tuple(loaded.policy.rules[i] for i in kept)})
    source = loaded.source
    marks = {_moved(path, kept): mark for path, mark in source.marks.items() if _stays(path, kept)}
    return Loaded(policy, Source(source.file, source.value, marks))


def _stays(path: Path, kept: Sequence[int]) -> bool:
    return not _within_rule(path) or path[1] in kept


def _moved(path: Path, kept: Sequence[int]) -> Path:
    if not _within_rule(path):
        return path
    place = path[1]
    assert isinstance(place, int)  # noqa: S101  rules are a list
    return ("rules", kept.index(place), *path[2:])


def _within_rule(path: Path) -> bool:
    return len(path) >= 2 and path[0] == "rules"
