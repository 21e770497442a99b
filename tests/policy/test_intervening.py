"""`when_broken`: read strictly, dumped and read again, and linted for what it could not do."""

import pytest

from remit.policy import PolicyError, loads, schema
from remit.policy.diff import diff
from remit.policy.intervening import Kind
from remit.policy.lint import lint
from remit.policy.model import Policy

REMIT = """
remit: 1
organisation: Hollis
responsible: {{owner: Ann}}
rules:
  - id: careful
    says: Is careful.
    because: It is safer.
    owner: Ann
    detect: [{detect}]
    then: {{{then}}}
    answer: No.
    breaks: [bad]
    keeps: [good]
    {ladder}
"""
PHRASES, JUDGE = "{phrases: [bad]}", "{judge: default}"


def written(ladder="", detect=JUDGE, then="output: block"):
    ladder = f"when_broken: {ladder}" if ladder else ""
    return REMIT.format(detect=detect, then=then, ladder=ladder)


def rungs(ladder):
    return loads(written(ladder)).policy.rules[0].when_broken


@pytest.mark.parametrize(
    ("text", "kind", "setting"),
    [
        ("{tighten: 30%}", "tighten", {"threshold": 0.3}),
        ("{sample: 1}", "sample", {"share": 1.0}),
        ("regenerate", "regenerate", {"times": 1}),
        ("{regenerate: 2}", "regenerate", {"times": 2}),
        ("{reply: Call us.}", "reply", {"text": "Call us."}),
        ("{require: approval}", "approve", {}),
        ("{require: {approval: {from: 0.2, within_minutes: 5}}}", "approve", None),
        ("{fallback: small}", "fallback", {"model": "small"}),
        ("{fallback: true}", "fallback", {}),
        ("{throttle: 30}", "throttle", {"per_minute": 30}),
        ("{pause: true}", "pause", {}),
        ("{pause: {message: Back at nine., hold: true}}", "pause", None),
        ("kill", "kill", {}),
    ],
)
def test_each_measure_is_read_and_means_the_same_when_it_was_dumped(text, kind, setting):
    (rung,) = rungs(f"[{text}]")
    assert rung.kind == Kind(kind)
    assert setting is None or rung.setting == setting
    policy = loads(written(f"[{text}]")).policy
    again = Policy.model_validate(policy.model_dump(mode="json"))
    assert (again, again.digest) == (policy, policy.digest)


@pytest.mark.parametrize(
    ("ladder", "said"),
    [
        ("[{tigten: 0.3}]", "'tigten' is no measure"),
        ("[{tighten: 3}]", "a share above 0"),
        ("[{tighten: true}]", "a share above 0"),
        ("[{tighten: 0.3, pause: true}]", "one measure an entry"),
        ("[{hours: 3}]", "one measure an entry"),
        ("[{pause: true, hours: 0}]", "hours"),
        ("[{require: consent}]", "write require: approval"),
        ("[{require: {approval: {form: 0.2}}}]", "approval has no 'form'"),
        ("[{throttle: 0}]", "a whole number from 1"),
        ("[{kill: softly}]", "write kill: true"),
        ("[nap]", "a measure and its setting"),
    ],
)
def test_what_is_no_measure_is_refused_at_its_line(ladder, said):
    with pytest.raises(PolicyError, match=said) as refused:
        loads(written(ladder))
    assert refused.value.problems[0].mark.line == 15


def test_no_ladder_of_its_own_is_not_the_same_as_an_empty_one():
    absent, empty = loads(written()).policy, loads(written("[]")).policy
    assert (absent.rules[0].when_broken, empty.rules[0].when_broken) == (None, ())
    assert absent.digest != empty.digest


@pytest.mark.parametrize(
    ("ladder", "detect", "then", "code"),
    [
        ("[{tighten: 0.3}]", PHRASES, "output: block", "cannot-tighten"),
        ("[{tighten: 0.6}]", JUDGE, "output: block", "cannot-tighten"),
        ("[{require: {approval: {from: 0.2}}}]", PHRASES, "output: block", "never-waits"),
        ("[{require: {approval: {from: 0.5}}}]", JUDGE, "output: block", "never-waits"),
        ("[regenerate]", JUDGE, "output: flag", "cannot-regenerate"),
        ("[{pause: true}]", PHRASES, "data: drop", "never-broken"),
        ("[{pause: true}, {throttle: 3}]", JUDGE, "output: block", "graver-first"),
        ("[kill]", JUDGE, "output: block", "kills"),
    ],
)
def test_what_could_not_be_carried_out_is_linted(ladder, detect, then, code):
    problems = lint(loads(written(ladder, detect, then)))
    assert code in {problem.code for problem in problems}


def test_a_sound_ladder_has_no_problems():
    ladder = "[{tighten: 0.3}, regenerate, {require: approval}, {throttle: 9}, {pause: true}]"
    assert lint(loads(written(ladder))) == []


def test_the_schema_shows_the_ladder_as_it_is_written():
    rung = schema()["$defs"]["Rung"]
    assert {"tighten", "require", "pause", "hours", "calm_hours"} == set(rung["properties"]) - {
        "sample",
        "regenerate",
        "reply",
        "fallback",
        "throttle",
        "kill",
    }


def test_a_changed_ladder_is_told_in_words():
    before, after = (loads(written(x)).policy for x in ("", "[{tighten: 0.3}, {pause: true}]"))
    (change,) = diff(before, after)
    assert change.words == "when_broken as the remit says → tighten 0.3, then pause"
