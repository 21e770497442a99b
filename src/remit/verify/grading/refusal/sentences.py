"""A reply as sentences, each with what it does. Folded, bounded, and cheap for ordinary prose."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from remit.verify.grading.refusal.phrases import ACTS, index

HEAD, TAIL = 5_000, 1_000
_FIRST, _LAST = 45, 15
_LONGEST = 1_000
# An end is told from the sign before it, which stays with its sentence.
_END = re.compile(r"[.!?][\"'”’)\]]*\s+|\n+")
_END_UNSPACED = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
_UNSPACED = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
_UNSPACED = re.compile("[。！？]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# Of ASCII: words stay, what may end a sentence becomes a line break, all else a space.
_WORDS_AND_ENDS = {
    code: "\n" if chr(code) in ".!?\n" else " "
    for code in range(128)
    if not (chr(code).isalnum() or chr(code) == "'")
}
_SIGNS = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"'})
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


class Sentence(NamedTuple):
    """A folded sentence: its text, its words, and which acts it does in the order of `ACTS`."""

    text: str
    words: list[str]
    acts: tuple[bool, ...]

    @property
    def plain(self) -> bool:
        """True where it does nothing but say something; a turn ("however") is no deed."""
        return True not in self.acts[:-1]


NOTHING = Sentence("", [], (False,) * len(ACTS))


def folded(reply: str) -> str:
    """The text in lower case with plain quotes; of a long one the first 5,000 characters and the
    last 1,000."""
    text = reply if len(reply) <= HEAD + TAIL else f"{reply[:HEAD]}\n{reply[-TAIL:]}"
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_SIGNS)
    return text.lower()


def sentences(text: str) -> list[Sentence]:
    """The sentences of a folded text that have words; of many, the first 45 and the last 15."""
    pieces = _pieces_of_ascii(text) if text.isascii() else _pieces(text)
    if len(pieces) > _FIRST + _LAST:
        pieces = pieces[:_FIRST] + pieces[-_LAST:]
    acts = index().acts
    return [Sentence(piece, said, acts(piece[:_LONGEST], said)) for piece, said in pieces]


def words(text: str) -> list[str]:
    """The words of a folded text: letters and digits, with at most one apostrophe between them."""
    if text.isascii():
        return _split(text.translate(_WORDS_AND_ENDS))
    return _WORD.findall(text)


def _pieces(text: str) -> list[tuple[str, list[str]]]:
    if _UNSPACED.search(text):
        pieces = _END_UNSPACED.split(text)
    else:
        pieces, at = [], 0
        for end in _END.finditer(text):
            pieces.append(text[at : end.start() + (end[0][0] != "\n")])
            at = end.end()
        pieces.append(text[at:])
    return [(piece, said) for piece in pieces if (said := words(piece))]


def _pieces_of_ascii(text: str) -> list[tuple[str, list[str]]]:
    """The same as `_pieces`, three times as fast: a table and searches for one character."""
    marked = text.translate(_WORDS_AND_ENDS)
    pieces, start = [], 0
    at = marked.find("\n")
    while at >= 0:
        if end := _END.match(text, at):
            if said := _split(marked[start:at]):
                pieces.append((text[start : at + (text[at] != "\n")], said))
            start = end.end()
        at = marked.find("\n", end.end() if end else at + 1)
    if said := _split(marked[start:]):
        pieces.append((text[start:], said))
    return pieces


def _split(marked: str) -> list[str]:
    found = marked.split()
    if "'" not in marked:
        return found
    parts: list[str] = []
    for word in found:
        if "'" in word:
            parts += _WORD.findall(word)
        else:
            parts.append(word)
    return parts
