"""Attacks in disguise: what a text says once its encodings are undone.

base64, hexadecimal, binary, URL and Unicode escapes, HTML entities, rot13, text written backwards,
leetspeak, spaced-out letters and everything that the plain folding undoes (Unicode tags, invisible
characters, look-alikes). Each decoding replaces the encoded run where it stands, so what is asked
around it is judged with it. Decodings of decodings are followed two deep; every codec gives a text
no longer than about its own, so the work is bounded by the text.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from remit.detectors.text import plain

_DEPTH = 2
_MOST = 12  # decodings of one text

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[\s,:]{0,2}){8,}(?![0-9A-Za-z])")
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}\s?){4,}(?!\d)")
_URL = re.compile(r"(?:%[0-9A-Fa-f]{2}.{0,4}?){3,}")
_ESCAPE = re.compile(r"\\u\{?([0-9A-Fa-f]{4,5})\}?|\\x([0-9A-Fa-f]{2})")
_SPACED = re.compile(r"(?<!\S)(?:\S[ \t]){3,}\S(?!\S)")
_SPLIT = re.compile(r"(?<=\w)[._*|~\u00b7-](?=\w)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_TEXT = ("Cc", "Cn", "Co")
_LEET = str.maketrans("0134578@$!|€", "oieastbasiie")
_LEET_WORD = re.compile(
    r"(?<!\S)(?=\S*(?:[0134578@$!|€][A-Za-z]|[A-Za-z][0134578]))[A-Za-z0134578@$!|€]{2,}(?!\w)"
)
# The commonest words of five languages: a text in rot13 or backwards has them when turned round.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "the and you your all are for that this with not from what how tell me is to of in it my "
        "previous ignore instructions now de het een en van je jij niet wat hoe alle is der die "
        "das und ist nicht ich du wie les des vous est pas que une pour el los por una para como",
    )
)


def decodings(text: str) -> list[str]:
    """What else the text says, nearest first; without the text itself."""
    seen = {text: None}
    front = [text]
    for _ in range(_DEPTH):
        found = [decoded for one in front for decoded in _once(one) if decoded not in seen]
        front = list(dict.fromkeys(found))[: _MOST - len(seen) + 1]
        seen.update(dict.fromkeys(front))
    return list(seen)[1:]


def _once(text: str) -> list[str]:
    decoded = (codec(text) for codec in _CODECS)
    return [one for one in decoded if one.strip() and one != text]


def _printable(data: bytes) -> str | None:
    """The text that bytes are, where they are text but for what a cut has left at their ends."""
    text = data.decode(errors="ignore")
    lost = len(data) - len(text.encode())
    if lost > min(6, len(data) // 8) or not _WORD.search(text):
        return None
    controls = any(unicodedata.category(c) in _NO_TEXT and c not in "\n\t\r" for c in text)
    return None if controls else text


def _replaced(
    pattern: re.Pattern[str], decode: Callable[[str], Iterator[bytes]]
) -> Callable[[str], str]:
    def one(match: re.Match[str]) -> str:
        try:
            readings = [text for data in decode(match[0]) if (text := _printable(data))]
        except (binascii.Error, ValueError):
            return match[0]
        return f" {readings[0]} " if readings else match[0]

    return lambda text: pattern.sub(one, text)


def _from_base64(run: str) -> Iterator[bytes]:
    """From each of four places: the run may be cut from the middle of a longer one."""
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    for start in range(4):
        piece = body[start:]
        piece = piece[: len(piece) - (len(piece) % 4 == 1)]
        yield base64.b64decode(piece + "=" * (-len(piece) % 4))


def _from_hex(run: str) -> Iterator[bytes]:
    yield bytes.fromhex(re.sub(r"0x|\\x|[\s,:]", "", run))


def _from_binary(run: str) -> Iterator[bytes]:
    yield bytes(int(group, 2) for group in re.findall(r"[01]{8}", run))


def _escapes(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(min(int(match[1] or match[2], 16), 0x10FFFF)), text)


def _url(text: str) -> str:
    return unquote(text.replace("+", " ")) if _URL.search(text) else text


def _rot13(text: str) -> str:
    turned = codecs.decode(text, "rot13")
    return turned if _common(turned) > _common(text) else text


def _backwards(text: str) -> str:
    turned = text[::-1]
    return turned if _common(turned) > _common(text) else text


def _common(text: str) -> int:
    return sum(word in _COMMON for word in _WORD.findall(text.lower()))


def _leet(text: str) -> str:
    """Digits and signs as the letters they stand for; one alone, as in Q3, is what it is."""
    read = _LEET_WORD.sub(lambda match: match[0].translate(_LEET), text)
    return read if sum(a != b for a, b in zip(read, text, strict=True)) > 1 else text


def _closed(text: str) -> str:
    """Spaced-out letters joined; where letters stand one space apart, two spaces part words."""

    def one(match: re.Match[str]) -> str:
        return re.sub(r"(?<=\S)[ \t](?=\S)", "", match[0])

    joined = _SPACED.sub(one, text)
    apart = _SPLIT.sub("", text)
    return apart if joined == text and len(text) - len(apart) > len(text) // 4 else joined


_CODECS: tuple[Callable[[str], str], ...] = (
    plain,
    _replaced(_BASE64, _from_base64),
    _replaced(_HEX, _from_hex),
    _replaced(_BINARY, _from_binary),
    _escapes,
    _url,
    html.unescape,
    _rot13,
    _backwards,
    _leet,
    _closed,
)
