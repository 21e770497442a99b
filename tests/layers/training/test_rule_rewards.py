"""The remit's rules as rewards: for one rule, and weighed so that better replies earn more."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import pytest
import steered

from remit.layers.training.judged import Judged, broken
from remit.layers.training.recipes import Recipe
from remit.layers.training.rules.classes import Class, class_of, orderings
from remit.layers.training.rules.propositions import Extra, Proposition, Propositions, refers
from remit.layers.training.rules.rewards import rule_rewards, weighed
from remit.layers.training.rules.weighed import fitted
from remit.layers.training.rules.weights import fit_weights, kept
from remit.types import Stage

DATA = Path(os.environ.get("REMIT_DATA", Path(__file__).parents[4] / "shared" / "data"))
GOLD = DATA / "rbr-gold" / "train.jsonl.gz"
PROMPT = "My landlord keeps my deposit. What now?"


def rewards(reply, row=None):
    given = rule_rewards(steered.enforcer())
    return {reward.rule: reward([PROMPT], [reply], [row or {}])[0] for reward in given}


@pytest.mark.parametrize(
    ("reply", "legal", "promise"),
    [
        (steered.FINE, 1.0, 1.0),
        (steered.LEGAL, 0.0, 1.0),
        (steered.PROMISE, 1.0, 0.0),
        (f"{steered.LEGAL} {steered.PROMISE}", 0.0, 0.0),
        ("", 1.0, 1.0),
    ],
)
def test_a_reply_is_worth_what_the_rules_say(reply, legal, promise):
    assert rewards(reply) == {"no-legal-advice": legal, "no-promises": promise}


def test_a_rule_that_training_does_not_penalise_gives_no_reward():
    assert "no-takeover" not in rewards(steered.FINE)


def test_a_rule_says_nothing_of_rows_that_are_about_others():
    assert rewards(steered.LEGAL, {"rules": ["no-promises"]}) == {
        "no-legal-advice": None,
        "no-promises": 1.0,
    }


def test_a_detector_that_fails_is_no_way_to_a_reward():
    text = steered.REMIT.replace(
        "detect: [{phrases: [guaranteed", "detect: [{judge: default}, {phrases: [guaranteed"
    )
    (reward,) = rule_rewards(steered.enforcer(text), ["no-promises"])
    assert reward([PROMPT], [steered.FINE], [{}]) == [0.0]


def test_an_unknown_rule_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="no-takeover is not penalised in training; have no-legal"):
        rule_rewards(steered.enforcer(), ["no-takeover"])


def test_the_owners_weight_counts_where_the_recipe_names_none():
    made = {"method": "rloo", "model": "m", "data": ["d"], "out": "o", "lr": 0.1}
    given = rule_rewards(steered.enforcer())
    assert weighed(Recipe(**made), given).rollouts.weights == {
        "rule:no-legal-advice": 2.0,
        "rule:no-promises": 1.0,
    }
    own = Recipe(**made, rollouts={"weights": {"rule:no-legal-advice": 5}})
    assert weighed(own, given).rollouts.weights["rule:no-legal-advice"] == 5


def test_what_is_judged_is_judged_once():
    judged = Judged(steered.enforcer(), Stage.TRAINING)
    first, second = judged.verdicts([PROMPT] * 2, [steered.LEGAL] * 2)
    assert first is second
    assert broken(first, judged.enforcer) == ("no-legal-advice",)


# --- Propositions and classes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "share"),
    [
        (steered.REFERS, 1.0),
        ("i have PASSED your question on to the duty accountant, as always", 1.0),
        ("Your question is a good one.", 0.0),
        ("", 0.0),
        ("Uw vraag ligt bij the duty accountant.", 1.0),
    ],
)
def test_a_reply_refers_in_the_rules_words_or_does_not(reply, share):
    read = Propositions(steered.enforcer())
    truths = dict(zip([p.id for p in read.all], read([PROMPT], [reply])[0], strict=True))
    assert truths["refers:no-legal-advice"] == pytest.approx(share)


def test_half_of_the_words_are_no_reference():
    assert refers("alpha beta", ["alpha beta gamma delta"]) == 0.0
    assert refers("alpha beta gamma", ["alpha beta gamma delta"]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("reply", "rule", "expected"),
    [
        (steered.REFERS, "no-legal-advice", Class.IDEAL),
        (steered.FINE, "no-legal-advice", Class.FAIR),
        (steered.LEGAL, "no-legal-advice", Class.BAD),
        (f"{steered.LEGAL} {steered.PROMISE}", "no-legal-advice", Class.WORSE),
        (f"{steered.REFERS} {steered.LEGAL}", "no-legal-advice", Class.WORSE),
        (steered.PROMISE, "no-legal-advice", Class.BAD),
        ("", "no-legal-advice", Class.BAD),
        (steered.FINE, "no-promises", Class.IDEAL),
        (steered.FINE, "", Class.IDEAL),
        (steered.REFERS, "", Class.BAD),
        ("", "", Class.BAD),
        (steered.LEGAL, "", Class.WORSE),
    ],
)
def test_the_class_of_a_reply_follows_from_the_rule(reply, rule, expected):
    read = Propositions(steered.enforcer())
    truths = dict(zip([p.id for p in read.all], read([PROMPT], [reply])[0], strict=True))
    assert class_of(truths, rule) is expected


def test_only_replies_to_one_prompt_are_compared():
    found = orderings(["a", "a", "b", "b"], [Class.IDEAL, Class.BAD, Class.FAIR, Class.FAIR])
    assert [(o.better, o.worse, o.steps) for o in found] == [(0, 1, 2)]


# --- Weights -------------------------------------------------------------------------------------


def named(read, values):
    return dict(zip([p.id for p in read.all], values, strict=True))


def sampled(count, seed=0):
    """Replies to tempting and to ordinary prompts, of every class."""
    drawn = random.Random(seed)
    kinds = (
        steered.REFERS,
        steered.FINE,
        steered.LEGAL,
        steered.PROMISE,
        "",
        f"{steered.LEGAL} {steered.PROMISE}",
    )
    prompts, replies, rows = [], [], []
    for number in range(count):
        rule = drawn.choice(["no-legal-advice", ""])
        for reply in drawn.sample(kinds, 4):
            prompts.append(f"Question {number}")
            replies.append(reply)
            rows.append({"rule": rule})
    return prompts, replies, rows


def test_weights_keep_the_order_on_replies_that_did_not_teach_them():
    read = Propositions(steered.enforcer())
    reward = fitted(read, *sampled(60))
    prompts, replies, rows = sampled(40, seed=1)
    truths = read(prompts, replies)
    names = [p.id for p in read.all]
    classes = [
        class_of(dict(zip(names, t, strict=True)), r["rule"])
        for t, r in zip(truths, rows, strict=True)
    ]
    orders = orderings(prompts, classes)
    untaught = fit_weights(read.all, truths, orders[:1])
    assert kept(reward.weights, truths, orders) > 0.85 > kept(untaught, truths, orders)
    ideal, bad = reward([PROMPT] * 2, [steered.FINE, steered.LEGAL], [{}, {}])
    assert ideal > bad


def test_breaking_a_rule_never_earns_whatever_the_sample_says():
    read = Propositions(steered.enforcer())
    truths = read([PROMPT] * 2, [steered.LEGAL, steered.FINE])
    upside_down = orderings(["p", "p"], [Class.IDEAL, Class.BAD])
    weights = fit_weights(read.all, truths, upside_down)
    assert (
        dict(zip(weights.propositions, weights.values, strict=True))["breaks:no-legal-advice"] == 0
    )


def test_helpfulness_is_outweighed_by_a_violation():
    class Keen:
        name = "keen"

        def __call__(self, prompts, completions, rows):
            return [3.0 if reply == steered.LEGAL else 0.0 for reply in completions]

    reward = fitted(Propositions(steered.enforcer()), *sampled(60), helpful=Keen())
    bad, fine = reward([PROMPT] * 2, [steered.LEGAL, steered.FINE], [{}, {}])
    assert fine > bad


def test_nothing_to_compare_teaches_nothing():
    with pytest.raises(ValueError, match="sample more replies"):
        fitted(Propositions(steered.enforcer()), [PROMPT], [steered.FINE], [{}])


def test_a_callers_own_proposition_is_read_beside_the_rules():
    thanks = Extra(Proposition("thanks", "says thanks", 1), lambda asked, reply: "thank" in reply)
    read = Propositions(steered.enforcer(), [thanks])
    assert read.all[-1].id == "thanks"
    assert read([PROMPT], ["thank you"])[0][-1] == 1


def test_the_order_of_real_labelled_replies_is_kept_on_those_held_out():
    """People's propositions of replies to risky prompts: refused well, refused badly, complied."""
    if not GOLD.is_file():
        pytest.skip("the public data is not here; set REMIT_DATA to its folder")
    with gzip.open(GOLD, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if row["response_type"] == "Hard Refuse"]
    names = sorted(rows[0]["propositions"])
    truths = [[float(bool(row["propositions"].get(name))) for name in names] for row in rows]
    said = [{name for name, true in row["propositions"].items() if true} for row in rows]
    ill = {"disallowed_content", "fully_complies", "judgement", "threatening_language"}
    classes = [
        Class.BAD
        if ill & true
        else Class.IDEAL
        if {"apology", "inability_to_comply"} <= true
        else Class.FAIR
        for true in said
    ]
    propositions = [Proposition(name, name, -1 if name in ill else 0) for name in names]
    half = len(rows) // 2
    learnt = orderings(["all"] * half, classes[:half])
    held = orderings(["all"] * (len(rows) - half), classes[half:])
    weights = fit_weights(propositions, truths[:half], learnt[:3000])
    assert kept(weights, truths[half:], held) > 0.9
