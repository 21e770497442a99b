"""Edits of a remit's text: one value changes, and every other character stays."""

from __future__ import annotations

from difflib import ndiff
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remit_desk import TEXT

from remit.console.drafting.edit import EditError, add_item, set_value
from remit.policy import loads
from remit.policy.source import read_source

BLOCK = """\
# The remit of a small office.
remit: 1
organisation: Office  # all of it
responsible: {owner: Partner}
rules:
  # the first
  - id: one
    says: Says no more than it knows.   # a comment that stays
    because: >-
      Two lines
      of reasons.
    owner: Partner
    detect:
      - phrases:
          - no such thing
    then:
      output: block   # and no milder
    breaks:
      - There is no such thing.  # an example
    keeps: []
  - {id: two, says: A, because: B, owner: C, detect: [{phrases: [bad word]}], then: {output: flag}}
"""


def value(text: str) -> Any:
    return read_source(text.encode(), "remit").value


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    lines = list(ndiff(before.splitlines(), after.splitlines()))
    return (
        [line[2:] for line in lines if line[0] == "-"],
        [line[2:] for line in lines if line[0] == "+"],
    )


@pytest.mark.parametrize(
    ("path", "new", "went", "came"),
    [
        (("rules", 0, "then", "output"), "flag",
         ["      output: block   # and no milder"], ["      output: flag   # and no milder"]),
        (("rules", 0, "then", "input"), "block", [], ["      input: block"]),
        (("rules", 0, "threshold"), 0.7, [], ["    threshold: 0.7"]),
        (("rules", 0, "tolerance"), "2%", [], ["    tolerance: 2%"]),
        (("rules", 0, "because"), "One: reason",
         ["    because: >-", "      Two lines", "      of reasons."],
         ['    because: "One: reason"']),
        (("rules", 1, "then", "output"), "block", None, None),
        (("organisation"), "x", None, None),
    ],
)  # fmt: skip
def test_a_value_is_set_in_its_place_and_all_else_stays(
    path: Any, new: Any, went: list[str] | None, came: list[str] | None
) -> None:
    place = path if isinstance(path, tuple) else (path,)
    edited = set_value(BLOCK, place, new)
    found = value(edited)
    for part in place:
        found = found[part]
    assert found == new
    if went is not None:
        assert changed(BLOCK, edited) == (went, came)
    assert edited.count("#") == BLOCK.count("#")


@pytest.mark.parametrize(
    ("path", "item", "came"),
    [
        (("rules", 0, "breaks"), "Such: a thing", ['      - "Such: a thing"']),
        (("rules", 0, "breaks"), {"user": "Hm?", "assistant": "No."},
         ['      - {user: "Hm?", assistant: "No."}']),
        (("rules", 0, "keeps"), "Yes.", ['    keeps: ["Yes."]']),
        (("rules", 0, "audit"), "judge", ['    audit: ["judge"]']),
        (("rules", 0, "detect", 0, "phrases"), "never", ['          - "never"']),
    ],
)  # fmt: skip
def test_an_item_is_added_below_the_others_in_their_style(
    path: tuple[str | int, ...], item: Any, came: list[str]
) -> None:
    edited = add_item(BLOCK, path, item)
    assert changed(BLOCK, edited)[1] == came


def test_a_flow_list_of_many_lines_grows_by_a_line() -> None:
    edited = add_item(TEXT, ("rules", 0, "detect", 0, "phrases"), "see you in court")
    gone, came = changed(TEXT, edited)
    assert came[-1].strip() == '"see you in court"]'
    assert len(gone) == 1
    assert len(came) == 2
    assert loads(edited).policy.digest != loads(TEXT).policy.digest


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda: set_value(BLOCK, ("rules", 0, "detect"), "x"), "no single value"),
        (lambda: set_value(BLOCK, ("rules", 9, "says"), "x"), "is not there"),
        (lambda: add_item(BLOCK, ("rules", 0, "says"), "x"), "no list"),
        (lambda: set_value("remit: 1 # x\nrules: {}\n", ("rules", "a"), "x"), None),
        (lambda: add_item("a: [1, 2 # here\n  ]\n", ("a",), "x"), "comment"),
    ],
)
def test_what_cannot_be_edited_so_is_refused_and_never_approximated(edit: Any, says: Any) -> None:
    if says is None:
        assert value(edit())["rules"] == {"a": "x"}
        return
    with pytest.raises(EditError, match=says):
        edit()


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=60), st.sampled_from(["says", "answer", "breaks", "keeps"]))
def test_any_words_come_out_as_they_went_in(words: str, key: str) -> None:
    words = words.encode("utf-8", "replace").decode()
    if key in ("breaks", "keeps"):
        edited = add_item(BLOCK, ("rules", 0, key), words)
        assert value(edited)["rules"][0][key][-1] == words
    else:
        edited = set_value(BLOCK, ("rules", 0, key), words)
        assert value(edited)["rules"][0][key] == words
    others = {name: item for name, item in value(edited)["rules"][0].items() if name != key}
    assert others == {k: v for k, v in value(BLOCK)["rules"][0].items() if k != key}
