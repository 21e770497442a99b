"""The gate is weaker than the pattern, never stronger: it fires wherever the pattern occurs."""

from __future__ import annotations

import re

import hyperscan
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.detectors.bounded import bounded
from remit.detectors.compiled import compile_database
from remit.detectors.gate import occurrence
from remit.detectors.text import plain

GATE = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH
EXACT = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_UTF8

_ATOMS = st.sampled_from(
    ["a", "é", "ß", "k", "s", ".", "[a-c]", "[^a]", "[^é]", "[à-ÿ]", "[aé]", r"\d", r"\w", r"\W",
     r"[^\s\"]", r"[\da-f-]", "ſ", "\u212a", "(?:ab|cé)", "(?:x|y[^z])", " ", "-"]
)  # fmt: skip
_COUNTS = st.sampled_from(["", "", "?", "{0,3}", "{2}", "{1,4}", "{0,20}", "{3,30}", "{2,9}"])
_PATTERNS = st.lists(st.tuples(_ATOMS, _COUNTS), min_size=1, max_size=5).map(
    lambda items: "".join(atom + count for atom, count in items)
)


def _fires(source: str, flags: int, text: str) -> bool:
    hits: list[int] = []
    database = compile_database([source], flags)
    database.scan(plain(text).encode(), match_event_handler=lambda *hit: hits.append(hit[0]))
    return bool(hits)


@given(st.data(), _PATTERNS, st.sampled_from(["", "x", "é ", "-"]))
def test_the_gate_fires_wherever_the_pattern_occurs(
    data: st.DataObject, source: str, around: str
) -> None:
    try:
        pattern = bounded(source)
    except ValueError:
        return
    text = (
        around
        + data.draw(st.from_regex(re.compile(source, re.IGNORECASE), fullmatch=True))
        + around
    )
    text = text.encode("utf-8", "replace").decode()
    if _fires(source, EXACT, text):
        assert _fires(occurrence(pattern), GATE, text), occurrence(pattern)


@pytest.mark.parametrize(
    ("source", "weak"),
    [
        (r"(?:ab)?\bc", r"\b\x63"),
        (r"c(?:ab)?", r"\x63"),
        (r"a{2,5}b", r"(?:\x61){2}\x62"),
        (r"xé", r"\x78[\x80-\xff]+"),
        (r"a[b-d]{0,24}e", r"\x61(?:[\x62\x63\x64]){0,}\x65"),
    ],
)
def test_what_is_optional_at_an_edge_goes_and_long_counts_stay_open(source: str, weak: str) -> None:
    assert re.sub(r"\{(\d+),\1\}", r"{\1}", occurrence(bounded(source))) == weak
