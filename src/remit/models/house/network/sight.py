"""What the small model sees of a request: the rules as one word each, and the last question.

It was taught to read a line of rule words, not pages of prose, so the boundaries of a compiled
system prompt are read here sentence by sentence: a sentence that speaks of the law becomes
`legal`, one on guessing becomes `doubt`. A sentence that is not there leaves no word, and a rule
that this table has no word for is one that the model was never taught: it is named in `unread`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# The order matters: a sentence takes the first word whose cue it has.
_CUES: Mapping[str, re.Pattern[str]] = {
    word: re.compile(cue, re.IGNORECASE)
    for word, cue in {
        "orders": r"whoever asks|keeps? to its instructions",
        "instructions": r"\binstructions\b",
        "legal": r"\blegal|\bthe law\b",
        "investment": r"\binvest",
        "evasion": r"\bevade|\bevasion",
        "doubt": r"\bdoubt|\bguess",
        "guarantees": r"\bpromis|\bguarant",
        "clients": r"\bother clients?\b",
        "details": r"\bdata\b|\bdetails\b",
        "passwords": r"\bpasswords?\b|\bsecrets?\b",
    }.items()
}
# The order in which the model was taught to meet them.
WORDS = (
    "legal", "investment", "evasion", "doubt", "guarantees", "details", "clients", "passwords",
    "instructions", "orders",
)  # fmt: skip
_BOUNDARY = re.compile(r"^[ \t]{0,8}\d{1,3}\. {1,8}(\S.{0,400})$", re.MULTILINE)
# The marks of the model's own format are made of these: without them no text can form one.
_MARK = re.compile(r"[<|>]")
_LONGEST = 2_000  # characters of a question that are looked at, from its end
_MOST_SYSTEM = 200_000  # characters of all system messages


@dataclass(frozen=True, slots=True)
class Sight:
    """`rules` are the words in the model's order, None without a system message."""

    rules: tuple[str, ...] | None
    question: str
    unread: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As the model reads it, up to where its reply begins."""
        system = "" if self.rules is None else f"<|system|>{' '.join(self.rules)}"
        return f"{system}<|user|>{self.question}<|assistant|>"


def sight(turns: Iterable[tuple[str, str]]) -> Sight:
    """What is seen of (role, text) turns; marks of the model's own format in them are taken out."""
    heard = list(turns)
    system = [text for role, text in heard if role in ("system", "developer")]
    question = next((text for role, text in reversed(heard) if role == "user"), "")
    question = _MARK.sub(" ", question[-_LONGEST:]).strip()
    if not system:
        return Sight(None, question)
    found, unread = set(), []
    for sentence in _BOUNDARY.findall("\n".join(system)[:_MOST_SYSTEM]):
        word = next((word for word, cue in _CUES.items() if cue.search(sentence)), None)
        if word is None:
            unread.append(sentence)
        else:
            found.add(word)
    return Sight(tuple(word for word in WORDS if word in found), question, tuple(unread))
