"""Finds the phrasing nearest to a question: TF-IDF and cosine over words and parts of words.

Weights follow Salton and Buckley (1988), "Term-weighting approaches in automatic text retrieval";
parts of words (character 4-grams) carry over spelling, inflection and Dutch compounds.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Vector = dict[str, float]

_WORD = re.compile(r"[^\W_]+")
_GRAM = 4
_GRAM_WEIGHT = 0.25
_ENTRY_SHARE = 0.65  # of the score; the rest comes from the one phrasing that is nearest


@dataclass(frozen=True, slots=True)
class Hit:
    """The entry that answers best; `score` is a likeness in [0, 1]."""

    key: str
    score: float


class Index:
    """Questions of one language, searched by likeness.

    An entry is scored by its nearest phrasing and by all of its phrasings taken together: the
    first rewards the very question, the second a new mixture of the words it is asked in.
    """

    __slots__ = ("_entries", "_idf", "_phrasings", "_rare")

    def __init__(self, phrasings: Iterable[tuple[str, str]]) -> None:
        """`phrasings` are (key, question) pairs; several may share a key."""
        asked = [(key, words(question)) for key, question in phrasings]
        together: dict[str, list[str]] = {}
        for key, said in asked:
            together.setdefault(key, []).extend(said)
        whole = {key: with_parts(Counter(said)) for key, said in together.items()}
        counts = Counter(name for bag in whole.values() for name in bag)
        self._rare = math.log(1 + len(together))
        self._idf = {name: math.log(1 + len(together) / n) for name, n in counts.items()}
        self._phrasings = _Postings((key, self._vector(Counter(said))) for key, said in asked)
        self._entries = _Postings((key, self._vector(bag)) for key, bag in whole.items())

    def best(self, question: str) -> Hit:
        """The nearest entry; an empty key and score 0 where nothing is alike."""
        said = Counter(words(question))
        nearest = self._phrasings.likeness(self._vector(said))
        whole = self._entries.likeness(self._vector(with_parts(said)))
        scores = {
            key: (1 - _ENTRY_SHARE) * nearest.get(key, 0.0) + _ENTRY_SHARE * likeness
            for key, likeness in whole.items()
        }
        if not scores:
            return Hit("", 0.0)
        key = max(scores, key=lambda k: scores[k])
        return Hit(key, min(1.0, scores[key]))

    def _vector(self, bag: Mapping[str, float]) -> Vector:
        idf, rare = self._idf, self._rare
        vector = {name: tf * idf.get(name, rare) for name, tf in bag.items()}
        norm = math.sqrt(sum(weight * weight for weight in vector.values())) or 1.0
        return {name: weight / norm for name, weight in vector.items()}


class _Postings:
    """Vectors by the features they hold, so that only those that share one are looked at."""

    __slots__ = ("_keys", "_lists")

    def __init__(self, vectors: Iterable[tuple[str, Vector]]) -> None:
        self._keys: list[str] = []
        self._lists: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, (key, vector) in enumerate(vectors):
            self._keys.append(key)
            for name, weight in vector.items():
                self._lists[name].append((number, weight))

    def likeness(self, vector: Vector) -> dict[str, float]:
        """For each key that shares a feature, the best cosine among its vectors."""
        cosines: dict[int, float] = defaultdict(float)
        for name, weight in vector.items():
            for number, other in self._lists.get(name, ()):
                cosines[number] += weight * other
        best: dict[str, float] = {}
        for number, cosine in cosines.items():
            key = self._keys[number]
            best[key] = max(best.get(key, 0.0), cosine)
        return best


def with_parts(said: Mapping[str, int]) -> dict[str, float]:
    """Words and parts of words with their weights; a word said four times counts twice."""
    bag: dict[str, float] = {word: math.sqrt(times) for word, times in said.items()}
    parts: dict[str, int] = {}
    for word, times in said.items():
        for gram in _grams(word):
            parts[gram] = parts.get(gram, 0) + times
    for gram, times in parts.items():
        bag[gram] = bag.get(gram, 0.0) + _GRAM_WEIGHT * math.sqrt(times)
    return bag


class Tongues:
    """Tells which language a question is in, from the trigrams of questions in each."""

    __slots__ = ("_logs",)

    def __init__(self, samples: Mapping[str, Iterable[str]]) -> None:
        """`samples` are texts by language; on a tie the first language wins."""
        self._logs: dict[str, tuple[dict[str, float], float]] = {}
        for language, texts in samples.items():
            counts = Counter(gram for text in texts for gram in _trigrams(text))
            total = math.log(sum(counts.values()) + len(counts) + 1)
            logs = {gram: math.log(n + 1) - total for gram, n in counts.items()}
            self._logs[language] = (logs, -total)

    def guess(self, text: str) -> str:
        """The likeliest language."""
        grams = _trigrams(text)
        return max(
            self._logs,
            key=lambda name: sum(self._logs[name][0].get(g, self._logs[name][1]) for g in grams),
        )


def words(text: str) -> list[str]:
    """The words of a text, without case, accents and apostrophes."""
    plain = text.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "").replace("'", "")
    if not plain.isascii():
        split = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in split if not unicodedata.combining(c))
    return _WORD.findall(plain)


def _grams(word: str) -> tuple[str, ...]:
    if len(word) < _GRAM:
        return ()  # short words are function words: their parts say nothing
    padded = f"<{word}>"
    return tuple(padded[i : i + _GRAM] for i in range(len(padded) - _GRAM + 1))


def _trigrams(text: str) -> list[str]:
    padded = f" {' '.join(words(text))} "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]
