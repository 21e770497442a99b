"""Lines of a batch as arrays: as Python has them of each text, and bounds that never fall short."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy")

from remit.layers.data.quality.batch import Batch  # noqa: E402
from remit.layers.data.quality.c4 import C4  # noqa: E402
from remit.layers.data.quality.lines import (  # noqa: E402
    Parts,
    lines,
    of_lines,
    of_paragraphs,
    paragraphs,
    repeated,
)
from remit.layers.data.quality.recurrence import came_before, crowds, may_recur  # noqa: E402
from remit.layers.data.quality.sentences import counted, sentences  # noqa: E402

PIECES = [
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\u2028",
    "\x85",
    " ",
    "\t",
    "a",
    "b",
    "ab.",
    'b."',
    "… ",
    "...",
]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), max_size=5)
"""Texts of a few words and many sorts of breaks, so that lines and paragraphs recur."""


def of_text(parts: Parts, batch: Batch, text: int) -> list[str]:
    return [
        batch.joined[start:end]
        for of, start, end in zip(parts.text, parts.start, parts.end, strict=True)
        if of == text
    ]


@settings(deadline=None)
@given(TEXTS)
def test_lines_and_paragraphs_are_those_of_each_text(texts: list[str]) -> None:
    batch = Batch(texts)
    found, paragraphs_found = of_lines(batch.lines), of_paragraphs(batch.lines, len(texts))
    for i, text in enumerate(texts):
        assert of_text(found, batch, i) == [line for line in lines(text) if line]
        assert of_text(paragraphs_found, batch, i) == [part for part in paragraphs(text) if part]


@settings(deadline=None)
@given(TEXTS)
def test_lines_at_all_breaks_are_those_of_splitlines_without_blanks(
    texts: list[str],
) -> None:
    batch = Batch(texts)
    found = batch.all_lines
    for i, text in enumerate(texts):
        at = np.flatnonzero((found.text == i) & (found.tokens > 0))
        ours = [batch.joined[found.begin[line] : found.close[line]] for line in at]
        assert ours == [line.strip() for line in text.splitlines() if line.strip()]


@settings(deadline=None)
@given(TEXTS)
def test_what_came_before_is_never_missed(texts: list[str]) -> None:
    batch = Batch(texts)
    count, characters = of_lines(batch.lines).seen(batch.points).sums(len(texts))
    for i, text in enumerate(texts):
        least, least_characters = repeated([line for line in text.split("\n") if line])
        assert (count[i], characters[i]) >= (least, least_characters)


@settings(deadline=None)
@given(TEXTS)
def test_sentences_of_a_batch_are_those_of_each_line(texts: list[str]) -> None:
    batch = Batch(texts)
    found = batch.all_lines
    for line, count in enumerate(counted(batch, found).tolist()):
        assert count == len(list(sentences(batch.joined[found.begin[line] : found.close[line]])))


@settings(deadline=None)
@given(TEXTS)
def test_with_no_test_of_lines_c4_leaves_every_line_stripped(texts: list[str]) -> None:
    # Without \r: what is only cut cannot keep two breaks apart that become \r\n.
    texts = [text.replace("\r", "") for text in texts]
    lenient = C4(need_end_punctuation=False, min_words_per_line=-1, min_sentences=-1)
    for text, judgement in zip(texts, lenient.judge(Batch(texts)), strict=True):
        left = text
        for span in reversed(judgement.spans if judgement else ()):
            left = left[: span.start] + left[span.end :]
        kept = "\n".join(line.strip() for line in text.splitlines()).strip()
        assert "\n".join(left.splitlines()) == kept


KEYS = st.lists(st.sampled_from([0, 1, 1 << 32, 1 << 63, (1 << 63) + 1, (1 << 64) - 1]))


@given(KEYS)
def test_keys_that_recur_are_all_found(values: list[int]) -> None:
    keys = np.array(values, np.uint64)
    times = Counter(values)
    assert all(crowd >= times[v] for crowd, v in zip(crowds(keys), values, strict=True))
    assert all(may for may, v in zip(may_recur(keys), values, strict=True) if times[v] > 1)
    assert came_before(keys).tolist() == [v in values[:i] for i, v in enumerate(values)]
