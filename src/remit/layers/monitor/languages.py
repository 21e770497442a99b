"""Which of a few languages a text is in, from its commonest words: enough to see traffic move.

No more than that: a text of fewer than three known words, or of another language, is unknown.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")
_READ_MOST: Final = 2_000
_LEAST: Final = 3
_COMMON: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and you of is to in that it for with on are be this can not what your my how",
        "nl": "de het een en ik van dat niet je is op te voor met zijn maar heb kan wat mijn hoe",
        "de": "der die das und ich ist nicht ein eine zu mit für auf den sie wie kann was mein wir",
        "fr": "le la les et vous est de des une un je pas pour dans que ne avec sur mon quel",
        "es": "el la los y usted es de que un una no para con por en lo mi se puede como cuál",
        "it": "il la che di e è un una non per con sono mi si come del della posso qual più",
        "pt": "o a os e você é de que um uma não para com por em meu se como posso qual do da",
        "pl": "i w nie to na się z że do jest jak czy mam moje po co jaki dla od",
    }.items()
}


def language_of(text: str) -> str:
    """The code (ISO 639-1) of the language with most of its common words in the text; or empty."""
    words = [word.lower() for word in _WORD.findall(text[:_READ_MOST])]
    counts = {language: sum(w in common for w in words) for language, common in _COMMON.items()}
    best = max(counts, key=lambda language: counts[language])
    ranked = sorted(counts.values())
    return best if counts[best] >= _LEAST and ranked[-1] > ranked[-2] else ""
