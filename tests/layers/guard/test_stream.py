"""Streams by example: what leaves when, what is masked, where a text stops."""

from __future__ import annotations

import pytest

from remit.enforce import compile_policy
from remit.layers.guard import Guard
from remit.policy import loads
from remit.types import Interaction, Message


def guard(*rules: str, release: str = "as-checked") -> Guard:
    head = (
        "remit: 1\norganisation: Hollis & Finch\n"
        "responsible: {owner: P, colleague: {name: Kim}}\n"
        f"delivery: {{release: {release}}}\nrules:\n"
    )
    return Guard(compile_policy(loads(head + "".join(rules))))


def rule(id: str, then: str, detect: str, more: str = "") -> str:
    return (
        f"  - id: {id}\n    says: s\n    because: b\n    owner: o\n"
        f"    detect: [{detect}]\n    then: {{output: {then}}}\n{more}"
    )


def follow(guarding: Guard, *before: Message):
    return guarding.follow(Interaction((*before, Message("assistant", ""))))


SUE = rule("sue", "replace", "phrases: [you should sue]", "    answer: Ask a lawyer.\n")
MASK = rule("mask", "redact", "phrases: [secret]")


def test_words_leave_as_soon_as_nothing_can_come_of_them():
    stream = follow(guard(SUE))
    assert stream.feed("Well, ") == "Well, "
    assert stream.feed("you ") == ""
    assert stream.feed("should ") == ""
    assert stream.feed("call ") == "you should call "
    assert stream.finish() == ""
    assert stream.complete


def test_a_text_stops_where_the_violation_begins():
    stream = follow(guard(SUE))
    assert stream.feed("Well, you should ") == "Well, "
    assert stream.feed("sue him now.") == ""
    rest = stream.finish()
    assert rest.startswith("… ")
    assert rest.endswith("Ask a lawyer.")
    assert not stream.complete
    (mark,) = stream.marks
    assert (mark.rule, mark.kind) == ("sue", "answer")


def test_nothing_joins_an_answer_to_a_text_that_was_not_begun():
    stream = follow(guard(SUE))
    assert stream.feed("\n You should sue him. ") + stream.finish() == "Ask a lawyer."


def test_after_a_stop_a_graver_rule_still_decides():
    stream = follow(guard(SUE, rule("void", "block", "phrases: [null and void]")))
    stream.feed("You should sue, the contract is ")
    assert not stream.blocked
    stream.feed("null and void, I say. ")
    assert stream.blocked
    stream.finish()
    assert stream.verdict.decisive_rules == ("void",)


def test_after_a_block_nothing_is_read():
    stream = follow(guard(rule("void", "block", "phrases: [null and void]")))
    stream.feed("It is null and void. ")
    assert stream.feed("And more ") == ""
    assert "And more" not in stream.text


def test_a_mask_is_written_once_however_the_text_comes():
    for size in (1, 3, 50):
        text = "The secret  secret is out."
        stream = follow(guard(MASK))
        out = "".join(stream.feed(text[i : i + size]) for i in range(0, len(text), size))
        assert out + stream.finish() == "The [removed]  [removed] is out."


def test_a_held_reply_leaves_at_its_end():
    stream = follow(guard(SUE, release="when-complete"))
    assert stream.feed("We file it in May. " * 10) == ""
    assert stream.finish() == "We file it in May. " * 10


def test_a_held_reply_that_is_stopped_is_not_begun():
    stream = follow(guard(SUE, release="when-complete"))
    assert stream.feed("We file it. You should sue. ") + stream.finish() == "Ask a lawyer."


def test_a_sentence_that_is_stopped_is_not_begun():
    stream = follow(guard(SUE, release="by-sentence"))
    out = stream.feed("We file it. Well, you should sue. ") + stream.finish()
    assert out.startswith("We file it. ")
    assert "Well" not in out


@pytest.mark.parametrize("before", range(0, 70, 3))
@pytest.mark.parametrize("gap", ["-", "_", ".", "/"])
def test_a_long_run_without_spaces_hides_no_spelled_number(before, gap):
    words = "four eight two one three three seven seven"
    said = gap * before + words.replace(" ", gap) + gap * 70
    guarding = guard(rule("echo", "redact", "echo: [numbers]"))
    context = (Message("user", "my file number is 48213377"),)
    whole = guarding.output([*context, Message("assistant", said)])
    stream = follow(guarding, *context)
    out = "".join(stream.feed(char) for char in said) + stream.finish()
    assert out == whole.text
    assert "eight" not in out


@pytest.mark.parametrize("unseen", [1, 20, 500, 5_000])
def test_invisible_characters_hide_no_phrase(unseen):
    said = ("\u200b" * unseen).join("you should sue")
    stream = follow(guard(SUE))
    out = "".join(stream.feed(said[i : i + 7]) for i in range(0, len(said), 7)) + stream.finish()
    assert out == "Ask a lawyer."


def test_an_empty_remit_passes_everything_at_once():
    stream = follow(Guard(compile_policy(loads("remit: 1\norganisation: H\n"))))
    assert stream.feed("secr") == "secr"
    assert stream.feed("") == ""
    assert stream.finish() == ""
    assert stream.verdict.action.word == "allow"


def test_masks_survive_letting_go_of_what_was_delivered():
    text = "A secret kept, and words and words. " * 400
    stream = follow(guard(MASK))
    out = "".join(stream.feed(text[i : i + 11]) for i in range(0, len(text), 11)) + stream.finish()
    assert out == text.replace("secret", "[removed]")
    assert [out[m.start : m.end] for m in stream.marks] == ["[removed]"] * 400
