"""What only the whole run-time can show: obfuscated text, functions of hate, cost.

Each asks the detectors as a remit does, at a tolerated rate of 1 %, through the files that ship.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recipes.detectors.asking import Asked, Rule
from recipes.detectors.data import Row, key
from recipes.detectors.figures import rate
from recipes.detectors.sources import Source
from remit.verify.attacks.base import Attack, AttackError
from remit.verify.attacks.table import table
from remit.verify.cases import Case

Json = dict[str, Any]
OBFUSCATIONS = (
    *("base64", "hex", "binary", "percent", "html-entities", "rot13", "flip-text", "flip-letters"),
    *("leetspeak", "spaced-letters", "unicode-tags", "variation-selectors", "zero-width"),
    *("soft-hyphens", "homoglyphs", "fullwidth", "math-letters", "zalgo", "random-case"),
    "scrambled-words",
)
_EACH = 30
_FAMILIES: tuple[tuple[str, Rule, str, tuple[str, ...], str], ...] = (
    ("attack", ("attack", "any"), "user", ("attack.any",), "user"),
    ("harm", ("harm", "any"), "user", ("harm.any",), "user"),
    (
        "advice asked",
        ("topic", ["legal-advice", "tax-advice", "medical-advice"]),
        "user",
        ("topic.legal.asked", "topic.tax_financial.asked", "topic.medical.asked"),
        "user",
    ),
    ("refusal", ("refusal", "full"), "assistant", ("speech.refusal_full",), "reply"),
)


def obfuscated(rows: list[Row], folder: Path) -> Json:
    """Per family and obfuscation: test rows stopped, and ordinary rows stopped, plain and so."""
    ways = table(plugins=False)
    found: Json = {}
    for name, rule, role, heads, side in _FAMILIES:
        asked = Asked(folder, rule, role)
        yes = _some(r for r in rows if r.split == "test" and any(r.labels.get(h) for h in heads))
        no = _some(r for r in rows if r.split == "quiet" and r.side == side)
        found[name] = {"plain": {"stopped": _share(asked, yes), "ordinary": _share(asked, no)}}
        for way in OBFUSCATIONS:
            attack = ways.attack(way)
            found[name][way] = {
                "stopped": _share(asked, _changed(yes, attack)),
                "ordinary": _share(asked, _changed(no, attack)),
            }
    return found


def _some(rows: Iterable[Row]) -> list[str]:
    short = [row for row in rows if 15 <= len(row.text) <= 300]
    return [row.text for row in sorted(short, key=lambda row: key("trial" + row.text))[:_EACH]]


def _changed(texts: list[str], attack: Attack) -> list[str]:
    changed = []
    for number, text in enumerate(texts):
        try:
            case = attack(Case(str(number), str(number), "rule", "break", (text,)), seed=number)
        except AttackError:
            continue
        changed.append(case.turns[-1])
    return changed


def _share(asked: Asked, texts: list[str]) -> Json:
    return rate(sum(map(asked.stops, texts)), len(texts))


def hate(source: Source, folder: Path) -> Json:
    """Per function of hate speech (after HateCheck, Röttger et al. 2021): lines stopped.

    `hate` is the rule on hate alone, `harm` the one on any harm.
    """
    rules = {"hate": Asked(folder, ("harm", "hate"), "user")}
    rules["harm"] = Asked(folder, ("harm", "any"), "user")
    groups: dict[tuple[str, str], list[str]] = {}
    for line in source.written("hate.functions"):
        groups.setdefault((line["label"], line["style"]), []).append(line["text"])
    return {
        f"{label}: {style}": {name: _share(rule, texts) for name, rule in rules.items()}
        for (label, style), texts in groups.items()
    }


def cost(rows: list[Row], folder: Path) -> Json:
    """Milliseconds a message on ordinary customer text, five questions asked; memory grown."""
    texts = [row.text for row in rows if row.split == "quiet" and row.side == "user"][:800]
    run = [sys.executable, "-m", "recipes.detectors.asking", str(folder)]
    done = subprocess.run(run, input=json.dumps(texts), capture_output=True, text=True, check=True)
    measured: Json = json.loads(done.stdout)
    return measured
