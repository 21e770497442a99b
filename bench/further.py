"""Remits for the guard bench: the shipped one, the same with 300 patterns more, and one of kinds.

The further patterns are made, not written, but are of the shapes that businesses write: 65 regular
expressions for their own numbers and 235 phrases that their assistant must not say.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

_PREFIXES = ("HF", "INV", "CRN", "PO", "DEB", "LED", "PAY", "TKT", "CSE", "ENG", "REQ", "DOC", "AC")
_SHAPES = (
    r"\b{}-\d{{6}}\b",
    r"\b{}\d{{4}}/\d{{2}}\b",
    r"\b{}[A-Z]{{2}}\d{{5}}\b",
    r"\b{}\s?no\.?\s?\d{{5,8}}\b",
    r"\b20\d\d-{}-[0-9a-f]{{4,8}}\b",
)
_SAID = (
    "we guarantee",
    "we promise",
    "I can waive",
    "you may skip",
    "nobody needs",
    "just ignore",
    "feel free to postpone",
    "the director approved",
    "between us, forget",
    "our competitors never check",
    "you will certainly win",
    "it costs nothing to drop",
    "do not tell anyone about",
)
_OF = (
    "the annual fee",
    "a full refund",
    "the late penalty",
    "your deposit",
    "an audit",
    "the second reminder",
    "any interest",
    "the service charge",
    "a signed mandate",
    "the identity check",
    "the opening balance",
    "a price increase",
    "the cancellation term",
    "the retention period",
    "a discount of half",
    "the exit fee",
    "the money laundering form",
    "a second opinion",
    "the delivery date",
)

Rule = dict[str, Any]


def regexes() -> list[str]:
    """65 bounded regular expressions."""
    return [shape.format(prefix) for prefix in _PREFIXES for shape in _SHAPES]


def phrases() -> list[str]:
    """235 phrases."""
    made = (f"{said} {of}" for said, of in itertools.product(_SAID, _OF))
    return list(itertools.islice(made, 235))


def compiled() -> list[re.Pattern[str]]:
    """The same 300 for Python's own engine."""
    sources = [*regexes(), *(rf"\b{re.escape(phrase)}\b" for phrase in phrases())]
    return [re.compile(source, re.IGNORECASE) for source in sources]


def rule(name: str, detect: Sequence[Mapping[str, object]], output: str = "block") -> Rule:
    """A rule of the least that a rule must have."""
    return {
        "id": name,
        "says": f"Keeps to {name}.",
        "because": "The bench measures it.",
        "owner": "Bench",
        "detect": [dict(one) for one in detect],
        "answer": "I can't help with that.",
        "then": {"output": output},
    }


def as_a_firm_writes_them() -> list[Rule]:
    """The 300 in ten rules, some tens of patterns in each."""
    texts, sources = phrases(), regexes()
    return [
        rule(f"house-{n}", [{"phrases": texts[n::10]}, {"pattern": sources[n::10]}])
        for n in range(10)
    ]


def one_rule_each() -> list[Rule]:
    """The 300 in 300 rules, the dearest way to write them."""
    single = [{"phrases": [text]} for text in phrases()]
    single += [{"pattern": [source]} for source in regexes()]
    return [rule(f"house-{n}", [detect]) for n, detect in enumerate(single)]


def with_rules(policy: Path, rules: Sequence[Rule], target: Path) -> Path:
    """Writes `policy` with `rules` added. JSON is YAML too, and quotes every text safely."""
    remit = yaml.safe_load(policy.read_text(encoding="utf-8"))
    remit["rules"] = [*remit["rules"], *rules]
    target.write_text(json.dumps(remit, ensure_ascii=False, indent=1), encoding="utf-8")
    return target


def of_kinds(kinds: Sequence[str], regions: Sequence[str], target: Path) -> Path:
    """Writes a remit with one redacting rule for each identifier kind, named after it."""
    remit = {
        "remit": 1,
        "organisation": "Bench",
        "assistant": {"name": "Ada", "role": "answers"},
        "responsible": {"owner": "Bench"},
        "regions": list(regions),
        "rules": [rule(kind, [{"identifier": [kind]}], "redact") for kind in kinds],
    }
    target.write_text(json.dumps(remit, indent=1), encoding="utf-8")
    return target
