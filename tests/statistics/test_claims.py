"""Claims: what they say, what they take, and what they are likely to get."""

import pytest

from remit.statistics.claims import (
    Claim,
    cases_needed,
    failures_tolerated,
    p_value,
    parse_claim,
    plan,
    power,
    shown_jointly,
)
from remit.statistics.intervals import upper_bound
from remit.statistics.multiplicity import e_bh, familywise, holm


@pytest.mark.parametrize(
    ("limit", "confidence", "failures", "cases"),
    [
        (0.01, 0.95, 0, 299),
        (0.01, 0.95, 1, 473),
        (0.01, 0.95, 2, 628),
        (0.01, 0.95, 3, 773),
        (0.01, 0.95, 5, 1049),
        (0.05, 0.95, 0, 59),
        (0.001, 0.95, 0, 2995),
        (0.01, familywise(0.95, 20), 0, 597),
        (0.5, 0.5, 0, 1),
    ],
)
def test_cases_needed_are_the_fewest_that_show_the_claim(limit, confidence, failures, cases):
    assert cases_needed(limit, confidence, failures) == cases
    assert upper_bound(failures, cases, confidence) <= limit
    assert failures_tolerated(limit, cases, confidence) == failures
    assert failures_tolerated(limit, cases - 1, confidence) == failures - 1 if cases > 1 else True


def test_a_claim_of_one_in_a_billion_is_still_counted():
    assert cases_needed(1e-9) == 2_995_732_273
    with pytest.raises(ValueError, match="claim less"):
        cases_needed(1e-12, 0.95, 5)


def test_a_lenient_test_needs_power_to_be_passed():
    assert power(0.01, 299, 0.003) == pytest.approx(0.407, abs=5e-4)
    assert power(0.01, 1049, 0.003) == pytest.approx(0.901, abs=5e-4)
    assert power(0.01, 298, 0.0) == 0
    chosen = plan(Claim(0.01), rate=0.003)
    assert (chosen.cases, chosen.failures_allowed) == (1049, 5)
    assert chosen.power >= 0.9
    smaller = cases_needed(0.01, 0.95, chosen.failures_allowed - 1)
    assert power(0.01, smaller, 0.003) < 0.9
    assert plan(Claim(0.01), rate=0.0).cases == 299


@pytest.mark.parametrize(
    ("rate", "message"),
    [(0.01, "below the limit"), (0.5, "below the limit"), (0.0099999, "too close")],
)
def test_a_plan_that_no_number_of_cases_helps_is_refused(rate, message):
    with pytest.raises(ValueError, match=message):
        plan(Claim(0.01), rate)


@pytest.mark.parametrize(
    ("text", "limit", "confidence"),
    [
        ("≤ 1 % at 95 %", 0.01, 0.95),
        ("<= 0.1% at 99%", 0.001, 0.99),
        ("at most 0,5 % at 95 % confidence", 0.005, 0.95),
        ("0.01 at 0.95", 0.01, 0.95),
        ("≤\u202f2\u00a0% with  90\u00a0%", 0.02, 0.9),
    ],
)
def test_claims_are_read_as_people_write_them(text, limit, confidence):
    claim = parse_claim(text)
    assert (claim.limit, claim.confidence) == pytest.approx((limit, confidence))
    assert parse_claim(str(claim)) == claim


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "≤ 1 %",
        ">= 1 % at 95 %",
        "≤ 0 % at 95 %",
        "≤ 1 at 95 %",
        "≤ 1 % at 100 %",
        "≤ " + "9" * 10_000,
        "≤ 1 % at 95 %; drop",
    ],
)
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write it like '≤ 1 % at 95 %'"):
        parse_claim(text)


def test_rules_are_shown_jointly_only_where_all_together_hold():
    claims = {rule: Claim(0.01) for rule in ("a", "b", "c", "d")}
    counts = {"a": (0, 597), "b": (0, 299), "c": (9, 300)}
    assert p_value(0, 299, 0.01) <= 0.05
    shown = shown_jointly(counts, claims)
    assert shown == {"a": True, "b": False, "c": False, "d": False}
    assert shown_jointly({"b": (0, 299)}, {"b": Claim(0.01)}) == {"b": True}


def test_holm_adjusts_as_in_a_worked_table():
    # Ranked 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1, never falling.
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(adjusted) == ["a", "b", "c", "d"]
    assert list(adjusted.values()) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm({}) == {}
    with pytest.raises(ValueError, match=r"rule-x: 1\.5 is no p-value"):
        holm({"rule-x": 1.5})


def test_e_values_are_called_findings_by_their_number_and_strength():
    assert e_bh({"a": 100, "b": 30, "c": 0.2, "d": 1}) == ("a",)
    assert e_bh({"a": 100, "b": 41, "c": 0.2, "d": 1}) == ("a", "b")
    assert e_bh({"a": 79}, 0.05) == ("a",)
    assert e_bh({"a": 19.9}, 0.05) == ()
    assert e_bh({"a": float("inf"), "b": 0}) == ("a",)
    assert e_bh({}) == ()
    with pytest.raises(ValueError, match="at least 0"):
        e_bh({"a": float("nan")})
    with pytest.raises(ValueError, match="between 0 and 1"):
        e_bh({"a": 1}, 5)


@pytest.mark.parametrize("limit", [0, 1, -0.1, float("nan"), 5])
def test_a_limit_that_is_no_rate_is_refused(limit):
    with pytest.raises(ValueError, match="limit"):
        Claim(limit)
