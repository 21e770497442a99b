"""What changed between two remits, and for whom: stricter, milder, or only said differently."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from remit.policy.intervening import in_words as ladder_in_words
from remit.policy.model import RUNTIME_WORDS, Policy, Rule
from remit.types import Action, Stage

Effect = Literal["stricter", "milder", "mixed", "neutral"]

# Who notices a stage's action, and what then happens to them.
_CONCERNED: Mapping[Stage, str] = {
    Stage.DATA: "training documents",
    Stage.TRAINING: "replies that break it",
    Stage.INPUT: "clients' messages",
    Stage.OUTPUT: "clients",
    Stage.TOOL: "tool calls and results",
}
_OUTCOMES: Mapping[Stage, Mapping[str, str]] = {
    Stage.DATA: {
        "allow": "kept",
        "counter": "kept beside a counter-example",
        "tag": "kept with a tag",
        "mask": "masked from the loss",
        "redact": "redacted",
        "rewrite": "rewritten",
        "drop": "dropped",
    },
    Stage.TRAINING: {"allow": "left alone", "penalise": "penalised"},
    Stage.OUTPUT: {
        "allow": "answered as it is",
        "flag": "answered as it is, and noted",
        "redact": "answered with parts masked",
        "replace": "given the rule's own answer",
        "hand_over": "handed over",
        "block": "refused",
    },
}
_PASSED: Mapping[str, str] = {
    "allow": "passed on",
    "flag": "passed on and noted",
    "redact": "passed on with parts masked",
    "replace": "answered with the rule's own answer",
    "hand_over": "handed over",
    "block": "refused",
}
_SEVERITIES = ("low", "medium", "high", "critical")
# Whose higher value is the stricter one (+1) or the milder one (-1).
_DIRECTIONS: Mapping[str, int] = {
    "threshold": -1,
    "tolerance": -1,
    "severity": 1,
    "on_failure": 1,
    "wrongly": 1,
}
_STRICTEST: Mapping[str, str] = {"delivery.release": "when-complete", "delivery.media": "refuse"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in meaning. `rule` is empty for what concerns the whole remit."""

    rule: str
    owner: str
    what: str
    before: Any
    after: Any
    effect: Effect
    words: str

    def __str__(self) -> str:
        subject = f"{self.rule} ({self.owner})" if self.rule else "the remit"
        return f"{subject}: {self.words} [{self.effect}]"


def diff(a: Policy, b: Policy) -> list[Change]:
    """The changes that make `b` out of `a`. Empty exactly where their digests are the same."""
    return [*_whole(a, b), *_rules(a, b)]


def in_words(changes: Iterable[Change]) -> str:
    """A line a change, for people."""
    return "\n".join(str(change) for change in changes) or "no change in meaning"


def as_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The changes as plain values, for programs."""
    return [asdict(change) for change in changes]


# --- The remit as a whole ----------------------------------------------------------------------


def _whole(a: Policy, b: Policy) -> Iterator[Change]:
    before = _flat(a.model_dump(mode="json", exclude={"rules"}))
    after = _flat(b.model_dump(mode="json", exclude={"rules"}))
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            yield Change("", "", key, old, new, _whole_effect(key, old, new), _said(key, old, new))


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = item
    return flat


def _whole_effect(key: str, old: Any, new: Any) -> Effect:
    if key == "regions":
        return _by_entries(old or [], new or [])
    if key in _STRICTEST:
        return "stricter" if new == _STRICTEST[key] else "milder"
    return "neutral"


# --- Rules -------------------------------------------------------------------------------------


def _rules(a: Policy, b: Policy) -> Iterator[Change]:
    old = {rule.id: rule for rule in a.rules}
    new = {rule.id: rule for rule in b.rules}
    gone = {rule.id: rule for rule in a.rules if rule.id not in new}
    content = {_content(rule): rule.id for rule in gone.values()}
    for rule in b.rules:
        former = content.pop(_content(rule), None) if rule.id not in old else None
        if rule.id in old:
            yield from _rule(old[rule.id], rule)
        elif former:
            del gone[former]
            yield _change(rule, "id", former, rule.id, "neutral", f"renamed, was {former}")
        else:
            yield _change(rule, "rule", None, rule.says, "stricter", f"added: {rule.says}")
    for rule in gone.values():
        words = f"removed; nothing holds any more: {rule.says}"
        yield _change(rule, "rule", rule.says, None, "milder", words)


def _content(rule: Rule) -> str:
    return json.dumps(rule.model_dump(mode="json", exclude={"id"}), sort_keys=True)


def _rule(old: Rule, new: Rule) -> Iterator[Change]:
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    for key in before:
        if before[key] == after[key]:
            continue
        if key == "then":
            yield from _actions(old, new)
        elif key == "answer" and isinstance(old.answer, dict) and isinstance(new.answer, dict):
            yield from _answers(new, old.answer, new.answer)
        elif key in ("detect", "audit", "breaks", "keeps"):
            yield _list(new, key, before[key], after[key])
        else:
            effect = _scalar_effect(key, before[key], after[key])
            words = _said(key, _shown(key, before[key]), _shown(key, after[key]))
            yield _change(new, key, before[key], after[key], effect, words)


def _answers(rule: Rule, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """One change for each language whose words change."""
    for language in dict.fromkeys([*old, *new]):
        before, after = old.get(language), new.get(language)
        if before != after:
            words = f"answer ({language}) {_quoted(before)} → {_quoted(after)}"
            yield _change(rule, f"answer.{language}", before, after, "neutral", words)


def _quoted(text: str | None) -> str:
    return "none" if text is None else f"“{text}”"


def _actions(old: Rule, new: Rule) -> Iterator[Change]:
    for stage in Stage:
        before, after = old.then.get(stage), new.then.get(stage)
        if before == after:
            continue
        severity = (new.action(stage) or Action.ALLOW) - (old.action(stage) or Action.ALLOW)
        words = (
            f"{stage} {before or 'not asked'} → {after or 'not asked'}: {_CONCERNED[stage]} "
            f"will now be {_outcome(stage, after)} instead of {_outcome(stage, before)}"
        )
        if (before or "allow") == (after or "allow"):
            words = f"{stage} {before or 'not asked'} → {after or 'not asked'}: nobody notices"
        yield _change(new, f"then.{stage}", before, after, _sign(severity), words)


def _outcome(stage: Stage, word: str | None) -> str:
    return _OUTCOMES.get(stage, _PASSED)[word or "allow"]


def _list(rule: Rule, key: str, old: list[Any], new: list[Any]) -> Change:
    before, after = _entries(key, old), _entries(key, new)
    old_set, new_set = frozenset(before), frozenset(after)
    added = [entry for entry in after if entry not in old_set]
    removed = [entry for entry in before if entry not in new_set]
    parts = [f"adds {', '.join(added)}"] * bool(added)
    parts += [f"removes {', '.join(removed)}"] * bool(removed)
    words = f"{key} {' and '.join(parts)}" if parts else f"{key} in another order"
    verifies = key in ("breaks", "keeps")
    effect: Effect = "neutral" if verifies else _by_entries(before, after)
    return _change(rule, key, old, new, effect, words)


def _entries(key: str, items: list[Any]) -> list[str]:
    """A list's entries in words; a detector that is a list of things counts by the thing."""
    if key in ("breaks", "keeps"):
        return [_example(item) for item in items]
    entries: list[str] = []
    for item in items:
        config = item["config"] if isinstance(item["config"], list) else [item["config"]]
        entries += [f"{item['kind']} {_inline(entry)}".strip() for entry in config]
    return entries


def _example(item: Mapping[str, Any]) -> str:
    said = f"“{item['text']}”"
    rest = {key: value for key, value in item.items() if value is not None and key != "text"}
    return (
        f"{said} ({', '.join(f'{key}: {value}' for key, value in rest.items())})" if rest else said
    )


# --- Which way ---------------------------------------------------------------------------------


def _scalar_effect(key: str, old: Any, new: Any) -> Effect:
    direction = _DIRECTIONS.get(key)
    if direction is None:
        return "neutral"
    return _sign(direction * (_rank(key, new) - _rank(key, old)))


def _rank(key: str, value: Any) -> float:
    if key == "severity":
        return _SEVERITIES.index(value)
    if value is None:
        return 1.0  # no bound: whatever the share
    return float(RUNTIME_WORDS[value] if key == "on_failure" else value)


def _sign(difference: float) -> Effect:
    if difference == 0:
        return "neutral"
    return "stricter" if difference > 0 else "milder"


def _by_entries(old: list[Any], new: list[Any]) -> Effect:
    added, removed = frozenset(new) - frozenset(old), frozenset(old) - frozenset(new)
    if added and removed:
        return "mixed"
    return "stricter" if added else "milder" if removed else "neutral"


# --- Words -------------------------------------------------------------------------------------


def _change(rule: Rule, what: str, old: Any, new: Any, effect: Effect, words: str) -> Change:
    return Change(rule.id, rule.owner, what, old, new, effect, words)


def _said(key: str, old: Any, new: Any) -> str:
    return f"{key} {_inline(old)} → {_inline(new)}"


def _shown(key: str, value: Any) -> Any:
    if key == "when_broken":
        return ladder_in_words(value)
    shares = ("threshold", "tolerance", "wrongly")
    return f"{value * 100:g}%" if key in shares and value is not None else value


def _inline(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
