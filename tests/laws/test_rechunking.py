"""Laws 3 and 4: every chunking of a reply gives the same bytes, and the whole text's meaning."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rechunking import (
    CONTEXT,
    ODD,
    PHRASES,
    PLAIN,
    deliver,
    disagreement,
    guard_of,
    interaction,
    run,
    text_of,
    whole_verdict,
)

from remit.layers.guard.delivery import Masked, mask_whole
from remit.types import Action, Message, Stage

# 2,000 texts in 50 ways: 100,000 re-chunkings. `bench/rechunk.py` does a million.
TEXTS, WAYS, SHARES = 2_000, 50, 4


@pytest.mark.parametrize("share", range(SHARES))
def test_a_hundred_thousand_rechunkings_agree(share):
    size = TEXTS // SHARES
    count = 0
    for seed, text, problem, done in run(range(share * size, (share + 1) * size), WAYS):
        assert not problem, f"seed {seed}, text {text!r}: {problem}"
        count += done
    assert count >= size * WAYS * 0.9  # an empty text has one chunking


piece = st.one_of(
    st.sampled_from([*PHRASES, *PLAIN, *ODD]), st.text(max_size=4), st.characters(codec=None)
)


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 23), st.lists(piece, max_size=12), st.randoms(use_true_random=False))
def test_small_texts_agree(policy, pieces, rng):
    text = "".join(pieces)
    problem, _ = disagreement(guard_of(policy), text, rng, 4)
    assert not problem


@pytest.mark.parametrize("seed", range(60))
def test_masks_are_those_of_the_whole_text(seed):
    guard = guard_of(seed % 24)
    text = text_of(random.Random(seed + 10_000))
    verdict = whole_verdict(guard, text)
    if verdict.action >= Action.REPLACE:
        return  # what is stopped is not delivered to its end
    masked = [
        Masked(span, rule)
        for rule, result in verdict.rules.items()
        if result.action is Action.REDACT
        for span in result.spans
    ]
    delivered = deliver(guard, text, list(text))
    assert _without_labels(delivered.text) == _without_labels(mask_whole(text, masked)[0])


def _without_labels(text):
    """Which of two touching spans names their mask may differ where they were merged by rule."""
    return re.sub(r"\[[a-z0-9-]+\]", "[]", text)


@pytest.mark.parametrize("seed", range(200))
def test_what_was_delivered_was_allowed(seed):
    """No delivered character lies in a span to be masked, or beyond where the text stops."""
    guard = guard_of(seed % 24)
    text = text_of(random.Random(seed + 20_000))
    stream = guard.follow(interaction(""))
    parts = [stream.feed(char) for char in text]
    sent = "".join(parts)
    verdict = whole_verdict(guard, text)
    withheld = [
        span
        for result in verdict.rules.values()
        if result.action >= Action.REDACT
        for span in result.spans
    ]
    marks = [mark for mark in stream.marks if mark.kind == "mask"]
    kept = "".join(
        char for i, char in enumerate(sent) if not any(m.start <= i < m.end for m in marks)
    )
    allowed = "".join(
        char for i, char in enumerate(text) if not any(s.start <= i < s.end for s in withheld)
    )
    assert allowed.startswith(kept)


SENTENCES = (
    "We file your return before the first of May, and we send you a copy of everything by post.",
    "Uw aangifte wordt voor één mei ingediend; u krijgt daarvan een bevestiging per e-mail.",
    "The quarterly figures follow within ten working days after the end of each quarter.",
    "A dividend belongs in box two where you hold five percent of the shares or more.",
    "Keep receipts for seven years: first in the shoe box, later in our archive if you like.",
)


@pytest.mark.parametrize("policy", range(24))
@pytest.mark.parametrize("sentence", SENTENCES)
def test_ordinary_text_is_delivered_with_a_bounded_lag(policy, sentence):
    guard = guard_of(policy)
    if guard.policy.delivery.release != "as-checked":
        whole = guard.policy.delivery.release == "when-complete"
        held = whole or guard.enforcer.slow(Stage.OUTPUT)
        delivered = guard.follow(interaction("")).feed(sentence + " Then it goes on ")
        assert delivered == ("" if held else sentence + " ")
        return
    stream = guard.follow(interaction(""))
    sent = 0
    for index, char in enumerate(sentence + " "):
        sent += len(stream.feed(char))
        assert index + 1 - sent <= 64, sentence[sent : index + 1]


def test_the_library_calls_agree_with_each_other():
    guard = guard_of(1)
    before = [{"role": m.role, "content": m.text} for m in CONTEXT]
    for seed in range(40):
        text = text_of(random.Random(seed + 30_000))
        whole = guard.output([*CONTEXT, Message("assistant", text)])
        assert "".join(guard.stream(before, list(text))) == whole.text
