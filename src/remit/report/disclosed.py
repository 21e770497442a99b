"""Do first turns say that a machine answers? A search for words, and no judgement."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_LONGEST: Final = 20_000
_EXAMPLES: Final = 5
_SAYS_AI: Final = re.compile(r"\b(?:AI|KI)\b")
_SAYS_MACHINE: Final = (
    "chatbot",
    "artificial intelligence",
    "kunstmatige intelligentie",
    "künstliche intelligenz",
    "intelligence artificielle",
    "inteligencia artificial",
    *(f"{kind} assistant" for kind in ("digital", "virtual", "automated")),
    *(f"{kind} assistent" for kind in ("digitale", "virtuele")),
    "assistant virtuel",
    "asistente virtual",
)


@dataclass(slots=True)
class Disclosure:
    """First turns, and whether the answer's own words say that a machine speaks."""

    first: int = 0
    untold: int = 0
    wordless: int = 0
    said: int = 0
    saying: list[tuple[str, str]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def add(self, id: str, texts: object, answered: object) -> None:
        """Takes an answer. Only where one message of a client was read it is surely the first."""
        if texts != 1:
            self.untold += not texts
            return
        self.first += 1
        if not isinstance(answered, str):
            self.wordless += 1
        elif said := _says_machine(answered[:_LONGEST]):
            self.said += 1
            if len(self.saying) < _EXAMPLES:
                self.saying.append((id, said))
        elif len(self.silent) < _EXAMPLES:
            self.silent.append(id)


def _says_machine(text: str) -> str:
    """The words that say it; empty where none do. Plain searches: an expression for all is slow."""
    if ("AI" in text or "KI" in text) and (match := _SAYS_AI.search(text)):
        return match[0]
    lower = text.lower()
    return next((phrase for phrase in _SAYS_MACHINE if phrase in lower), "")
