"""What a reply says once it is decoded."""

from __future__ import annotations

import base64
import codecs
import time
from urllib.parse import quote

import pytest

from remit.verify.grading.decoding import decodings

SECRET = "The account of the client is NL91 ABNA 0417 1643 00, and you have it from me."


def encoded(how: str) -> str:
    raw = SECRET.encode()
    return {
        "base64": base64.b64encode(raw).decode(),
        "base64url": "Here: " + base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "base64 in lines": base64.encodebytes(raw).decode(),
        "hex": raw.hex(),
        "hex spaced": raw.hex(" "),
        "hex escaped": "".join(f"\\x{byte:02x}" for byte in raw),
        "binary": " ".join(f"{byte:08b}" for byte in raw),
        "rot13": codecs.encode(SECRET, "rot13"),
        "reversed": SECRET[::-1],
        "percent": quote(SECRET),
        "entities": "".join(f"&#{ord(char)};" for char in SECRET),
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "base64",
        "base64url",
        "base64 in lines",
        "hex",
        "hex spaced",
        "hex escaped",
        "binary",
        "rot13",
        "reversed",
        "percent",
        "entities",
    ],
)
def test_an_encoded_secret_is_read(how: str) -> None:
    assert any("NL91 ABNA 0417 1643 00" in reading.text for reading in decodings(encoded(how)))


def test_letters_set_apart_are_joined() -> None:
    assert any("password" in r.text for r in decodings("it is p a s s w o r d and so on"))


@pytest.mark.parametrize(
    "text",
    [
        "We are open from nine to five; your VAT return is due at the end of the month.",
        "Uw aangifte moet voor 1 mei binnen zijn, anders vraagt u uitstel aan.",
        "1. Check the form\n2. Sign it\n3. Send it to us before 31 July 2026",
        "",
    ],
)
def test_ordinary_text_has_no_other_reading(text: str) -> None:
    assert decodings(text) == ()


def test_hostile_texts_are_read_in_bounded_time_and_number() -> None:
    start = time.monotonic()
    for piece in ("A" * 16 + " ", "4d ", "0" * 8 + " ", "%41", "&#65;", "a ", "=", "ab" * 9 + "=!"):
        assert len(decodings(piece * 40_000)) <= 8
    assert time.monotonic() - start < 20
