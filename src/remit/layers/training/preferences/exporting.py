"""Verdicts as rows to train on, in TRL's own columns, with provenance in `meta`.

One pair for each rule and one overall; what a reviewer wrote instead is better than what they saw.
Rules on which reviewers do not agree give none. What is in the gate's set never trains.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from remit.layers.training.preferences.agreement import Agreement, newest
from remit.layers.training.preferences.pairs import OVERALL, Pair
from remit.layers.training.preferences.verdicts import Choice, Verdict
from remit.types import Json

Passed = Callable[[str], str]
SHARE_GATED: Final = 0.2


@dataclass(slots=True)
class Exported:
    """Rows for DPO and reward models, for SFT, and for the gate; `left` counts what gave none.

    `smoothing` is, by rule, the share of disagreement: DPO's `label_smoothing`.
    """

    dpo: list[Json] = field(default_factory=list)
    sft: list[Json] = field(default_factory=list)
    gate: list[Json] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    smoothing: dict[str, float] = field(default_factory=dict)


def exported(
    pairs: Sequence[Pair],
    verdicts: Sequence[Verdict],
    agreed: Agreement,
    *,
    consent: str,
    passed: Passed = lambda text: text,
    gated: float = SHARE_GATED,
) -> Exported:
    """All rows. `passed` is the gate for personal data and may raise ValueError.

    All of a person's prompts (`meta.person`), or else a prompt as a whole, go to the gate or to
    training, by hash. Raises ValueError without `consent`, the basis on which texts may be used.
    """
    if not consent.strip():
        raise ValueError("export: say on what basis these texts may be trained on")
    found = Exported(smoothing=_smoothing(agreed))
    vague = {rule.rule for rule in agreed.ambiguous}
    said: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in newest(verdicts):
        said[verdict.pair].append(verdict)
    for pair in pairs:
        reason = _add(found, pair, said.get(pair.id, []), vague, consent.strip(), passed, gated)
        if reason:
            found.left[reason] += 1
    return found


def in_gate(pair: Pair, share: float = SHARE_GATED) -> bool:
    """True where a pair is kept for the gate, and never trains."""
    whose = pair.meta.get("person") or [dict(turn) for turn in pair.turns]
    key = hashlib.sha256(b"gate\0" + orjson.dumps(whose)).digest()
    return int.from_bytes(key[:8], "big") / 2**64 < share


def _add(
    found: Exported,
    pair: Pair,
    verdicts: Sequence[Verdict],
    vague: set[str],
    consent: str,
    passed: Passed,
    gated: float,
) -> str:
    if pair.is_gold:
        return "gold"
    if not verdicts:
        return "not labelled yet"
    if any(verdict.report for verdict in verdicts):
        return "reported by a reviewer"
    try:
        prompt = [{**turn, "content": passed(turn["content"])} for turn in pair.turns]
        texts = {Choice.A: passed(pair.a), Choice.B: passed(pair.b)}
        edits = [(v, passed(v.edit)) for v in verdicts if v.edit]
    except ValueError:
        return "personal data"
    rows = list(_rows(pair, prompt, texts, verdicts, vague, consent))
    if in_gate(pair, gated):
        found.gate += rows
        return "" if rows else "no preference"
    found.dpo += rows
    for verdict, edit in edits:
        meta = _meta(pair, "edit", [verdict], consent)
        found.sft.append({"prompt": prompt, "completion": _said(edit), "meta": meta})
        original = texts[verdict.overall] if verdict.overall in texts else texts[Choice.A]
        found.dpo.append(
            {"prompt": prompt, "chosen": _said(edit), "rejected": _said(original), "meta": meta}
        )
    return "" if rows or edits else "no preference"


def _rows(
    pair: Pair,
    prompt: list[Json],
    texts: Mapping[Choice, str],
    verdicts: Sequence[Verdict],
    vague: set[str],
    consent: str,
) -> Any:
    rules = dict.fromkeys(rule for verdict in verdicts for rule in verdict.rules)
    for rule in (*rules, OVERALL):
        if rule in vague:
            continue
        counts = Counter(c for v in verdicts if (c := v.said(rule)) is not None and c.prefers)
        for_a, for_b = counts[Choice.A], counts[Choice.B]
        if for_a == for_b:
            continue  # nobody prefers one, or as many the other
        better, worse = (Choice.A, Choice.B) if for_a > for_b else (Choice.B, Choice.A)
        meta = _meta(pair, rule, verdicts, consent)
        meta["votes"] = [max(for_a, for_b), min(for_a, for_b)]
        yield {
            "prompt": prompt,
            "chosen": _said(texts[better]),
            "rejected": _said(texts[worse]),
            "meta": meta,
        }


def _meta(pair: Pair, rule: str, verdicts: Sequence[Verdict], consent: str) -> Json:
    return {
        **{key: pair.meta[key] for key in ("model", "source") if key in pair.meta},
        "origin": "reviewers",
        "rule": rule,
        "pair": pair.id,
        "policy": verdicts[-1].policy,
        "reviewers": len({verdict.reviewer for verdict in verdicts}),
        "consent": consent,
    }


def _smoothing(agreed: Agreement) -> dict[str, float]:
    """Half the pairs that were labelled differently carry a wrong label, as far as one can know."""
    return {
        rule.rule: round(min(0.49, (1 - rule.agreed) / 2), 3)
        for rule in agreed.rules
        if rule.agreed is not None and not rule.ambiguous
    }


def _said(text: str) -> list[Json]:
    return [{"role": "assistant", "content": text}]
