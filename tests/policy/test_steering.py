"""A rule's words for training: the owner's own, or made of what the rule says."""

from __future__ import annotations

import pytest

from remit.policy import PolicyError, diff, loads, steering

PLAIN = """
remit: 1
organisation: Hollis & Finch
responsible: {owner: Managing partner}
rules:
  - id: no-legal-advice
    says: Does not give legal advice
    because: Only a lawyer may.
    owner: Compliance officer
    detect: [{phrases: [you should sue]}]
    then: {output: block}
    answer: {en: "Ask {colleague}.", nl: "Vraag {colleague}."}
    breaks: [You should sue., {user: Can I sue?}]
    keeps: [That is a legal question.]
"""


def written(line: str) -> str:
    return f"{PLAIN}    train: {line}\n"


def test_words_are_made_of_the_rule_where_the_owner_wrote_none():
    words = steering(loads(PLAIN).policy.rules[0])
    assert words.principle == "Does not give legal advice. Only a lawyer may."
    assert "This breaks it: You should sue." in words.critique
    assert "This keeps it: That is a legal question." in words.critique
    assert "Ask {colleague}." in words.revise
    assert words.principle in words.compare
    assert (words.margin, words.weight, words.written) == (1.0, 1.0, ())


def test_what_a_client_says_is_no_example_of_a_reply():
    assert "Can I sue?" not in steering(loads(PLAIN).policy.rules[0]).critique


def test_the_owners_own_words_stand_first():
    rule = loads(written("{principle: Refer to a lawyer., weight: 2, margin: 0.5}")).policy.rules[0]
    words = steering(rule)
    assert (words.principle, words.weight, words.margin) == ("Refer to a lawyer.", 2.0, 0.5)
    assert words.written == ("margin", "principle", "weight")
    assert "Refer to a lawyer." in words.compare


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{principel: x}", "did you mean 'principle'"),
        ("{margin: 0}", "greater than 0"),
        ("{weight: many}", "number"),
    ],
)
def test_what_is_misspelt_or_means_nothing_is_refused(line, says):
    with pytest.raises(PolicyError, match=says):
        loads(written(line))


@pytest.mark.parametrize("line", ["{}", "{margin: null}"])
def test_a_digest_is_what_it_was_where_nothing_is_said(line):
    without, empty = loads(PLAIN).policy, loads(written(line)).policy
    assert without.digest == empty.digest
    assert diff.diff(without, empty) == []


def test_a_digest_changes_with_the_words():
    said = loads(written("{principle: Refer.}")).policy
    assert said.digest != loads(PLAIN).policy.digest
    (change,) = diff.diff(loads(PLAIN).policy, said)
    assert (change.what, change.effect) == ("train", "neutral")
