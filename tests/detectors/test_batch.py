"""A sieve over many texts leaves out only what a reading finds clean."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.detectors import batch as batching
from remit.detectors.base import ConfigError, Setting, Use, clean
from remit.detectors.batch import Batch, Folding, Sieve, suspects
from remit.detectors.echo import Echo
from remit.detectors.identifier import IdentifierKind
from remit.detectors.memory import _INTRODUCED, _NAMED, BEGINNINGS
from remit.detectors.pattern import Pattern
from remit.detectors.phrases import Phrases
from remit.detectors.text import Text
from remit.types import Message

KINDS = {
    "phrases": (Phrases(), ["you should sue", "void", "advis*", "één zaak"]),
    "pattern": (Pattern(), [r"\bHF-\d{6}\b", r"\b\w{2}\b", r"\Bfoo\B", r"a\nb", r"[^a]b", "é.u"]),
    "identifier": (IdentifierKind(), ["iban", "email", "phone", "date-of-birth", "secret"]),
    "echo": (Echo(), "all"),
}
PIECES = (
    *"ab1é",
    *"\n\0 -.,_",
    "void",
    "you should ",
    "sue",
    "Y0u  śhould\u200b sue",
    "advisory",
    "HF-123456",
    "HF-12345",
    "foo",
    "xfoox",
    "a\nb",
    "NL91 ABNA 0417 1643 00",
    "anna@example.com",
    "+31 20 624 1111",
    "born 12-03-1980",
    "My name is Pieter de Vries",
    "Pieter de Vries",
    'the "client_name": "Ünal Yilmaz"',
    "Ünal Yilmaz",
    "I am Anna Smith",
    "\u0130 am Anna Smith",
    "Anna Smith",
    "EUR 1.250,00",
    "1250 euros",
    "1,250",
    "one two three four five",
    "12345",
    "ignore the ledger of the second quarter, and never tell a client why",
    "𝒗𝒐𝒊𝒅",
    "９９９９９",
    "日本語のテキスト",
    "\ud800",
)
MATCHERS: dict[str, Any] = {}
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(max_size=12)
MESSAGES = st.builds(
    Message, st.sampled_from(["document", "system", "user", "assistant", "tool"]), TEXTS
)


def threads(rng: random.Random, count: int) -> list[list[int]]:
    cuts = sorted(rng.sample(range(count), min(count, rng.randint(0, 3))))
    edges = [0, *cuts, count]
    return [list(range(a, b)) for a, b in itertools.pairwise(edges) if a < b]


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=60, deadline=None)
@given(messages=st.lists(MESSAGES, max_size=9), seed=st.integers(0, 99))
def test_what_a_sieve_leaves_out_is_clean(name: str, messages: list[Message], seed: int) -> None:
    kind, config = KINDS[name]
    matcher = MATCHERS.setdefault(name, kind.compile([Use("r", kind.parse(config))], Setting()))
    assert isinstance(matcher, Sieve)
    batch = Batch(messages, threads(random.Random(seed), len(messages)))
    suspected = set(matcher.suspects(batch))
    for at, message in enumerate(messages):
        if at not in suspected:
            reading = matcher.bind(batch.interaction(at)).read(Text(message.text))
            assert reading.outcomes == clean(1), (message, batch.threads)


def small(rng: random.Random, pieces: Sequence[str]) -> str:
    return "".join(rng.choice(pieces) for _ in range(rng.randint(0, 6)))


def test_no_match_of_a_random_pattern_is_lost_between_neighbours() -> None:
    rng = random.Random(4)
    atoms = ("a", "b", "1", r"\d", r"\w", r"\W", r"\s", "[^a]", r"\b", r"\B", "é", "(?:ab|b )")
    found = 0
    for _ in range(200):
        source = "".join(rng.choice(atoms) for _ in range(rng.randint(1, 4)))
        try:
            config = Pattern().parse(source)
        except ConfigError:
            continue
        matcher = Pattern().compile([Use("r", config)], Setting())
        for _ in range(12):
            text, other = (small(rng, ("a", "b", "1", " ", "\n", "é", "_")) for _ in range(2))
            if matcher.read(Text(text)).outcomes == clean(1):
                continue
            found += 1
            for pair in ([text, other], [other, text]):
                batch = Batch([Message("document", one) for one in pair], [[0], [1]])
                assert pair.index(text) in matcher.suspects(batch), (source, pair)
    assert found > 300


CONFIDED = (
    ("My name is Pieter de Vries.", "Thank you, Pieter de Vries."),
    ("Frau Özil schreibt", "Liebe Özil, danke."),
    ("SEÑORA Núñez Ortega", "Núñez Ortega"),
    ("ich hei\u1e9ee Anna Schmidt", "Anna Schmidt"),
    ("\u0130 am Anna Smith", "Hello Anna Smith"),
    ('{"client_name" : "Ada King"}', "This is for Ada King."),
    ("regards,\nAnna van der Berg", "Dear Anna van der Berg"),
    ("It was 1 2 3 4 I think", "So 1234."),
    ("It was ９９９９ I think", "So nine nine nine nine."),
    ("€ 950", "That is 950.00 in all."),
    ("we owe 950pounds", "You owe 950."),
    ("Write to anna@example.com", "I wrote to ANNA@example.com."),
    ("Pay NL91 ABNA 0417 1643 00", "I paid NL91ABNA0417164300."),
)


@pytest.mark.parametrize(("told", "said"), CONFIDED)
@pytest.mark.parametrize("role", ["user", "tool"])
def test_what_was_confided_is_looked_for(told: str, said: str, role: str) -> None:
    matcher = MATCHERS.setdefault(
        "echo", Echo().compile([Use("r", Echo().parse("all"))], Setting())
    )
    messages = [Message(role, told), Message("assistant", "Fine."), Message("assistant", said)]
    batch = Batch(messages, [[0, 1, 2]])
    assert 2 in set(matcher.suspects(batch))
    assert matcher.bind(batch.interaction(2)).read(Text(said)).outcomes != clean(1)


def test_what_the_instructions_say_is_looked_for() -> None:
    matcher = Echo().compile([Use("r", Echo().parse("passages"))], Setting())
    told = "Never mention the fees under the standard rate."
    batch = Batch([Message("system", told), Message("assistant", told)], [[0, 1]])
    assert list(matcher.suspects(batch)) == [1]


def test_ordinary_texts_are_left_out() -> None:
    texts = ["Good morning, when is your office open?", "We are open until five."] * 20
    messages = [Message("user" if at % 2 == 0 else "assistant", t) for at, t in enumerate(texts)]
    batch = Batch(messages, [[at, at + 1] for at in range(0, 40, 2)])
    for kind, config in KINDS.values():
        if kind.name != "pattern":
            matcher = kind.compile([Use("r", kind.parse(config))], Setting())
            assert list(matcher.suspects(batch)) == []


def test_a_group_is_no_larger_than_stated_unless_one_text_is() -> None:
    seen: list[bytes] = []
    texts = [Text("x" * 100)] * 100 + [Text("y" * 10_000)] + [Text("")] * 3

    def fires(data: bytes) -> bool:
        seen.append(data)
        return b"y" in data

    assert Folding(texts, lambda text: text.plain).firing(fires) == [100]
    assert max(len(data) for data in seen if b"y" not in data) <= batching.GROUP


def test_a_broken_or_absent_sieve_leaves_nothing_out() -> None:
    class Broken:
        def suspects(self, batch: Batch) -> list[int]:
            raise RuntimeError("no sieve today")

    batch = Batch([Message("document", "a"), Message("document", "b")], [[0], [1]])
    assert list(suspects(Broken(), batch)) == [0, 1]
    assert list(suspects(object(), batch)) == [0, 1]


def test_every_letter_that_python_takes_for_a_cue_is_the_gates_too() -> None:
    """What `re` matches without regard to case and Hyperscan might not, is handled by name."""
    for cue in "abcdefghijklmnopqrstuvwxyzßñ":
        expression = re.compile(cue, re.IGNORECASE)
        others = {c for c in map(chr, range(0x80, 0x11000)) if expression.fullmatch(c)}
        left = {Text(c).plain.decode() for c in others} - {cue, cue.upper()}
        assert left <= {"İ", "ẞ"}, (cue, left)
    assert set(BEGINNINGS) == {"numbers", "amounts", "names"}
    assert _NAMED.search("dear Frau Özil")
    assert _INTRODUCED.search("Ich bin Anna Smith")
