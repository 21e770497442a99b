"""Law 1: adding a finding never makes the verdict milder; order never matters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from remit.enforce import decide
from remit.policy import loads
from remit.types import Action, Detection, Failure, Finding, Span, Stage

WORDS = [action.word for action in Action]


def policy(then: list[str], on_failure: str, detectors: int):
    names = ("phrases", "pattern")[:detectors]
    kinds = "".join(f"      - {name}: [x y]\n" for name in names)
    rules = "".join(
        f"  - id: rule-{n}\n    says: s\n    because: b\n    owner: o\n"
        f"    on_failure: {on_failure}\n"
        f"    then: {{output: {word}}}\n    detect:\n{kinds}"
        for n, word in enumerate(then)
    )
    head = "remit: 1\norganisation: H\nresponsible: {owner: P}\nrules:\n"
    return loads(head + rules).policy


spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 9)).map(lambda s: Span(s[0], s[0] + s[1])),
    max_size=3,
).map(tuple)
outcomes = st.one_of(
    st.builds(Detection, st.floats(0, 1), spans, st.sampled_from(["", "why"])),
    st.builds(Failure, st.sampled_from(["broke", "slow"])),
)
policies = st.builds(
    policy,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.sampled_from(WORDS),
    st.integers(1, 2),
)


@st.composite
def complete(draw):
    """A policy, one finding of each detector of each rule, and some more."""
    held = draw(policies)
    found = [
        Finding(rule.id, detect.kind, draw(outcomes))
        for rule in held.rules
        for detect in rule.detect
    ]
    more = draw(st.lists(st.tuples(st.sampled_from(held.rules), outcomes), max_size=4))
    return held, found, [Finding(rule.id, rule.detect[0].kind, outcome) for rule, outcome in more]


@settings(max_examples=300, deadline=None)
@given(complete())
def test_adding_a_finding_never_makes_the_verdict_milder(case):
    held, found, more = case
    before = decide(held, found, Stage.OUTPUT)
    after = decide(held, found + more, Stage.OUTPUT)
    assert after.action >= before.action
    for rule, result in before.rules.items():
        assert after.rules[rule].action >= result.action


@settings(max_examples=200, deadline=None)
@given(complete(), st.randoms(use_true_random=False))
def test_the_order_of_findings_never_matters(case, rng):
    held, found, more = case
    every = found + more
    mixed = rng.sample(every, len(every))
    one, other = decide(held, every, Stage.OUTPUT), decide(held, mixed, Stage.OUTPUT)
    assert one.action is other.action
    assert one.spans == other.spans
    assert one.decisive_rules == other.decisive_rules


def test_a_maskable_hit_does_not_cover_one_that_cannot_be_masked():
    held = policy(["redact"], "block", 2)
    bare = Finding("rule-0", "phrases", Detection(0.9))
    masked = Finding("rule-0", "pattern", Detection(0.9, (Span(0, 3),)))
    assert decide(held, [bare, masked], Stage.OUTPUT).action is Action.BLOCK


def test_two_answers_of_one_detector_do_not_stand_for_the_other():
    held = policy(["flag"], "block", 2)
    twice = [Finding("rule-0", "phrases", Detection(0.0))] * 2
    verdict = decide(held, twice, Stage.OUTPUT)
    assert verdict.action is Action.BLOCK
    assert verdict.rules["rule-0"].failure == "detector pattern gave no answer"
