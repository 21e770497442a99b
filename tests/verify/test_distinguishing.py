"""Played, graded and compared end to end: chance wins nothing, a real difference is found."""

from __future__ import annotations

import asyncio
from random import Random

from playing import case, remit, run_of, target

from remit.statistics.claims import Claim
from remit.statistics.planning import pairs_needed
from remit.verify.contrast import Question, contrasts
from remit.verify.verdicts import Limits, Sequential, lines


def drawn(name: str, rate: float, draw: Random):
    """A model that breaks the rule in so many of its replies, at random."""
    return target(lambda request: "bad" if draw.random() < rate else "fine", name)


def answers(rates: tuple[float, float], seeds: int, draw: Random, rules: tuple[str, ...]):
    """What two such models come to beside each other, by rule."""
    models = [drawn("first", rates[0], draw), drawn("second", rates[1], draw)]
    cases = [case(n, rule, seed=f"{rule}{n}") for rule in rules for n in range(seeds)]
    run = run_of(cases, *models, concurrency=4)
    asyncio.run(run.play(models, None))
    return [c.answer for c in contrasts(list(run.outcomes.values()), Question())]


def test_a_model_beside_itself_wins_in_at_most_one_of_twenty_runs():
    draw = Random(20)
    runs = [answers((0.3, 0.3), 40, draw, ("no-advice", "no-guess")) for _ in range(60)]
    assert sum(any(a != "not distinguished" for a in run) for run in runs) <= 3


def test_five_points_more_are_found_in_four_of_five_runs_with_the_seeds_that_takes():
    draw = Random(5)
    first_only, second_only = 0.02 * 0.93, 0.07 * 0.98
    seeds = pairs_needed(second_only, first_only, power=0.9)
    runs = [answers((0.02, 0.07), seeds, draw, ("no-advice",)) for _ in range(25)]
    assert sum(run == ["worse"] for run in runs) >= 20
    assert not any("better" in run for run in runs)


def test_a_claim_that_is_false_is_seldom_passed_though_it_looks_after_every_seed():
    """Broken just above the limit, so that one in twenty is the most that may slip through."""
    draw, claim, passed = Random(3), Claim(0.1, 0.95), 0
    for _ in range(60):
        model = drawn("model", 0.11, draw)
        decider = Sequential(claim, {"no-advice": 120})
        run = run_of([case(n) for n in range(120)], model, decider=decider, concurrency=8)
        asyncio.run(run.play([model], None))
        found = lines(run.outcomes["model"], remit().policy, Limits(claim), decider)
        passed += found[0].decision == "pass"
    assert passed <= 3
