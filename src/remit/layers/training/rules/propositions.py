"""What is read of a reply: a handful of statements, each with how surely it is true.

They follow from the rules alone. For each rule that training penalises: the reply `breaks` it, as
its detectors say; and, where the rule has an answer, the reply `refers` in the rule's own words.
Of every reply: it says `nothing`. A caller may add others of his own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from remit.enforce import Enforcer
from remit.layers.training.engine import Prompt
from remit.layers.training.judged import Judged, as_messages
from remit.policy import Policy, Rule
from remit.policy.answers import answer_text
from remit.types import Stage

_WORD = re.compile(r"[^\W\d_]+")
_SHORT = 3


@dataclass(frozen=True, slots=True)
class Proposition:
    """A statement about a reply. `sign`: -1 never earns reward, 1 never costs it, 0 is free."""

    id: str
    says: str
    sign: Literal[-1, 0, 1] = 0


@dataclass(frozen=True, slots=True)
class Extra:
    """A caller's own proposition: `read` gives, for a prompt's last turn and a reply, a truth."""

    proposition: Proposition
    read: Callable[[str, str], float]


class Propositions:
    """Reads all propositions of a remit from replies; values are truths in [0, 1]."""

    def __init__(self, enforcer: Enforcer, extra: Sequence[Extra] = ()) -> None:
        self._judged = Judged(enforcer, Stage.TRAINING)
        self._rules = [r for r in enforcer.rules(Stage.TRAINING) if r.action(Stage.TRAINING)]
        self._answers = {
            rule.id: _answers(enforcer.policy, rule) for rule in self._rules if rule.answer
        }
        self._extra = tuple(extra)
        self.all = tuple(self._named())

    def _named(self) -> list[Proposition]:
        named = [Proposition(f"breaks:{r.id}", f"breaks: {r.says}", -1) for r in self._rules]
        for rule in self._rules:
            if rule.id in self._answers:
                says = f"refers in the words of {rule.id}"
                named.append(Proposition(f"refers:{rule.id}", says))
        named.append(Proposition("nothing", "says nothing", -1))
        return [*named, *(each.proposition for each in self._extra)]

    def __call__(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[list[float]]:
        """A list a reply, in the order of `all`."""
        judged = self._judged.scores(prompts, replies)
        return [
            [
                *(scores[rule.id] for rule in self._rules),
                *(refers(reply, answers) for answers in self._answers.values()),
                float(not reply.strip()),
                *(each.read(_asked(prompt), reply) for each in self._extra),
            ]
            for prompt, reply, scores in zip(prompts, replies, judged, strict=True)
        ]


def refers(reply: str, answers: Sequence[str]) -> float:
    """How much of a rule's answer stands in a reply: of its longer words, the share said.

    The best of several answers (languages) counts. Half of the words are no reference yet: the
    share is stretched so that a half is 0 and all is 1.
    """
    said = set(_words(reply))
    asked = [words for answer in answers if (words := _words(answer))]
    shares = [sum(word in said for word in words) / len(words) for words in asked]
    return max(0.0, 2 * max(shares, default=0.0) - 1)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(w for w in _WORD.findall(text.casefold()) if len(w) > _SHORT))


def _answers(policy: Policy, rule: Rule) -> list[str]:
    languages = list(rule.answer) if isinstance(rule.answer, dict) else ["en"]
    action = rule.action(Stage.OUTPUT) or rule.action(Stage.TRAINING)
    assert action is not None  # noqa: S101  only rules that training penalises come here
    return [answer_text(policy, rule, action, language) for language in languages]


def _asked(prompt: Prompt) -> str:
    turns = as_messages(prompt)
    return turns[-1]["content"] if turns else ""
