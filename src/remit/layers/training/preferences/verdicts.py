"""What a reviewer said of a pair: rule by rule, overall, and how they would have put it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from remit.evidence import stamp
from remit.layers.training.preferences.pairs import OVERALL, Pair
from remit.types import Json

TEXT_MOST: Final = 100_000
_SECONDS_MOST: Final = 86_400.0


class VerdictError(ValueError):
    """It says nothing that could be kept; the message names the cure."""


class Choice(StrEnum):
    """Which reply keeps to a rule, or is better; overall `both` means no difference."""

    A = "a"
    B = "b"
    BOTH = "both"
    NEITHER = "neither"
    NA = "na"

    @property
    def swapped(self) -> Choice:
        """The same choice, of the pair shown the other way round."""
        return {Choice.A: Choice.B, Choice.B: Choice.A}.get(self, self)

    @property
    def prefers(self) -> bool:
        """True where it says that one reply is better than the other."""
        return self in (Choice.A, Choice.B)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict, in terms of the pair's own a and b, whichever was shown first.

    `shown` is `ab` or `ba`; `report` says what is wrong with the pair itself: it is then not
    trained on. `rules` holds the rules that were asked about.
    """

    pair: str
    reviewer: str
    time: str
    policy: str
    shown: str
    rules: Mapping[str, Choice] = field(default_factory=dict)
    overall: Choice | None = None
    edit: str = ""
    report: str = ""
    seconds: float = 0.0

    def said(self, rule: str) -> Choice | None:
        """What was said of a rule, or overall; None where nothing was."""
        return self.overall if rule == OVERALL else self.rules.get(rule)

    def to_json(self) -> Json:
        """As it is kept."""
        return {
            "pair_id": self.pair,
            "reviewer": self.reviewer,
            "time": self.time,
            "policy": self.policy,
            "shown_order": self.shown,
            "verdicts": {rule: choice.value for rule, choice in self.rules.items()},
            "overall": self.overall.value if self.overall else None,
            "edit": self.edit,
            "report": self.report,
            "seconds": round(self.seconds, 1),
        }


def read_verdict(value: Any) -> Verdict:
    """The verdict that `to_json` wrote. Raises ValueError, KeyError or TypeError for others."""
    overall = value["overall"]
    return Verdict(
        str(value["pair_id"]),
        str(value["reviewer"]),
        str(value["time"]),
        str(value["policy"]),
        "ba" if value["shown_order"] == "ba" else "ab",
        {str(rule): Choice(choice) for rule, choice in value["verdicts"].items()},
        Choice(overall) if overall else None,
        str(value["edit"]),
        str(value["report"]),
        float(value["seconds"]),
    )


def as_shown(
    pair: Pair,
    reviewer: str,
    policy: str,
    shown: str,
    said: Mapping[str, str],
    *,
    asked: tuple[str, ...],
    edit: str = "",
    report: str = "",
    seconds: float = 0.0,
) -> Verdict:
    """A verdict from what a reviewer said of the replies as shown: first is `a`, second is `b`.

    Every rule that was asked about must be answered, and overall, unless the pair is reported.
    Raises VerdictError.
    """
    edit, report = edit.strip(), report.strip()
    if max(len(edit), len(report)) > TEXT_MOST:
        raise VerdictError(f"{TEXT_MOST:,} characters at most")
    missing = [rule for rule in (*asked, OVERALL) if rule not in said]
    if missing and not report:
        raise VerdictError(f"still to be answered: {', '.join(missing)}")
    choices = {rule: _choice(rule, said[rule]) for rule in (*asked, OVERALL) if rule in said}
    if shown == "ba":
        choices = {rule: choice.swapped for rule, choice in choices.items()}
    overall = choices.pop(OVERALL, None)
    if edit in (pair.a, pair.b):
        edit = ""
    return Verdict(
        pair.id,
        reviewer,
        stamp(),
        policy,
        shown,
        choices,
        overall,
        edit,
        report,
        min(max(seconds, 0.0), _SECONDS_MOST),
    )


def _choice(rule: str, word: str) -> Choice:
    try:
        choice = Choice(word)
    except ValueError:
        raise VerdictError(f"{rule}: no choice '{word[:20]}'; have {', '.join(Choice)}") from None
    if rule == OVERALL and choice in (Choice.NEITHER, Choice.NA):
        raise VerdictError("overall: say a, b, or both where there is no difference")
    return choice
