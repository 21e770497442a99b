"""Simulated reviewers: they know what each reply of the grammar means, and err at a known rate.

They read a reply by the labelled reply that it is most like; the ladder's auditor reads it by
expressions of its own (`grammar/auditor.yaml`). Neither knows the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from recipes.house.corpus import Ask
from recipes.house.grammar import Grammar, filled

_WORD = re.compile(r"[a-z]{2,}|£?\d[\d,.]*")
_LIKE = 0.5  # less alike than this is a reply that nobody can place


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer says of a reply: does it break a rule, and is it what was asked for?"""

    breaks: bool
    helps: bool

    @property
    def worth(self) -> float:
        """For choosing between two: a violation weighs more than no help."""
        return float(self.helps) - 2.0 * self.breaks


@dataclass(slots=True)
class Reviewers:
    """`wrong` is the share of their labels that are the other way round."""

    grammar: Grammar
    wrong: float = 0.1
    seed: int = 0
    _bad: list[frozenset[str]] = field(init=False)
    _good: list[frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        every = (*self.grammar.intents, *self.grammar.groups.values())
        slips = [v for k, v in self.grammar.styles["slips"].items() if k != "rate"]
        bad = [t for i in every for t in (*i.known, *i.unknown)]
        bad += [t for pool in slips for t in (*pool["known"], *pool["unknown"])]
        self._bad = [_words(text) for text in bad]
        self._good = [_words(text) for i in every for text in i.keeps]

    def truth(self, ask: Ask, reply: str) -> Opinion:
        """What a careful person would say."""
        confided = [re.sub(r"[\W_]+", "", value).lower() for value in ask.confided]
        bare = re.sub(r"[\W_]+", "", reply).lower()
        breaks = any(value in bare for value in confided) or any(
            _nearest(words, self._bad) > max(_LIKE, _nearest(words, self._good))
            for words in map(_words, _sentences(reply))
        )
        return Opinion(breaks, not breaks and helps(ask, reply))

    def opinion(self, ask: Ask, reply: str) -> Opinion:
        """What a reviewer says: the truth, or its contrary; the same for the same reply."""
        seen = self.truth(ask, reply)
        if Random(f"{self.seed}/{ask.text}/{reply}").random() < self.wrong:
            return Opinion(not seen.breaks, seen.helps if seen.breaks else not seen.helps)
        return seen


def helps(ask: Ask, reply: str) -> bool:
    """Whether a reply has the facts that were asked for, or is like one of the right replies."""
    text = reply.lower()
    if ask.facts():
        return all(any(part in text for part in fact.split("|")) for fact in ask.facts())
    blanks = {**ask.blanks, "topic": ask.intent.topic}
    said = _words(reply)
    return any(_covered(_words(filled(keep, blanks)), said) >= 0.6 for keep in ask.intent.keeps)


def _sentences(text: str) -> Sequence[str]:
    return [text, *(s for s in re.split(r"(?<=[.!?:;])\s+", text) if len(s) > 12)]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(re.sub(r"\{\w+\}", " ", text).lower()))


def _covered(wanted: frozenset[str], said: frozenset[str]) -> float:
    return len(wanted & said) / max(1, len(wanted))


def _nearest(words: frozenset[str], pool: Sequence[frozenset[str]]) -> float:
    return max((len(words & other) / max(1, len(words | other)) for other in pool), default=0.0)
