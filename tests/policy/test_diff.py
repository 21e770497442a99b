"""What changed between two remits, in words that its readers can sign."""

from __future__ import annotations

import json

import pytest

from remit.policy import Policy, loads
from remit.policy.diff import as_json, diff, in_words
from remit.policy.templates import names, render

HEAD = """\
remit: 1
organisation: Hollis & Finch
assistant: {name: Ada, role: answers, languages: [en]}
responsible: {owner: Managing partner, colleague: {name: the duty accountant}}
regions: [NL]
rules:
"""
RULE = """\
  - id: no-legal-advice
    says: Does not give legal advice.
    because: Insurance.
    owner: Compliance officer
    severity: medium
    detect: [{phrases: [you should sue, legally binding]}]
    audit: [{judge: default}]
    then: {data: tag, output: hand_over}
    threshold: 0.5
    tolerance: 1%
    answer: Ask {colleague}.
    breaks: [You should sue.]
    keeps: [Ask a lawyer.]
"""
SECOND = RULE.replace("no-legal-advice", "no-guarantees").replace("give legal advice", "promise")


def policy(text: str) -> Policy:
    return loads(text).policy


# What is changed: from, to, which way, what is said.
CHANGES = [
    (
        "output: hand_over",
        "output: block",
        "stricter",
        "(Compliance officer): output hand_over → block: clients will now be refused instead of",
    ),
    (
        "output: hand_over",
        "output: flag",
        "milder",
        "answered as it is, and noted instead of handed",
    ),
    (
        ", output: hand_over",
        "",
        "milder",
        "output hand_over → not asked: clients will now be answered",
    ),
    (
        "{data: tag",
        "{data: drop",
        "stricter",
        "training documents will now be dropped instead of kept",
    ),
    ("{data: tag", "{data: tag, tool: redact", "stricter", "tool not asked → redact: tool calls"),
    (
        "{data: tag",
        "{data: tag, input: allow",
        "neutral",
        "input not asked → allow: nobody notices",
    ),
    ("{data: tag", "{data: tag, training: penalise", "stricter", "will now be penalised"),
    ("tolerance: 1%", "tolerance: 0.1%", "stricter", "tolerance 1% → 0.1%"),
    ("tolerance: 1%", "tolerance: 5%", "milder", "tolerance 1% → 5%"),
    ("tolerance: 1%", "tolerance: 1%\n    wrongly: 5%", "milder", "wrongly none → 5%"),
    ("{data: tag,", "{data: counter,", "neutral", "kept beside a counter-example instead of kept"),
    ("threshold: 0.5", "threshold: 0.8", "milder", "threshold 50% → 80%"),
    ("threshold: 0.5", "threshold: 20%", "stricter", "threshold 50% → 20%"),
    ("severity: medium", "severity: critical", "stricter", "severity medium → critical"),
    ("severity: medium", "severity: low", "milder", "severity medium → low"),
    ("    severity:", "    on_failure: allow\n    severity:", "milder", "on_failure block → allow"),
    ("legally binding]", "legally binding, sue him]", "stricter", "detect adds phrases sue him"),
    (", legally binding]", "]", "milder", "detect removes phrases legally binding"),
    (
        "you should sue,",
        "you can sue,",
        "mixed",
        "adds phrases you can sue and removes phrases you s",
    ),
    (
        "you should sue, legally binding",
        "legally binding, you should sue",
        "neutral",
        "another order",
    ),
    ("[{phrases:", "[{identifier: [iban]}, {phrases:", "stricter", "detect adds identifier iban"),
    ("[{judge: default}]", "[]", "milder", "audit removes judge default"),
    (
        "owner: Compliance officer",
        "owner: Head of law",
        "neutral",
        "owner Compliance officer → Head",
    ),
    ("says: Does not give", "says: Never gives", "neutral", "says Does not give legal advice. →"),
    ("because: Insurance.", "because: The bar.", "neutral", "because Insurance. → The bar."),
    ("answer: Ask {colleague}.", "answer: {en: No.}", "neutral", 'answer Ask {colleague}. → {"en"'),
    ("[You should sue.]", "[You should sue., Sue him.]", "neutral", "breaks adds “Sue him.”"),
    ("[Ask a lawyer.]", "[]", "neutral", "keeps removes “Ask a lawyer.”"),
    ("name: Ada", "name: Bob", "neutral", "the remit: assistant.name Ada → Bob"),
    ("[en]", "[en, nl]", "neutral", 'assistant.languages ["en"] → ["en", "nl"]'),
    (
        "owner: Managing partner",
        "owner: Board",
        "neutral",
        "responsible.owner Managing partner → B",
    ),
    (
        "the duty accountant",
        "Mr Finch",
        "neutral",
        "responsible.colleague.name the duty accountant",
    ),
    ("regions: [NL]", "regions: [NL, GB]", "stricter", 'regions ["NL"] → ["NL", "GB"]'),
    ("regions: [NL]", "regions: []", "milder", "regions"),
    ("regions:", "delivery: {release: when-complete}\nregions:", "stricter", "delivery.release"),
    ("regions:", "delivery: {media: pass}\nregions:", "milder", "delivery.media refuse → pass"),
    ("regions:", "record: full\nregions:", "neutral", "record masked → full"),
]


@pytest.mark.parametrize(
    ("old", "new", "effect", "says"),
    CHANGES,
    ids=[f"{c[1][:30]}-{i}" for i, c in enumerate(CHANGES)],
)
def test_a_change_is_told_with_whom_it_concerns_and_which_way_it_goes(old, new, effect, says):
    before = HEAD + RULE
    assert old in before
    (change,) = diff(policy(before), policy(before.replace(old, new, 1)))
    assert change.effect == effect, str(change)
    assert says in in_words([change])


def test_a_change_made_back_goes_the_other_way():
    opposite = {"stricter": "milder", "milder": "stricter", "neutral": "neutral", "mixed": "mixed"}
    for old, new, effect, _ in CHANGES:
        before = HEAD + RULE
        (change,) = diff(policy(before.replace(old, new, 1)), policy(before))
        assert change.effect == opposite[effect], str(change)


def test_a_rule_added_is_stricter_and_a_rule_removed_milder():
    one, both = policy(HEAD + RULE), policy(HEAD + RULE + SECOND)
    (added,), (removed,) = diff(one, both), diff(both, one)
    assert (added.rule, added.effect) == ("no-guarantees", "stricter")
    assert "added: Does not promise." in in_words([added])
    assert (removed.rule, removed.effect) == ("no-guarantees", "milder")
    assert "removed; nothing holds any more: Does not promise." in in_words([removed])


def test_a_rule_with_a_new_id_is_renamed_not_replaced():
    renamed = policy(HEAD + RULE.replace("no-legal-advice", "no-law"))
    (change,) = diff(policy(HEAD + RULE), renamed)
    assert (change.rule, change.effect) == ("no-law", "neutral")
    assert "renamed, was no-legal-advice" in str(change)


def test_two_equal_rules_renamed_and_one_removed_are_told_apart():
    twins = RULE + RULE.replace("no-legal-advice", "no-law")
    changes = diff(policy(HEAD + twins), policy(HEAD + RULE.replace("no-legal-advice", "new")))
    assert sorted(change.what for change in changes) == ["id", "rule"]


@pytest.mark.parametrize("name", names())
def test_the_same_remit_has_no_change_in_meaning(name):
    one = policy(render(name, {}))
    assert in_words(diff(one, policy(render(name, {})))) == "no change in meaning"


def test_order_and_comments_are_no_change():
    assert diff(policy(HEAD + RULE + SECOND), policy("# new\n" + HEAD + SECOND + RULE)) == []


def test_changes_survive_json():
    changes = diff(policy(HEAD + RULE), policy(HEAD + RULE.replace("hand_over", "block")))
    (value,) = json.loads(json.dumps(as_json(changes)))
    assert value == {
        "rule": "no-legal-advice",
        "owner": "Compliance officer",
        "what": "then.output",
        "before": "hand_over",
        "after": "block",
        "effect": "stricter",
        "words": value["words"],
    }


def test_there_are_changes_exactly_where_the_digests_differ():
    remits = [policy(render(name, {})) for name in names()]
    for a in remits:
        for b in remits:
            assert bool(diff(a, b)) == (a.digest != b.digest)
