"""May a rule drop? Only while it is shown how seldom it drops wrongly.

The owner's bound is `wrongly` in the remit: of the rows that the rule drops, the most that may be
dropped wrongly. What is known of that are people's labels of a random sample of the rows it
marked. Until the upper bound (Clopper and Pearson 1934, one-sided, 95 %) of the share of wrong
ones is within the owner's bound, the rule tags instead of dropping, and its marks say so. A rule
without a bound drops as asked.

Labels are JSON Lines: `{"rule": ID, "row": SHA-256 of the row, "right": true}`, one for each row
that a person looked at, or, for what an earlier sampling showed, a stated prior:
`{"rule": ID, "wrong": 2, "of": 120, "source": "sample of March"}`. `right` may be null: the person
could not tell. Where several people labelled a row it is right only if more than half say so;
whatever is not shown to be right counts as wrong. Of what `remit filter label` writes, only the
rule's own sample of marked rows counts, and not rows drawn for a rare language or near misses.

The bound is for a sample whose
size was fixed beforehand; to label until the bound is reached is to be too sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from remit.policy import Policy, Rule
from remit.statistics.intervals import upper_bound
from remit.types import Stage

CONFIDENCE = 0.95


class LabelError(ValueError):
    """A line of labels cannot be used; the message names the line and the cure."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a rule's drops: `wrong` of `of` labelled ones were dropped wrongly."""

    wrong: int = 0
    of: int = 0

    @property
    def most(self) -> float:
        """The share of wrong drops is at most this, with `CONFIDENCE`; 1 where nothing is known."""
        return upper_bound(self.wrong, self.of, CONFIDENCE) if self.of else 1.0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.wrong + other.wrong, self.of + other.of)


def tagging(policy: Policy, evidence: Mapping[str, Evidence]) -> dict[str, str]:
    """The rules that may not drop now, each with the reason; `RuleStep` takes it as it is."""
    reasons = ((rule.id, _refusal(rule, evidence)) for rule in policy.rules)
    return {rule: reason for rule, reason in reasons if reason}


def _refusal(rule: Rule, evidence: Mapping[str, Evidence]) -> str:
    if rule.wrongly is None or rule.then.get(Stage.DATA) != "drop":
        return ""
    known = evidence.get(rule.id, Evidence())
    if known.most <= rule.wrongly:
        return ""
    bound = f"{rule.wrongly:.3g} that {rule.owner} allows"
    if not known.of:
        return f"tagged, not dropped: nothing shows that wrong drops are within the {bound}"
    return (
        f"tagged, not dropped: {known.wrong} of {known.of} labelled drops were wrong, so up to "
        f"{known.most:.3g} may be, over the {bound}"
    )


def read_labels(lines: Iterable[bytes]) -> dict[str, Evidence]:
    """The evidence of each rule. A row counts once, by the last label of each rater.

    Raises LabelError at a line that is no label.
    """
    evidence: dict[str, Evidence] = {}
    labels: dict[tuple[str, str], dict[str, bool | None]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        label = _label(line, number)
        if "right" in label:
            if label.get("sample", "found") == "found" and "step" in label.get("drawn", ("step",)):
                said = labels.setdefault((label["rule"], label["row"]), {})
                said[str(label.get("rater", ""))] = label["right"]
        else:
            prior = Evidence(label["wrong"], label["of"])
            evidence[label["rule"]] = evidence.get(label["rule"], Evidence()) + prior
    for (rule, _), answers in labels.items():
        right = 2 * list(answers.values()).count(True) > len(answers)
        evidence[rule] = evidence.get(rule, Evidence()) + Evidence(int(not right), 1)
    return evidence


def _label(line: bytes, number: int) -> dict[str, Any]:
    try:
        label = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LabelError(f"line {number} is no JSON: {error}") from None
    wrong = next(_faults(label), None)
    if wrong:
        cure = 'write {"rule": …, "row": …, "right": true} or {"rule": …, "wrong": 2, "of": 120}'
        raise LabelError(f"line {number}: {wrong}; {cure}")
    return dict(label)


def _faults(label: object) -> Iterator[str]:
    if not isinstance(label, dict) or not isinstance(label.get("rule"), str):
        yield "no rule is named"
    elif "right" in label:
        if label["right"] is not None and type(label["right"]) is not bool:
            yield "right is neither true, false nor null"
        if not isinstance(label.get("row"), str):
            yield "no row is named"
    elif type(label.get("wrong")) is not int or type(label.get("of")) is not int:
        yield "it says neither right nor how many were wrong"
    elif not 0 <= label["wrong"] <= label["of"]:
        yield f"{label['wrong']} wrong of {label['of']} cannot be"
