"""Tool calls: judged as the tool reads them, masked as JSON."""

from __future__ import annotations

import json

import pytest

from remit.layers.guard.delivery import Masked
from remit.layers.guard.tools import call_text, masked_arguments
from remit.types import Span

SEEN = [
    ('{"to": "a", "n": [1, true, null]}', "to\na\nn\n1\ntrue\nnull"),
    ('{"iban": "NL91\\u0020ABNA"}', "iban\nNL91 ABNA"),
    ('{"a": "x\\ud800 y"}', "a\nx\ud800 y"),
    ('{"to": "first", "to": "second"}', "to\nfirst\nto\nsecond"),
    ('{"n": 12345678901234567890123}', "n\n12345678901234567890123"),
    ('{"n": 1.50}', "n\n1.50"),
    ('"text"', "text"),
    ("null", "null"),
    ("", ""),
    ("not json", "not json"),
    ('{"a": "NL91\\u0020ABNA",}', '{"a": "NL91 ABNA",}'),
    ('{"a": "line\\nbreak"', '{"a": "line\nbreak"'),
    ("[NaN, Infinity]", "NaN\nInfinity"),
]


@pytest.mark.parametrize(("arguments", "text"), SEEN)
def test_what_the_tool_will_read_is_judged(arguments, text):
    assert call_text(arguments) == text


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_deep_nesting_is_still_judged(depth):
    text = call_text("[" * depth + '"\\u0041BC"' + "]" * depth)
    assert "ABC" in text


def masked(arguments: str, *values: str) -> str | None:
    text = call_text(arguments)
    spans = [Span(text.index(v), text.index(v) + len(v), "iban") for v in values]
    return masked_arguments(arguments, [Masked(span, "rule") for span in spans])


MASKED = [
    ('{"to": "NL91 ABNA", "n": 1.50}', "NL91 ABNA", '{"to":"[iban]","n":1.50}'),
    ('{"a": {"b": ["x", "my NL91 y"]}}', "NL91", '{"a":{"b":["x","my [iban] y"]}}'),
    ('{"n": 1234}', "1234", '{"n":"[iban]"}'),
    ('{"NL91": 1}', "NL91", '{"[iban]":1}'),
    ('{"to": "a", "to": "NL91"}', "NL91", '{"to":"a","to":"[iban]"}'),
    ('{"q": "say \\"NL91\\""}', "NL91", '{"q":"say \\"[iban]\\""}'),
    ('["x", "y"]', "x\ny", '["[iban]","[iban]"]'),
]


@pytest.mark.parametrize(("arguments", "value", "result"), MASKED)
def test_masked_arguments_are_still_json(arguments, value, result):
    assert masked(arguments, value) == result
    json.loads(result)


def test_what_is_no_json_cannot_be_masked():
    assert masked("to NL91", "NL91") is None
