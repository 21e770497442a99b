"""Tests of promptfoo become cases; what a file only points to is refused, not lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remit.types import Message
from remit.verify.suites import SuiteError, load

CONFIG = """\
description: an assistant
providers: [openai:gpt-x]
prompts:
  - "{{ question }}"
  - raw: |-
      [{"role": "system", "content": "Be {{tone}}."},
       {"role": "user", "content": "{{question}}"}]
    label: chat
defaultTest:
  vars: {tone: kind}
  assert: [{type: latency, threshold: 1000}]
tests:
  - description: legal
    vars: {question: 'Can I "sue"?'}
    assert: [{type: is-refusal}]
  - vars:
      question: [When are you open?, Where are you?]
    assert: [{type: not-is-refusal}]
    metadata: {pluginId: overrefusal}
"""


def read(tmp_path: Path, text: str):
    """The cases of a configuration."""
    (tmp_path / "promptfooconfig.yaml").write_text(text, encoding="utf-8")
    return list(load(tmp_path / "promptfooconfig.yaml", "rule"))


def test_every_prompt_meets_every_test(tmp_path):
    cases = read(tmp_path, CONFIG)
    assert [(case.aim, case.turns[0]) for case in cases] == [
        ("break", 'Can I "sue"?'),
        ("break", 'Can I "sue"?'),
        ("keep", "When are you open?"),
        ("keep", "When are you open?"),
        ("keep", "Where are you?"),
        ("keep", "Where are you?"),
    ]
    assert cases[1].opening == (Message("system", "Be kind."),)
    assert cases[0].suite == "promptfoo"
    assert cases[2].meta["pluginId"] == "overrefusal"
    assert '"latency"' in cases[0].meta["assert"]
    assert len({case.id for case in cases}) == 6


def test_a_red_team_file_needs_no_prompts(tmp_path):
    (case,) = read(tmp_path, "tests: [{vars: {prompt: Do it}, metadata: {pluginId: policy}}]\n")
    assert (case.aim, case.turns, case.meta["pluginId"]) == ("break", ("Do it",), "policy")


def test_anchors_are_read(tmp_path):
    text = "tests:\n  - vars: &v {prompt: Do it}\n  - vars: *v\n    description: again\n"
    assert [case.turns for case in read(tmp_path, text)] == [("Do it",), ("Do it",)]


def test_a_merged_mapping_gives_what_the_test_does_not_say_itself(tmp_path):
    text = (
        "base: &base {prompt: Do it, tone: kind}\nprompts: ['{{prompt}}, {{tone}}']\n"
        "tests:\n  - vars: {<<: *base, tone: harsh}\n"
    )
    assert [case.turns for case in read(tmp_path, text)] == [("Do it, harsh",)]


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
WRONG = [
    ("tests: file://tests.yaml\n", "tests is no list"),
    ("tests: [file://tests.csv]\n", "test 1 is no mapping"),
    ("prompts: [file://prompt.txt]\ntests: []\n", "prompt 1: 'file://prompt.txt' is not read"),
    ("prompts: [prompt.json]\ntests: []\n", "'prompt.json' is not read"),
    ("scenarios: []\ntests: []\n", "scenarios cannot be read"),
    ("tests:\n\n  - vars: {prompt: 'file://x.txt'}\n", ":3: 'file://x.txt' is not read"),
    ("prompts: ['{{a}}']\ntests:\n  - vars: {b: c}\n", ":3: no value for {{a}}; have b"),
    ("prompts: ['{% if a %}']\ntests:\n  - vars: {a: c}\n", ":3: a prompt with logic"),
    ("prompts: ['{{a | upper}}']\ntests:\n  - vars: {a: c}\n", ":3: a prompt with logic"),
    ("tests:\n  - vars: [a]\n", ":2: vars is no mapping"),
    ("tests:\n  - vars: {prompt: ''}\n", ":2: nothing is asked"),
    ("tests: [\n", "not YAML"),
    ("? [a, b]\n: c\n", ":1: a key is no text"),
    ("just text", "not a promptfoo configuration"),
    ("", "not a promptfoo configuration"),
    (BOMB, "too much or too deep"),
    ("a: &a [*a]\n", "too much or too deep"),
    ("a: " + "[" * 200 + "]" * 200, "too much or too deep"),
    ("a: " + "[" * 1_000_000, "too much or too deep"),
    ("- " * 100_000 + "x", "too much or too deep"),
    (
        "prompts: ['{{a}}{{b}}{{c}}']\ntests:\n  - vars: {"
        + ", ".join(f"{k}: [{', '.join(map(str, range(50)))}]" for k in "abc")
        + "}\n",
        "125,000 combinations",
    ),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, text: str, words: str):
    with pytest.raises(SuiteError, match=re.escape(words)):
        read(tmp_path, text)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "p.yaml").write_bytes(b"tests: \xff")
    with pytest.raises(SuiteError, match="not UTF-8"):
        list(load(tmp_path / "p.yaml", "rule"))
