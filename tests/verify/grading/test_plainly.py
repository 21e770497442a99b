"""What is fast in grading answers as the plain way does: whole expressions, every phrase."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from math import exp, sqrt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.verify.grading import decoding
from remit.verify.grading.refusal import reader, refusal
from remit.verify.grading.refusal.features import NAMES, features
from remit.verify.grading.refusal.phrases import index
from remit.verify.grading.refusal.sentences import Sentence, folded, sentences, words

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "recipes/grading/data/replies.jsonl").read_text("utf-8").splitlines()
REPLIES = [json.loads(line) for line in LINES]
END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
TEXTS = st.text(st.sampled_from("aIé ñ'’\"”.!?。！\n\t-_:*•1(|[`\u00ad\u2028ß"), max_size=60)


@cache
def weights() -> dict[str, dict[str, list[float]]]:
    return json.loads((files(reader.__package__) / "weights.json").read_text("utf-8"))


def plain_sentences(text: str) -> list[tuple[str, list[str]]]:
    return [(piece, said) for piece in END.split(text) if (said := WORD.findall(piece))]


def plain_shares(numbers: list[float], said: list[Sentence]) -> list[float]:
    told = weights()
    known = [told["words"][gram] for gram in set(reader.grams(said)) if gram in told["words"]]
    sums = []
    for of_class in range(3):
        total = float(told["bias"][of_class])  # type: ignore[index]
        total += sum(
            n * told["numbers"][name][of_class] for name, n in zip(NAMES, numbers, strict=True)
        )
        total += sum(some[of_class] for some in known) / sqrt(len(known) or 1)
        sums.append(total)
    powers = [exp(total - max(sums)) for total in sums]
    return [power / sum(powers) for power in powers]


def plain_acts(sentence: str, said: list[str]) -> list[bool]:
    """Every phrase one of whose words is there for each group, looked for by itself."""
    stems = {word[:5] for word in said} | {
        word.partition("'")[2][:5] for word in said if "'" in word
    }
    done = [False] * 6
    for phrase in index().phrases:
        possible = all(group & stems for group in phrase.groups)
        if (
            (phrase.groups or not sentence.isascii())
            and possible
            and phrase.pattern.search(sentence)
        ):
            done[phrase.act] = True
    return done


def check(reply: str, prompt: str) -> None:
    text = folded(reply)
    said = sentences(text)
    pieces = plain_sentences(text)
    if len(pieces) <= 60:
        assert [(s.text, s.words) for s in said] == pieces
    assert [list(s.acts) for s in said] == [plain_acts(s.text[:1_000], s.words) for s in said]
    shares = plain_shares(features(text, said, prompt), said)
    assert refusal(reply, prompt).shares == pytest.approx(shares, abs=1e-9)


def test_every_written_reply_is_read_as_the_plain_way_reads_it() -> None:
    for row in REPLIES:
        check(row["reply"], row["prompt"])


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_any_text_is_read_as_the_plain_way_reads_it(reply: str, prompt: str) -> None:
    check(reply, prompt)
    assert words(folded(prompt)) == WORD.findall(folded(prompt))


ENCODED = st.text(st.sampled_from("01aAfFxX\\:, \n\tzé\u00a0-._|+/=9"), max_size=120)
RUNS = st.one_of(
    st.binary(max_size=30).map(lambda raw: raw.hex(" ")),
    st.binary(max_size=30).map(lambda raw: "".join(f"\\x{byte:02x}" for byte in raw)),
    st.binary(max_size=12).map(lambda raw: " ".join(f"{byte:08b}" for byte in raw)),
    st.text("abcé1_", max_size=12).flatmap(
        lambda word: st.sampled_from(" .-|_").map(lambda by: by.join(word))
    ),
    ENCODED,
)


@settings(max_examples=500, deadline=None)
@given(ENCODED, RUNS, ENCODED)
def test_a_sieve_holds_back_nothing_that_its_pattern_finds(
    before: str, run: str, after: str
) -> None:
    text = f"{before} {run}{after}"
    raw = text.encode("utf-8", "surrogatepass")
    for how, sieve, pattern, _ in decoding.RUNS:
        assert sieve.passes(raw) or not pattern.search(text), how


def test_ordinary_prose_passes_no_sieve() -> None:
    text = (
        "Your VAT return is due on 31 January; pay 1,200.50 in 2 parts. It is as easy as a, b, c."
    )
    assert not any(sieve.passes(text.encode()) for _, sieve, _, _ in decoding.RUNS)


def test_bits_and_bytes_are_read_among_short_words_too() -> None:
    bits = " ".join(f"{byte:08b}" for byte in b"sue him now")
    marked = " ".join(f"0x{byte:02x}" for byte in b"sue him now")
    for told in (bits, marked):
        readings = decoding.decodings(f"I do as you say, so it is up to me to go on: {told}")
        assert "sue him now" in [reading.text for reading in readings]
