"""Tool calls in training rows: no spelling hides from a rule, and what is changed stays JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from remit.enforce import compile_policy
from remit.layers.data.apply import apply
from remit.layers.data.rows import Row
from remit.layers.data.rules import RuleStep
from remit.layers.data.texts import texts
from remit.policy import loads
from remit.types import Json

REMIT = b"""
remit: 1
organisation: Test
responsible: {owner: Owner}
rules:
  - id: no-addresses
    says: Holds no addresses.
    because: They are private.
    owner: Owner
    detect: [{identifier: [email, bsn]}]
    then: {data: THEN}
"""


def filtered(arguments: Any, then: str = "redact") -> tuple[Any, Json]:
    """The arguments as they leave, and the row."""
    value = {
        "messages": [
            {"role": "user", "content": "Mail him."},
            {"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]},
        ]
    }
    row = Row("", 0, b"", value, texts(value, {}))
    step = RuleStep(compile_policy(loads(REMIT.replace(b"THEN", then.encode()))))
    (marks,) = step.judge([row])
    assert marks
    (left,) = apply(row, marks).rows
    assert not isinstance(left, Row)
    return left["messages"][1]["tool_calls"][0]["function"]["arguments"], left


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (r'{"to": "jan\u0040a.example", "n": 1.50}', '{"to": "[email]", "n": 1.50}'),
        (r'{"\u006aan@a.example": "\u00e9"}', r'{"[email]": "\u00e9"}'),
        ('{"bsn": "111222333", "n": [true, null]}', '{"bsn": "[bsn]", "n": [true, null]}'),
        ('{"bsn": 111222333}', '{"bsn": "[bsn]"}'),
        (r"to=jan\u0040a.example", "to=[email]"),
        ({"to": "jan@a.example", "n": 1.5}, {"to": "[email]", "n": 1.5}),
        ({"bsn": 111222333}, {"bsn": "[bsn]"}),
    ],
)
def test_what_the_tool_would_see_is_redacted_where_it_is_written(arguments: Any, left: Any) -> None:
    assert filtered(arguments)[0] == left


def test_a_masked_span_counts_characters_of_the_arguments_as_they_are_written() -> None:
    arguments = r'{"q": "\u00e9", "to": "jan\u0040a.example"}'
    same, row = filtered(arguments, "mask")
    assert same == arguments
    (masked,) = row["mask_spans"]
    assert arguments[masked["start"] : masked["end"]] == r"jan\u0040a.example"


def test_an_anthropic_tool_use_is_judged_with_its_keys() -> None:
    part = {"type": "tool_use", "id": "1", "name": "find", "input": {"bsn": "111222333"}}
    found = texts({"messages": [{"role": "assistant", "content": [part]}]}, {})
    assert [segment.text for segment in found] == ["find", "bsn\n111222333"]


def test_arguments_nested_deep_are_judged_or_refused_but_never_passed_over() -> None:
    deep: Any = "jan@a.example"
    for _ in range(300):
        deep = [deep]
    left, _ = filtered(json.dumps(deep))
    assert "jan@a.example" not in left
