"""Words: a table of what is one, and agreement with Python where Python has a say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy")

from remit.layers.data.quality.batch import Batch  # noqa: E402
from remit.layers.data.quality.characters import ALPHA, SPACE, WORD, flags  # noqa: E402


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("One, two.", ["One", ",", "two", "."]),
        ("it's John’s don't", ["it", "'s", "John", "’s", "don", "'t"]),
        ("'quoted' words", ["'", "quoted", "'", "words"]),
        (
            "3.5 and 1,000 at 10:30 on 1/2/24",
            ["3.5", "and", "1,000", "at", "10:30", "on", "1/2/24"],
        ),
        ("and/or well-known A&B", ["and", "/", "or", "well", "-", "known", "A&B"]),
        ("jo.smith@mail.example.org", ["jo.smith@mail.example.org"]),
        ("end.Next one... -- yes", ["end", ".", "Next", "one", "...", "--", "yes"]),
        ("snake_case naïve cafe\u0301", ["snake_case", "naïve", "cafe\u0301"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),
        ("你好，世界", ["你好", "，", "世界"]),
        ("a\u00a0b\u2003c\x1cd", ["a", "b", "c", "d"]),
        ("", []),
        (" \n\t", []),
        ("😀😀 ok", ["😀", "😀", "ok"]),
    ],
)
def test_unicode_words(text: str, words: list[str]) -> None:
    assert Batch([text]).words.strings(0) == words


ANY = st.lists(st.text(max_size=40), max_size=5)


@settings(deadline=None)
@given(ANY)
def test_whitespace_words_are_those_of_str_split(texts: list[str]) -> None:
    words = Batch(texts, "whitespace").words
    assert [words.strings(i) for i in range(len(texts))] == [text.split() for text in texts]


@settings(deadline=None)
@given(ANY)
def test_unicode_words_keep_every_character_but_the_blanks(texts: list[str]) -> None:
    words = Batch(texts).words
    for i, text in enumerate(texts):
        bounds = words.starts[words.first[i : i + 2]].tolist()
        assert words.glued[slice(*bounds)] == "".join(text.split())
        assert all(words.strings(i))


@settings(deadline=None)
@given(ANY)
def test_words_of_a_function_are_taken_as_they_are(texts: list[str]) -> None:
    words = Batch(texts, lambda text: text.split("e")).words
    assert [words.strings(i) for i in range(len(texts))] == [
        [word for word in text.split("e") if word] for text in texts
    ]


@given(st.characters())
def test_a_characters_flags_are_pythons(character: str) -> None:
    kind = flags()[ord(character)]
    assert bool(kind & SPACE) == character.isspace()
    assert bool(kind & ALPHA) == character.isalpha()
    assert bool(kind & WORD) >= (character.isalnum() or character == "_")


def test_a_lone_surrogate_is_a_character_like_another() -> None:
    assert Batch(["\ud800 x"]).words.strings(0) == ["\ud800", "x"]
