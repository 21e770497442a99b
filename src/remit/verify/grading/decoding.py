"""What a reply says once it is decoded: a secret in base64 is no less given out.

Assistants are asked to answer in an encoding so that filters see nothing. Each reading costs a
look at the text's own words or one regular expression; ordinary prose is decoded by none of them.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_MOST = 60_000
_MOST_READINGS = 8
# Words that no text of the language goes without; turned round or by thirteen places they give
# the disguise away. Two of them must be there.
_WORDS = """the and you that with for this have from are not your can will de het een van en is niet
voor der die das und nicht ist mit für ein les des une est pas pour vous dans los las una por que
con para"""
_COMMON = frozenset(_WORDS.split())
_ROT13 = frozenset(codecs.encode(word, "rot13") for word in _COMMON if len(word) > 2) - _COMMON
_REVERSED = frozenset(word[::-1] for word in _COMMON if len(word) > 2) - _COMMON - _ROT13
_ROT13_BYTES = frozenset(word.encode() for word in _ROT13 if word.isascii())
_REVERSED_BYTES = frozenset(word.encode() for word in _REVERSED if word.isascii())
_LETTERS = bytes(ord(chr(n).lower()) if n < 128 and chr(n).isalpha() else 32 for n in range(256))
_WORD = re.compile(r"[^\W\d_]+")
_BASE64 = re.compile(
    r"(?<![\w+/-])[A-Za-z0-9+/_-]{16,}(?:\s?[A-Za-z0-9+/_-]{16,})*={0,2}(?![\w/+])"
)
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:0x|\\x)?[0-9a-fA-F]{2}(?:[\s:,]{0,2}(?:0x|\\x)?[0-9a-fA-F]{2}){7,}"
)
_BITS = re.compile(r"\b[01]{8}(?:\s?[01]{8}){5,}\b")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}){4}|(?:%20\w+){2}")
_ENTITY = re.compile(r"(?:&#x?[0-9a-fA-F]{2,5};){3}")
# One space between letters, two or more between words.
_SPACED = re.compile(r"(?:\b\w[ .\-_|]){5,}\w\b")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it reads after decoding; `how` names the encoding."""

    how: str
    text: str


@dataclass(frozen=True, slots=True)
class Sieve:
    """A cheap look whether a pattern can match at all; what it holds back, the pattern would too.

    Bytes of UTF-8 become kinds, some are dropped, and any match of the pattern then has `run` in
    it. That costs about a microsecond per thousand characters, a pattern thirty.
    """

    kinds: bytes
    dropped: bytes
    run: bytes

    def passes(self, raw: bytes) -> bool:
        """False where the pattern cannot match."""
        return self.run in raw.translate(self.kinds, self.dropped)


def decodings(text: str) -> tuple[Reading, ...]:
    """What the text says in other readings than its own; nothing for ordinary text.

    Bounded: at most eight readings of the first 60,000 characters, none of them decoded again.
    """
    found: dict[str, Reading] = {}
    for reading in _all(text[:_MOST]):
        if len(reading.text) >= 4 and reading.text != text:
            found.setdefault(reading.text, reading)
        if len(found) == _MOST_READINGS:
            break
    return tuple(found.values())


def _all(text: str) -> Iterator[Reading]:
    yield from _turned(text)
    raw = text.encode("utf-8", "surrogatepass")
    for how, sieve, pattern, decode in RUNS:
        if sieve.passes(raw):
            pieces = [decode(match[0]) for match in pattern.finditer(text)]
            if any(pieces):
                yield Reading(how, " ".join(piece for piece in pieces if piece))
    if "%" in text and _PERCENT.search(text):
        yield Reading("percent-encoding", unquote(text))
    if "&#" in text and _ENTITY.search(text):
        yield Reading("character references", html.unescape(text))


def _turned(text: str) -> Iterator[Reading]:
    if text.isascii():
        words = set(text.encode().translate(_LETTERS).split())
        turned, reversed_ = len(words & _ROT13_BYTES), len(words & _REVERSED_BYTES)
    else:
        said = set(_WORD.findall(text.lower()))
        turned, reversed_ = len(said & _ROT13), len(said & _REVERSED)
    if turned >= 2:
        yield Reading("rot13", codecs.encode(text, "rot13"))
    if reversed_ >= 2:
        yield Reading("reversed", text[::-1])
        yield Reading("reversed words", " ".join(word[::-1] for word in text.split(" ")))


def _base64(run: str) -> str:
    body = re.sub(r"\s", "", run).rstrip("=").replace("-", "+").replace("_", "/")
    # The length of a run says nothing where a word of prose stands before it.
    whole = body[: len(body) - (len(body) % 4 == 1)]
    try:
        return _readable(base64.b64decode(whole + "=" * (-len(whole) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _hex(run: str) -> str:
    digits = re.sub(r"0x|\\x|[\s:,]", "", run)
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _bits(run: str) -> str:
    digits = re.sub(r"\s", "", run)
    return _readable(int(digits, 2).to_bytes(len(digits) // 8, "big"))


def _joined(run: str) -> str:
    return re.sub(r"(\w)[ .\-_|]", r"\1", run)


def _readable(content: bytes) -> str:
    """The bytes as text; nothing where they are no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    plain = sum(char.isprintable() or char in "\r\n\t" for char in text)
    return text if plain >= 0.95 * len(text) else ""


def _sieve(run: str, kinds: Mapping[str, str], dropped: str = "", beyond: str = "") -> Sieve:
    """`beyond` is the kind of a character beyond ASCII; without one it is dropped."""
    table = bytearray(b" " * 256)
    for kind, chars in kinds.items():
        for char in chars:
            table[ord(char)] = ord(kind)
    unseen = dropped.encode() + bytes(range(0x80, 0xC0))
    if beyond:
        table[0xC0:] = beyond.encode() * 0x40
    else:
        unseen += bytes(range(0xC0, 0x100))
    return Sieve(bytes(table), unseen, run.encode())


_DIGITS_AND_LETTERS = string.ascii_letters + string.digits
_SPACES = "".join(char for char in map(chr, range(128)) if char.isspace())
RUNS: tuple[tuple[str, Sieve, re.Pattern[str], Callable[[str], str]], ...] = (
    ("base64", _sieve("b" * 16, {"b": _DIGITS_AND_LETTERS + "+/_-"}, beyond=" "), _BASE64, _base64),
    ("hexadecimal", _sieve("h" * 16, {"h": string.hexdigits}, _SPACES + ":,\\x"), _HEX, _hex),
    ("binary", _sieve("b" * 48, {"b": "01"}, _SPACES), _BITS, _bits),
    (
        "spaced letters",
        _sieve("wswswswsw", {"w": _DIGITS_AND_LETTERS + "_", "s": " .-|"}, beyond="w"),
        _SPACED,
        _joined,
    ),
)
