"""Time is linear in the text, also in one made to hurt: there is a limit for every shape."""

from __future__ import annotations

import random
import time
from functools import cache

import pytest
from rechunking import CONTEXT

from remit.enforce import compile_policy
from remit.layers.guard import Guard
from remit.policy import loads
from remit.types import Interaction, Message, Stage

SECONDS = 8.0  # for a quarter of a megabyte; measured 0.1 to 4 on a shared core
REMIT = """\
remit: 1
organisation: H
responsible: {owner: P}
regions: [NL, GB]
delivery: {release: RELEASE}
rules:
  - id: phrases
    says: s
    because: b
    owner: o
    detect: [{phrases: [you should sue, y you, "aa bb"]}]
    then: {output: redact}
  - id: patterns
    says: s
    because: b
    owner: o
    detect: [{pattern: ['(?:a{1,9}b?){1,9}c', '\\bHF-\\d{6}\\b', '\\({3}x', '(?:x|xx){1,40}y']}]
    then: {output: redact}
  - id: mail
    says: s
    because: b
    owner: o
    detect: [{identifier: [email, iban]}]
    then: {output: redact}
  - id: echo
    says: s
    because: b
    owner: o
    detect: [{echo: [names, passages, canary]}]
    then: {output: flag}
"""
SIZE = 250_000
RNG = random.Random(1)
SHAPES = {
    "one letter": "a" * SIZE,
    "letters of a nested pattern": "aaab" * (SIZE // 4),
    "an ambiguous pattern": "x" * SIZE,
    "ones": "1 " * (SIZE // 2),
    "digits": "1234567890" * (SIZE // 10),
    "brackets": "(" * SIZE,
    "invisible after a beginning": "y" + "\u200b" * (SIZE - 1),
    "spaces after a beginning": "y" + " " * (SIZE - 1),
    "unspaced script": "你" * (SIZE // 4),
    "no sentence ends": "word " * (SIZE // 5),
    "at signs": "a@" * (SIZE // 2),
    "dots around an at": "a." * (SIZE // 4) + "@" + "b." * (SIZE // 4),
    "noise": "".join(RNG.choices("abcdefghij ", k=SIZE)),
}


@cache
def guard(release: str) -> Guard:
    return Guard(compile_policy(loads(REMIT.replace("RELEASE", release))))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_text_made_to_hurt_is_streamed_in_bounded_time(shape):
    stream = guard("as-checked").follow(Interaction((*CONTEXT, Message("assistant", ""))))
    began = time.process_time()
    for at in range(0, len(SHAPES[shape]), 10):  # tiny chunks
        stream.feed(SHAPES[shape][at : at + 10])
    stream.finish()
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_text_made_to_hurt_is_judged_whole_in_bounded_time(shape):
    context = Interaction((*CONTEXT, Message("assistant", SHAPES[shape])))
    began = time.process_time()
    guard("as-checked").enforcer.judge(context, Stage.OUTPUT)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("release", ["by-sentence", "when-complete"])
def test_text_that_is_held_back_costs_no_more(release):
    text = SHAPES["no sentence ends"][:300_000]
    stream = guard(release).follow(Interaction((Message("assistant", ""),)))
    began = time.process_time()
    sent = "".join([stream.feed(text[at : at + 3]) for at in range(0, len(text), 3)])
    assert sent + stream.finish() == text
    assert time.process_time() - began < SECONDS / 2


def test_time_grows_as_the_text_does():
    def cost(size: int) -> float:
        text = "y" + "\u200b" * size
        stream = guard("as-checked").follow(Interaction((*CONTEXT, Message("assistant", ""))))
        began = time.process_time()
        stream.feed(text)
        stream.finish()
        return time.process_time() - began

    cost(1_000)
    assert cost(160_000) < 16 * max(cost(20_000), 0.01)
