"""The remit's own refusals: a reply that is a rule's set answer refuses; no model need say so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from remit.policy import Policy
from remit.verify.cases import Refusal

_PLACEHOLDER = re.compile(r"\{[a-z]+\}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class SetAnswers:
    """Every set answer of a remit: its longest fixed part, and the whole as a pattern."""

    known: Sequence[tuple[str, re.Pattern[str]]]

    def refusal(self, reply: str) -> Refusal | None:
        """`full` where the reply is a set answer, `partial` where it ends in one, else None."""
        text = reply.strip()
        for fixed, pattern in self.known:
            if fixed in text and (match := pattern.search(text)):
                return "full" if match.start() == 0 else "partial"
        return None


def set_answers(policy: Policy) -> SetAnswers:
    """The set answers of a remit's rules."""
    texts: dict[str, None] = {}
    for rule in policy.rules:
        given = rule.answer.values() if isinstance(rule.answer, dict) else [rule.answer or ""]
        texts.update(dict.fromkeys(text.strip() for text in given if text.strip()))
    return SetAnswers([(_fixed(text), _pattern(text)) for text in texts])


def _fixed(text: str) -> str:
    return max(_PLACEHOLDER.split(text), key=len)


def _pattern(text: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in _PLACEHOLDER.split(text))
    return re.compile(rf".{{1,{_LONGEST}}}?".join(parts) + r"\Z")
