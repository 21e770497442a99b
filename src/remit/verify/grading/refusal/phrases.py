"""What a sentence of a reply does: refuses, apologises, moralises, sends elsewhere, offers, turns.

The expressions stand in `phrases.txt`: English, Dutch, German, French and Spanish, and the most
usual of a few other languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ACTS = ("refuses", "sorry", "moral", "elsewhere", "offers", "turns")
STEM = 5
MOST_WORDS, LONGEST_WORD = 50_000, 40
_NAME = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """An expression of one act, and the stems without which it cannot match.

    One stem of each group must be in the sentence. A phrase without groups is looked for only in
    sentences that are not ASCII.
    """

    act: int
    groups: tuple[frozenset[str], ...]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Index:
    """Which phrases a sentence's words leave possible, as bits of whole numbers.

    Bit `k * size + n` of a word says that it is enough for group `k` of phrase `n`. `plain` and
    `foreign` have the bits of groups that a phrase lacks, in a sentence of ASCII and in another;
    `of_act` those of the phrases of one act.
    """

    phrases: tuple[Phrase, ...]
    groups: int
    of_word: Mapping[str, int]
    plain: int
    foreign: int
    of_act: tuple[int, ...]

    def acts(self, sentence: str, words: Sequence[str]) -> tuple[bool, ...]:
        """What a sentence does, in the order of `ACTS`. Lower case, with plain apostrophes."""
        there = self.plain if sentence.isascii() else self.foreign
        for bits in set(map(self.of_word.__getitem__, words)):
            there |= bits
        size = len(self.phrases)
        possible = there & ((1 << size) - 1)
        for group in range(1, self.groups):
            possible &= there >> group * size
        done = 0
        while possible:
            first = possible & -possible
            phrase = self.phrases[first.bit_length() - 1]
            if phrase.pattern.search(sentence):
                done |= 1 << phrase.act
                possible &= ~self.of_act[phrase.act]
            else:
                possible ^= first
        return _DEEDS[done]


_DEEDS = tuple(
    tuple(bool(done >> act & 1) for act in range(len(ACTS))) for done in range(1 << len(ACTS))
)


class _Words(dict[str, int]):
    """The bits of each word, from those of the stems; up to a bound they are found once."""

    def __init__(self, stems: Mapping[str, int]) -> None:
        super().__init__()
        self._stems = stems

    def __missing__(self, word: str) -> int:
        bits = 0
        for stem in stems_of(word):
            bits |= self._stems.get(stem, 0)
        if len(self) < MOST_WORDS and len(word) <= LONGEST_WORD:
            self[word] = bits
        return bits


def stems_of(word: str) -> tuple[str, ...]:
    """The beginning of a word; of `d'avocat` also that of `avocat`."""
    _, apostrophe, rest = word.partition("'")
    return (word[:STEM], rest[:STEM]) if apostrophe else (word[:STEM],)


@cache
def index() -> Index:
    """The phrases of `phrases.txt`."""
    return indexed(phrases((files(__package__) / "phrases.txt").read_text("utf-8")))


def indexed(found: Sequence[Phrase]) -> Index:
    """The phrases made ready to be looked for."""
    size, groups = len(found), max(len(phrase.groups) for phrase in found)
    stems: dict[str, int] = {}
    plain = foreign = 0
    of_act = [0] * len(ACTS)
    for number, phrase in enumerate(found):
        of_act[phrase.act] |= 1 << number
        for group in range(groups):
            bit = 1 << group * size + number
            if group < len(phrase.groups):
                for stem in phrase.groups[group]:
                    stems[stem] = stems.get(stem, 0) | bit
            else:
                foreign |= bit
                plain |= bit if phrase.groups else 0
    return Index(tuple(found), groups, _Words(stems), plain, foreign, tuple(of_act))


def phrases(text: str) -> list[Phrase]:
    """The phrases of a file in the format that `phrases.txt` describes. Raises ValueError."""
    names: dict[str, str] = {}
    found: list[Phrase] = []
    act = -1
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            act = ACTS.index(line.strip("[]").split()[0])
        elif act < 0:
            name, _, value = line.partition(" = ")
            names[name] = _filled(value, names)
        else:
            words, _, expression = line.partition(" :: ")
            pattern = re.compile(_filled(expression, names))
            found.append(Phrase(act, _groups(words), pattern))
    return found


def _filled(line: str, names: dict[str, str]) -> str:
    return _NAME.sub(lambda match: names[match[1]], line)


def _groups(words: str) -> tuple[frozenset[str], ...]:
    if words == "-":
        return ()
    return tuple(frozenset(w[:STEM] for w in group.split()) for group in words.split("+"))
