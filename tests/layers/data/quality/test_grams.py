"""Runs of words: whatever the words, the counts are those of the plain definitions."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy")

from remit.layers.data.quality.batch import Batch  # noqa: E402
from remit.layers.data.quality.grams import Grams  # noqa: E402
from remit.layers.data.quality.judgement import Judgement  # noqa: E402
from remit.layers.data.quality.repetition import GopherRepetition  # noqa: E402

# Few letters and short words, so that runs recur, also where words are cut in other places.
TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab", "c"]), max_size=60).map(" ".join),
    min_size=1,
    max_size=4,
)


def top(words: list[str], n: int) -> int:
    counts = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    gram, count = counts.most_common(1)[0]
    return len(gram) * count


def duplicated(words: list[str], n: int) -> int:
    """As published: every n-gram is looked up, and what is new is remembered."""
    seen: set[str] = set()
    characters = at = 0
    while at + n <= len(words):
        gram = "".join(words[at : at + n])
        if gram in seen:
            characters += len(gram)
            at += n
        else:
            seen.add(gram)
            at += 1
    return characters


def plain(text: str, rule: GopherRepetition) -> str | None:
    words = text.split()
    for n, limit in rule.top:
        if len(words) >= n and top(words, n) / len(text) > limit:
            return f"characters in the most frequent {n}-gram"
    for n, limit in rule.duplicated:
        if text and duplicated(words, n) / len(text) > limit:
            return f"characters in duplicate {n}-grams"
    return "empty" if not text else None


def reason(judgement: Judgement | None) -> str | None:
    if judgement is None:
        return None
    what, limit, _ = judgement.reason.partition(",")
    return what.rpartition(" ")[0] if limit else what


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.floats(0.05, 0.9), st.integers(1, 6))
def test_each_text_gets_the_reason_of_the_plain_definition(
    texts: list[str], limit: float, n: int
) -> None:
    rule = GopherRepetition(
        max_lines=None, max_paragraphs=None, max_line_characters=None,
        max_paragraph_characters=None,
        top=((n, limit),), duplicated=((n, limit / 2), (n + 2, limit / 3), (n + 7, limit / 4)),
    )  # fmt: skip
    judgements = rule.judge(Batch(texts, "whitespace"))
    assert [reason(j) for j in judgements] == [plain(text, rule) for text in texts]


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_text_is_judged_the_same_alone_as_beside_others(texts: list[str]) -> None:
    rule = GopherRepetition()
    alone = [rule.judge(Batch([text]))[0] for text in texts]
    assert rule.judge(Batch(texts)) == alone


def test_strings_made_to_collide_modulo_a_power_of_two_are_told_apart() -> None:
    # Thue and Morse's sequence and its complement have one polynomial hash modulo 2**64, for any
    # base. As words they are long; the filter must not take one for the other.
    word = "a"
    for _ in range(11):
        word += word.translate(str.maketrans("ab", "ba"))
    other = word.translate(str.maketrans("ab", "ba"))
    words = Batch([f"{word} x {other} y"]).words
    grams = Grams(words)
    one, _, two, _ = grams.characters(grams.runs(np.arange(4), 1, blanks=0))
    assert one == two, "the attack works on the hash alone"
    rule = GopherRepetition(top=((1, 0.6),), duplicated=((1, 0.1),))
    assert rule.judge(Batch([f"{word} x {other} y"])) == [None]
    assert rule.judge(Batch([f"{word} x {word} y"])) != [None]
