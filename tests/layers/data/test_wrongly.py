"""A rule drops only while labels show that it seldom drops wrongly."""

from __future__ import annotations

import json

import pytest

from remit.layers.data.bounds import Evidence, LabelError, read_labels, tagging
from remit.policy import Policy, loads


def policy(wrongly: str = "wrongly: 5%", data: str = "drop") -> Policy:
    return loads(
        f"""\
remit: 1
organisation: H
responsible: {{owner: P}}
rules:
  - id: r
    says: s
    because: b
    owner: Counsel
    detect: [{{phrases: [void]}}]
    then: {{data: {data}, output: block}}
    {wrongly}
"""
    ).policy


def labels(*rows: object) -> dict[str, Evidence]:
    return read_labels(json.dumps(row).encode() for row in rows)


def of(right: int, wrong: int, rule: str = "r") -> list[dict[str, object]]:
    return [{"rule": rule, "row": f"{n}", "right": n >= wrong} for n in range(right + wrong)]


# With 95 % confidence none wrong of 59 is at most 4.95 %, none of 58 at most 5.03 %.
@pytest.mark.parametrize(
    ("right", "wrong", "drops"), [(59, 0, True), (58, 0, False), (92, 1, True), (91, 1, False)]
)
def test_the_bound_is_exact(right: int, wrong: int, drops: bool) -> None:
    evidence = labels(*of(right, wrong))
    assert (tagging(policy(), evidence) == {}) is drops


def test_the_reason_gives_the_counts_the_bound_and_the_owner() -> None:
    reason = tagging(policy(), labels(*of(37, 3)))["r"]
    assert reason.startswith(
        "tagged, not dropped: 3 of 40 labelled drops were wrong, so up to 0.18"
    )
    assert reason.endswith("over the 0.05 that Counsel allows")


def test_a_bound_without_labels_tags_and_no_bound_drops_as_asked() -> None:
    assert "nothing shows" in tagging(policy(), {})["r"]
    assert tagging(policy(wrongly=""), {}) == {}
    assert tagging(policy(data="redact"), {}) == {}
    assert "nothing shows" in tagging(policy(), labels(*of(99, 0, "other")))["r"]


def test_a_stated_prior_counts_with_the_labels() -> None:
    prior = {"rule": "r", "wrong": 0, "of": 50, "source": "March"}
    assert labels(prior, *of(9, 0)) == {"r": Evidence(0, 59)}
    assert tagging(policy(), labels(prior, *of(9, 0))) == {}


def test_a_row_labelled_twice_counts_once_by_the_last_label() -> None:
    twice = [{"rule": "r", "row": "a", "right": True}, {"rule": "r", "row": "a", "right": False}]
    assert labels(*twice) == {"r": Evidence(1, 1)}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "line 2 is no JSON"),
        (b"[]", "no rule is named"),
        (b'{"rule": "r"}', "neither right nor how many"),
        (b'{"rule": "r", "row": "a", "right": 1}', "neither true, false nor null"),
        (b'{"rule": "r", "right": true}', "no row is named"),
        (b'{"rule": "r", "wrong": 3, "of": 2}', "3 wrong of 2 cannot be"),
        (b'{"rule": "r", "wrong": true, "of": 2}', "neither right nor how many"),
    ],
)
def test_a_line_that_is_no_label_is_refused_by_number(line: bytes, says: str) -> None:
    with pytest.raises(LabelError, match=says):
        read_labels([b"\n", line])
