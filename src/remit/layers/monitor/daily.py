"""What is counted by the day, for plots and tables: plain numbers, kept apart from the tests.

Nothing is tested on these: they are what a reader sees beside the sequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from remit.layers.monitor.conversations import Unit

_MODELS_MOST: Final = 20
_LANGUAGES_MOST: Final = 40
_OTHERS: Final = "others"
_FOUND, _STOPPED, _THROUGH = range(3)

Counts = dict[str, Any]
"""`conversations`, `answers`; by model and language; and by rule, see `_rule`."""


def fresh() -> Counts:
    """A day on which nothing has happened."""
    return {"conversations": 0, "answers": 0, "models": {}, "languages": {}, "rules": {}}


def count(day: Counts, unit: Unit) -> None:
    """Adds a conversation that has ended."""
    day["conversations"] += 1
    day["answers"] += unit.answers
    model = _name(day["models"], unit.model or "unknown", _MODELS_MOST)
    day["models"][model] = day["models"].get(model, 0) + 1
    language = None
    if unit.judgement is not None and isinstance(unit.judgement.get("language"), str):
        language = _name(day["languages"], unit.judgement["language"][:12], _LANGUAGES_MOST)
        day["languages"][language] = day["languages"].get(language, 0) + 1
    for (name, channel), done in unit.found.items():
        if done != "failed":
            rule = rule_of(day, name)
            for by in (("channel", channel), ("model", model), ("language", language)):
                if by[1] is not None:
                    sums = rule.setdefault(by[0], {}).setdefault(by[1], [0, 0, 0])
                    sums[_FOUND] += 1
                    sums[_THROUGH if done == "through" else _STOPPED] += 1


def count_rule(day: Counts, rule: str, **sums: int) -> None:
    """Adds to the sums of a rule: judged, broken, found, stopped, through, reviewed, released."""
    kept = rule_of(day, rule)
    for name, number in sums.items():
        if number:
            kept[name] = kept.get(name, 0) + number


def rule_of(day: Counts, rule: str) -> dict[str, Any]:
    """The sums of one rule on a day."""
    found: dict[str, Any] = day["rules"].setdefault(rule, {})
    return found


def _name(known: Mapping[str, int], name: str, most: int) -> str:
    return name if name in known or len(known) < most else _OTHERS


def summed(days: Iterable[Counts], rule: str, by: str) -> dict[str, list[int]]:
    """Found, stopped and let through of a rule over several days, by channel, model or language."""
    total: dict[str, list[int]] = {}
    for day in days:
        for name, sums in day["rules"].get(rule, {}).get(by, {}).items():
            kept = total.setdefault(name, [0, 0, 0])
            for place, number in enumerate(sums):
                kept[place] += number
    return total


def sizes(days: Iterable[Counts], by: str) -> dict[str, int]:
    """How many conversations there were by model or language."""
    total: dict[str, int] = {}
    for day in days:
        for name, number in day[f"{by}s"].items():
            total[name] = total.get(name, 0) + number
    return total
