"""Patterns of the owner's own: what is found, and what is refused with which words."""

from __future__ import annotations

import pytest

from remit.detectors.base import ConfigError, Setting, Use
from remit.detectors.pattern import Pattern
from remit.detectors.text import Text


def read(pattern, text: str):
    kind = Pattern()
    matcher = kind.compile([Use("rule", kind.parse(pattern))], Setting())
    return matcher.read(Text(text)).outcomes[0]


def spans(pattern, text: str) -> list[str]:
    return [text[span.start : span.end] for span in read(pattern, text).spans]


FOUND = [
    (r"\bHF-\d{6}\b", "file HF-123456, closed", ["HF-123456"]),
    (r"\bHF-\d{6}\b", "file hf-123456", ["hf-123456"]),
    (r"\bHF-\d{6}\b", "file HF-1234567", []),
    (r"\bHF-\d{6}\b", "file XHF-123456", []),
    (r"\bHF-\d{6}\b", "HF–１２３４５６", ["HF–１２３４５６"]),
    (r"\bHF-\d{6}\b", "H\u200bF-12\u00ad3456", ["H\u200bF-12\u00ad3456"]),
    (r"colou?r", "Color colour", ["Color", "colour"]),
    (r"(?:ab|abc)d", "abd abcd", ["abd", "abcd"]),
    (r"a{2,3}", "aaaaa", ["aaaaa"]),
    (r"[^a]b", "ab xb", ["xb"]),
    (r"é{1,2}t", "ÉÉT", ["ÉÉT"]),
    (r"1 kg", "１ ㎏", ["１ ㎏"]),
    (r"ten.{0,6}nine", "ten or\nnine", []),
]


@pytest.mark.parametrize(("pattern", "text", "written"), FOUND)
def test_a_pattern_finds_what_it_says(pattern, text, written):
    assert spans(pattern, text) == written


def test_a_named_pattern_names_its_findings():
    outcome = read([{"name": "file-number", "regex": r"HF-\d{6}"}], "HF-123456")
    assert outcome.spans[0].label == "file-number"
    assert outcome.reason == "file-number"


REFUSED = [
    ([], r"pattern wants a regular expression, such as '\\bHF-\\d\{6\}\\b'"),
    (7, r"pattern wants a regular expression, or \{name: …, regex: …\}"),
    ({"name": "a"}, r"pattern wants a regular expression, or \{name: …, regex: …\}"),
    ("a(", r"pattern 'a\(' is not a regular expression: missing \)"),
    ("a*", "pattern 'a\\*' matches the empty text; require a character"),
    ("a|", "matches the empty text; require a character"),
    ("ab+", r"has no bound under 512 characters; write \{1,40\} instead of \+ or \*"),
    ("a.*b", r"has no bound under 512 characters; write \{1,40\} instead"),
    ("(?:a{1,30}){1,30}", "has no bound under 512 characters"),
    ("^abc", r"anchors \^ and \$ are not supported: a stream has no lines; use \\b"),
    ("abc$", r"anchors \^ and \$ are not supported"),
    (r"(a)\1", "groupref is not supported; use classes, groups"),
    ("(?=a)b", "assert is not supported; use classes, groups"),
    ("(?<!a)b", "assert not is not supported"),
    ("(?i:ab)", "inline flags are not supported; case is always ignored"),
    ("(?>ab)c", "atomic group is not supported"),
    ("a++b", "possessive repeat is not supported"),
    ("(?:a{1,20}b?){1,20}c", "cannot be run in linear time .*; make its repetitions smaller"),
]


@pytest.mark.parametrize(("config", "says"), REFUSED, ids=[str(r[0]) for r in REFUSED])
def test_a_pattern_that_cannot_be_bounded_is_refused(config, says):
    with pytest.raises(ConfigError, match=says):
        Pattern().parse(config)
