"""A digest is a hash of a remit's meaning: any change of meaning moves it, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.policy import Policy, loads
from remit.policy.diff import diff
from remit.policy.templates import names, render

SOUND: dict[str, Any] = {
    "remit": 1,
    "organisation": "Hollis & Finch",
    "assistant": {"name": "Ada", "role": "answers", "languages": ["en", "nl"]},
    "responsible": {"owner": "Managing partner", "colleague": {"name": "the duty accountant"}},
    "regions": ["NL", "GB"],
    "rules": [
        {
            "id": "no-legal-advice",
            "says": "Does not give legal advice.",
            "because": "Insurance.",
            "owner": "Compliance officer",
            "severity": "high",
            "detect": [{"phrases": ["you should sue", "legally binding"]}],
            "audit": [{"judge": "default"}],
            "then": {"data": "drop", "output": "hand_over"},
            "answer": {"en": "Ask {colleague}.", "nl": "Vraag het een collega."},
            "tolerance": "1%",
            "breaks": ["You should sue."],
            "keeps": [{"user": "May I sue?", "assistant": "Ask a lawyer."}],
        },
        {
            "id": "no-secrets",
            "says": "Takes in no passwords.",
            "because": "They leak.",
            "owner": "Managing partner",
            "detect": [{"identifier": ["secret"]}, {"pattern": r"\bHF-\d{6}\b"}],
            "then": {"input": "redact"},
            "on_failure": "flag",
        },
    ],
}


@st.composite
def writings(draw: st.DrawFn) -> str:
    """The sound remit, written down in any order and layout."""
    value = _shuffled(draw, SOUND)
    value["rules"] = draw(st.permutations(value["rules"]))
    text = json.dumps(
        value, indent=draw(st.sampled_from([None, 1, 4])), ensure_ascii=draw(st.booleans())
    )
    if "\n" in text:
        comment = draw(
            st.text(st.characters(codec="ascii", categories=["L", "P", "Zs"]), max_size=20)
        )
        text = text.replace("\n", f"  # {comment}\n\n", draw(st.integers(0, 3)))
    return "# A remit\n" + text + draw(st.sampled_from(["", "\n", "\n\n# end\n"]))


def _shuffled(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(draw, value[key]) for key in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [_shuffled(draw, item) for item in value]
    return value


def policy(value: Any) -> Policy:
    return loads(json.dumps(value)).policy


@settings(max_examples=60, deadline=None)
@given(writings())
def test_layout_comments_and_order_do_not_matter(text):
    written = loads(text).policy
    assert written.digest == policy(SOUND).digest
    assert diff(policy(SOUND), written) == []


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [place for key in value for place in _places(value[key], (*path, key))]
    if isinstance(value, list):
        return [place for at, item in enumerate(value) for place in _places(item, (*path, at))]
    return [path]


# Values that stay valid where they are put; every other place takes any text.
_OTHERS: dict[str, Any] = {
    "severity": "low",
    "tolerance": "2%",
    "on_failure": "allow",
    "data": "tag",
    "output": "block",
    "input": "block",
    "regions": "DE",
    "languages": "de",
    "id": "another-id",
}


@pytest.mark.parametrize("place", [p for p in _places(SOUND) if p != ("remit",)], ids=str)
def test_any_other_value_changes_the_digest_and_the_diff(place):
    changed = json.loads(json.dumps(SOUND))
    spot = changed
    for key in place[:-1]:
        spot = spot[key]
    name = next(part for part in reversed(place) if isinstance(part, str))
    spot[place[-1]] = _OTHERS.get(name, "something else")
    before, after = policy(SOUND), policy(changed)
    assert before.digest != after.digest
    assert diff(before, after)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["says", "because", "owner"]),
    st.text(min_size=1, max_size=40).filter(lambda text: text.strip() and text.isprintable()),
)
def test_two_texts_share_a_digest_only_where_they_are_the_same(key, text):
    changed = json.loads(json.dumps(SOUND))
    changed["rules"][0][key] = text
    after = loads(json.dumps(changed, ensure_ascii=False)).policy
    same = text.strip() == SOUND["rules"][0][key]
    assert (after.digest == policy(SOUND).digest) == same


def test_a_rule_added_or_removed_changes_the_digest():
    seen = set()
    for rules in ([], SOUND["rules"][:1], SOUND["rules"][1:], SOUND["rules"]):
        seen.add(policy({**SOUND, "rules": rules}).digest)
    assert len(seen) == 4


def test_a_default_written_out_means_the_same():
    written = json.loads(json.dumps(SOUND))
    written["rules"][1] |= {"severity": "medium", "threshold": 0.5, "tolerance": 0.01, "audit": []}
    written["delivery"] = {"refusal": "message", "release": "as-checked"}
    assert policy(written).digest == policy(SOUND).digest


def test_a_bound_on_wrong_drops_changes_the_digest_and_its_absence_does_not():
    bounded = json.loads(json.dumps(SOUND))
    bounded["rules"][0]["wrongly"] = "5%"
    assert policy(bounded).digest != policy(SOUND).digest
    bounded["rules"][0]["wrongly"] = None
    assert policy(bounded).digest == policy(SOUND).digest


@pytest.mark.parametrize(
    ("percent", "share"),
    [("1%", 0.01), ("0.1%", 0.001), ("0.7 %", 0.007), ("29%", 0.29), ("100%", 1)],
)
def test_a_percentage_and_a_share_are_the_same_number(percent, share):
    one, other = (json.loads(json.dumps(SOUND)) for _ in range(2))
    one["rules"][0]["tolerance"], other["rules"][0]["tolerance"] = percent, share
    assert policy(one).digest == policy(other).digest


@pytest.mark.parametrize("name", names())
def test_a_template_without_its_comments_means_the_same(name):
    text = render(name, {})
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert bare != text
    assert loads(bare).policy.digest == loads(text).policy.digest
