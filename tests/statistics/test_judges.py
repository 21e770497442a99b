"""A fallible judge's counts, corrected with the uncertainty of its labels, or not printed."""

from math import comb
from random import Random

import pytest

from remit.statistics.intervals import upper_bound
from remit.statistics.judges import (
    JudgeCalibration,
    JudgedRate,
    NotEstimable,
    audited_bound,
    calibration,
    corrected_rate,
    prediction_powered_rate,
)

GOOD = JudgeCalibration(found=90, positives=100, cleared=294, negatives=300)


def test_a_judge_is_counted_beside_people():
    labels = [(True, True)] * 9 + [(True, False)] + [(False, False)] * 48 + [(False, True)] * 2
    judge = calibration(labels)
    assert judge == JudgeCalibration(9, 10, 48, 50)
    assert 0.9 in judge.sensitivity()
    assert 0.96 in judge.specificity()
    assert isinstance(calibration([]).sensitivity(), NotEstimable)
    assert isinstance(calibration([]).specificity(), NotEstimable)
    with pytest.raises(ValueError, match="impossible"):
        JudgeCalibration(2, 1, 0, 0)


def test_the_estimate_takes_out_what_the_judge_misses_and_imagines():
    # Rogan and Gladen: (0.1 + 0.98 - 1) / (0.9 + 0.98 - 1)
    rate = corrected_rate(100, 1000, GOOD)
    assert rate.estimate == pytest.approx(0.08 / 0.88)
    assert rate.interval.low < rate.estimate < rate.interval.high
    assert rate == corrected_rate(100, 1000, GOOD)


def test_two_per_cent_flagged_by_a_judge_of_98_per_cent_is_not_a_violation_rate():
    rate = corrected_rate(20, 1000, GOOD)
    assert rate.estimate == pytest.approx(0)
    assert rate.interval.low == 0
    # and one per cent stays unproven, as it must with so many false alarms
    assert rate.interval.high > 0.01


def test_more_labels_and_more_cases_narrow_the_interval():
    many = JudgeCalibration(9_000, 10_000, 29_400, 30_000)
    assert (
        corrected_rate(10_000, 100_000, many).interval.width
        < corrected_rate(10_000, 100_000, GOOD).interval.width
        < corrected_rate(100, 1_000, GOOD).interval.width
    )


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        (JudgeCalibration(0, 0, 50, 50), "is a violation"),
        (JudgeCalibration(50, 50, 0, 0), "is clean"),
        (JudgeCalibration(2, 3, 3, 4), "better than guessing"),
        (JudgeCalibration(50, 100, 50, 100), "better than guessing"),
    ],
)
def test_without_enough_labels_there_is_no_number(judge, reason):
    result = corrected_rate(3, 100, judge)
    assert isinstance(result, NotEstimable)
    assert reason in result.reason


@pytest.mark.parametrize(
    ("n", "positives", "negatives", "found", "cleared", "truth"),
    [
        (300, 100, 300, 0.8, 0.9, 0.003),
        (300, 100, 300, 0.9, 0.98, 0.05),
        (300, 50, 100, 0.8, 0.9, 0.2),
    ],
)
def test_corrected_rates_cover_the_truth(n, positives, negatives, found, cleared, truth):
    rng, runs, covered = Random(7), 250, 0

    def drawn(k, p):
        return sum(rng.random() < p for _ in range(k))

    for run in range(runs):
        judge = JudgeCalibration(
            drawn(positives, found), positives, drawn(negatives, cleared), negatives
        )
        flagged = drawn(n, truth * found + (1 - truth) * (1 - cleared))
        rate = corrected_rate(flagged, n, judge, draws=300, seed=run)
        assert isinstance(rate, JudgedRate)
        covered += truth in rate.interval
    assert covered / runs >= 0.95


def test_prediction_powered_rates_cover_the_truth():
    rng, runs = Random(8), 400
    for violated, imagines, misses in ((0.01, 0.02, 0.1), (0.1, 0.05, 0.2), (0.3, 0.01, 0.3)):
        covered = 0
        for _ in range(runs):
            flagged = sum(
                rng.random() < (1 - misses if rng.random() < violated else imagines)
                for _ in range(500)
            )
            imagined = missed = 0
            for _ in range(100):
                if rng.random() < violated:
                    missed += rng.random() < misses
                else:
                    imagined += rng.random() < imagines
            rate = prediction_powered_rate(flagged, 500, imagined, missed, 100)
            covered += violated in rate.interval
        assert covered / runs >= 0.95


def test_prediction_powering_adds_what_was_missed_and_takes_off_what_was_imagined():
    rate = prediction_powered_rate(flagged=60, n=1000, imagined=4, missed=1, labelled=200)
    assert rate.estimate == pytest.approx(0.06 - 3 / 200)
    assert rate.interval.low < rate.estimate < rate.interval.high
    assert prediction_powered_rate(0, 100, 5, 0, 100).estimate == 0
    assert isinstance(prediction_powered_rate(1, 100, 0, 0, 0), NotEstimable)


def test_an_audit_bounds_what_the_judge_passed_over():
    bound = audited_bound(confirmed=0, n=2000, missed=0, audited=1000)
    assert bound == upper_bound(0, 2000, 0.975) + upper_bound(0, 1000, 0.975)
    assert bound < 0.01
    assert audited_bound(0, 2000, 0, 299) > 0.01
    assert audited_bound(5, 5, 5, 5) == 1
    assert isinstance(audited_bound(0, 2000, 0, 0), NotEstimable)


def test_an_audit_covers_in_exact_enumeration():
    n, audited, flagged_true, passed_true = 60, 30, 0.05, 0.04
    covered = 0.0
    for k in range(n + 1):
        for m in range(audited + 1):
            chance = comb(n, k) * flagged_true**k * (1 - flagged_true) ** (n - k)
            chance *= comb(audited, m) * passed_true**m * (1 - passed_true) ** (audited - m)
            covered += chance * (audited_bound(k, n, m, audited) >= flagged_true + passed_true)
    assert covered >= 0.95
