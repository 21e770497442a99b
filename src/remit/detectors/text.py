"""One text under two foldings, with every position mapped back to the original characters.

`plain` undoes disguise and keeps structure: NFKC per character, invisible characters removed,
Unicode tags decoded, look-alike letters and foreign digits made ASCII. `skeleton` keeps letters
and digits only, without case, accents or leetspeak, so that `Y o u  sh0uld śue` and `you should
sue` are the same string. Both fold character by character: folding a piece of a stream gives the
piece of the folding.

Sources: Unicode UAX #15 (NFKC), UTS #39 (confusables; the Latin look-alikes of Greek, Cyrillic
and Armenian are below), the Tags block U+E0000.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import compress

from remit.types import Span

_CONFUSABLES = dict(
    zip(
        "аеорсухіјѕһԁԛԝѵАВЕКМНОРСТХУІЈЅԌӏьгвкмнтзєıɡɑʟᴀᴇᴏᴜΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαιυνρκτεηωսօոհցո",
        "aeopcyxijshdqwvABEKMHOPCTXYIJSGlbrBkMHT3eigalAEOUABEZHIKMNOPTYXoaiuvpktenwuonhgn",
        strict=True,
    )
)
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s"}
# Where a word may begin: after what is no letter or digit, or anywhere in unspaced scripts.
WORD_START = re.compile(r"(?<![^\W_])\S|[\u0e00-\u1dff\u2c00-\U0010ffff]")
_REPLACEMENT = "\ufffd"


def _plain_char(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return char
    if 0xE0020 <= code <= 0xE007E:
        return chr(code - 0xE0000)
    if 0xD800 <= code <= 0xDFFF:
        return _REPLACEMENT
    category = unicodedata.category(char)
    if category == "Cf" or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return ""
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    return "".join(_CONFUSABLES.get(c, c) for c in unicodedata.normalize("NFKC", char))


def _letters_char(char: str) -> str:
    kept = []
    for part in unicodedata.normalize("NFKD", _plain_char(char)).casefold():
        letter = _CONFUSABLES.get(part, part).lower()
        if letter.isalnum() or letter in _LEET:
            kept.append(letter)
    return "".join(kept)


def _skeleton_char(char: str) -> str:
    # i, l and 1 look alike in too many faces; the exact comparison tells them apart again.
    return "".join(
        "i" if letter == "l" else _LEET.get(letter, letter) for letter in _letters_char(char)
    )


class _Table(dict[int, str]):
    """A translation table that computes each character once, up to a bound."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        super().__init__()
        self._fold = fold

    def __missing__(self, code: int) -> str:
        folded = self._fold(chr(code))
        if len(self) < 65_536:
            self[code] = folded
        return folded


_PLAIN = _Table(_plain_char)
_LETTERS = _Table(_letters_char)
_SKELETON = _Table(_skeleton_char)


def _ascii(table: _Table) -> tuple[bytes, bytes]:
    """The same folding as `bytes.translate` takes it: a map and the bytes to drop."""
    folded = [table[code] for code in range(128)]
    # What is folded of other characters passes as it is: folding it again would change nothing.
    others = bytes(range(128, 256))
    return bytes(ord(char or "\0") for char in folded) + others, bytes(
        code for code, char in enumerate(folded) if not char
    )


_ASCII_LETTERS = _ascii(_LETTERS)
_ASCII_SKELETON = _ascii(_SKELETON)
_KEPT_PLAIN = bytes([1] * 256)
_KEPT_LETTERS = bytes(code not in _ASCII_LETTERS[1] for code in range(256))
_ASCII_BYTES = bytes(range(128))
_FEW = 16
_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def plain(text: str) -> str:
    """The plain folding of a text."""
    return text if text.isascii() else _foreign(_PLAIN, text)


def _foreign(table: _Table, text: str) -> str:
    """A text with only its characters beyond ASCII folded: in most texts few, and few kinds."""
    beyond = text.encode("utf-8", "surrogatepass").translate(None, _ASCII_BYTES)
    chars = set(beyond.decode("utf-8", "surrogatepass"))
    if len(chars) <= _FEW:
        folds = [(char, table[ord(char)]) for char in chars]
        changing = [(char, folded) for char, folded in folds if folded != char]
        # One after the other is all at once where no folding makes another's character.
        if chars.isdisjoint("".join(folded for _, folded in changing)):
            for char, folded in changing:
                text = text.replace(char, folded)
            return text
    return _FOREIGN.sub(lambda run: run[0].translate(table), text)


def visible(char: str) -> bool:
    """False for a character of which the plain folding keeps nothing."""
    return char.isascii() or bool(_PLAIN[ord(char)])


def letters(text: str) -> str:
    """The skeleton before leetspeak is undone: character for character as long as it."""
    return text.translate(_LETTERS)


def skeleton(text: str) -> str:
    """The skeleton folding of a text."""
    return text.translate(_SKELETON)


class Text:
    """A text (or a window of a stream) and its foldings, each computed at most once.

    `lead` counts the characters at the start that are context only and already judged.
    """

    __slots__ = (
        "_letters",
        "_plain",
        "_plain_starts",
        "_skeleton",
        "_skeleton_starts",
        "lead",
        "raw",
    )

    def __init__(self, raw: str, lead: int = 0) -> None:
        self.raw = raw
        self.lead = lead
        self._plain: bytes | None = None
        self._skeleton: bytes | None = None
        self._letters: str | None = None
        self._plain_starts: list[int] | None = None
        self._skeleton_starts: list[int] | None = None

    @property
    def plain(self) -> bytes:
        """The plain folding as UTF-8."""
        if self._plain is None:
            self._plain = plain(self.raw).encode()
        return self._plain

    @property
    def skeleton(self) -> bytes:
        """The skeleton folding as UTF-8."""
        if self._skeleton is None:
            raw = self.raw if self.raw.isascii() else _foreign(_SKELETON, self.raw)
            self._skeleton = raw.encode().translate(*_ASCII_SKELETON)
        return self._skeleton

    @property
    def letters(self) -> str:
        """The letters folding."""
        if self._letters is None:
            raw = self.raw if self.raw.isascii() else _foreign(_LETTERS, self.raw)
            self._letters = raw.encode().translate(*_ASCII_LETTERS).decode()
        return self._letters

    @property
    def letter_origins(self) -> list[int]:
        """For each character of `letters` the index of the character it came from."""
        return _origins(self.raw, _LETTERS, _KEPT_LETTERS, len)

    def plain_span(self, start: int, end: int, label: str = "") -> Span:
        """The characters that bytes `start` to `end` of `plain` came from."""
        if len(self.plain) == len(self.raw) and self.raw.isascii():
            return Span(start, end, label)
        if self._plain_starts is None:
            self._plain_starts = _origins(self.raw, _PLAIN, _KEPT_PLAIN, _bytes)
        return Span(self._plain_starts[start], self._plain_starts[end - 1] + 1, label)

    def plain_index(self, start: int) -> int:
        """The character that byte `start` of `plain` came from; the length at the end."""
        if start >= len(self.plain):
            return len(self.raw)
        return self.plain_span(start, start + 1).start

    @property
    def plain_lead(self) -> int:
        """How many bytes of `plain` the lead is."""
        return len(plain(self.raw[: self.lead]).encode()) if self.lead else 0

    @property
    def skeleton_origins(self) -> list[int]:
        """For each byte of `skeleton` the index of the character it came from."""
        if self._skeleton_starts is None:
            self._skeleton_starts = _origins(self.raw, _SKELETON, _KEPT_LETTERS, _bytes)
        return self._skeleton_starts


def _origins(raw: str, table: _Table, kept: bytes, size: Callable[[str], int]) -> list[int]:
    """For each unit of a folding the index it came from. `size` counts the units of a folding.

    An ASCII character gives one unit or none: `kept` has 1 or 0 for each.
    """
    origins: list[int] = []
    at = 0
    for run in _FOREIGN.finditer(raw):
        start, end = run.span()
        origins += compress(range(at, start), raw[at:start].encode().translate(kept))
        for index in range(start, end):
            origins += [index] * size(table[ord(raw[index])])
        at = end
    origins += compress(range(at, len(raw)), raw[at:].encode().translate(kept))
    return origins


def _bytes(folded: str) -> int:
    return len(folded.encode())
