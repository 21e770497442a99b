"""What people made of cases, as data: cases for verification, rows for training. Pure.

The rows have TRL's columns. What a colleague wrote to a client in place of an answer that the
assistant may not give is never a completion to learn: it is a person's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.evidence import Case, State
from remit.layers.monitor.cases import APPROVAL, draft_of
from remit.layers.monitor.privacy import PrivacyError
from remit.types import Json

SUITE = "reviewed"
_HELD = frozenset({"released", "approved"})
_BROKEN = frozenset({"rejected", "edited"})
Passed = Callable[[str], str]


@dataclass(slots=True)
class Harvest:
    """What came of some cases. `left` says why a case gave nothing."""

    cases: list[Json] = field(default_factory=list)
    kto: list[Json] = field(default_factory=list)
    dpo: list[Json] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def harvest(cases: Iterable[Case], passed: Passed, consent: str) -> Harvest:
    """All that cases give. `passed` is the gate every text goes through; it may raise PrivacyError.

    `consent` is the basis on which the texts may be used; it stands in each row's `meta`. Raises
    ValueError without one.
    """
    if not consent.strip():
        raise ValueError("harvest: say on what basis clients' words may be used for this")
    found = Harvest()
    for case in cases:
        try:
            reason = _add(found, _gated(case, passed), consent.strip())
        except PrivacyError as error:
            reason = str(error)
        if reason:
            found.left[case.id] = reason
    return found


@dataclass(frozen=True, slots=True)
class _Read:
    """A case's texts, all through the gate."""

    case: Case
    turns: tuple[Json, ...]
    draft: str
    told: str
    answer: str


def _gated(case: Case, passed: Passed) -> _Read:
    listed = case.question.get("conversation")
    turns = tuple(
        {"role": turn["role"], "content": passed(turn["text"])}
        for turn in (listed if isinstance(listed, list) else ())
        if isinstance(turn, Mapping) and isinstance(turn.get("text"), str)
    )
    texts = (draft_of(case), str(case.question.get("told") or ""), case.answer)
    return _Read(case, turns, *(passed(text) for text in texts))


def _add(found: Harvest, read: _Read, consent: str) -> str:
    """Adds what a case gives; why it gives nothing, if so."""
    case = read.case
    if case.state is State.OPEN or case.who == "remit":
        return "no person has decided on it"
    if not read.turns or read.turns[-1]["role"] != "user":
        return "the record holds no conversation that ends with the client"
    if case.outcome not in _HELD | _BROKEN:
        return f"'{case.outcome}' says nothing of the draft"
    held = case.outcome in _HELD
    found.cases.append(_verification(read, held=held))
    if not read.draft:
        return ""  # stopped before the model wrote anything: there is nothing to learn from
    meta = _meta(case, consent)
    prompt = list(read.turns)
    found.kto.append(_row(prompt, read.draft, meta, held=held))
    better = _better(read)
    if not held and better and better != read.draft:
        found.dpo.append(
            {"prompt": prompt, "chosen": _said(better), "rejected": _said(read.draft), "meta": meta}
        )
    return ""


def _better(read: _Read) -> str:
    """What the assistant should have said: the edited draft, or the rule's words."""
    if read.case.outcome == "edited":
        return read.answer
    return read.answer if read.case.kind == APPROVAL else read.told


def _verification(read: _Read, *, held: bool) -> Json:
    """A case as verification reads it: its format `remit`, JSON Lines."""
    opening = [{"role": t["role"], "text": t["content"], "name": ""} for t in read.turns[:-1]]
    return {
        "seed": f"{read.case.rule}/{SUITE}/{read.case.id}",
        "rule": read.case.rule,
        "aim": "keep" if held else "break",
        "turns": [read.turns[-1]["content"]],
        "opening": opening,
        "confidential": [],
        "suite": SUITE,
        "attack": "",
        "language": "en",
        "meta": {"origin": "production", "outcome": read.case.outcome, "case": read.case.id},
    }


def _meta(case: Case, consent: str) -> Json:
    return {
        "origin": "production",
        "rule": case.rule,
        "policy": str(case.question.get("policy") or ""),
        "reviewer": case.who,
        "outcome": case.outcome,
        "case": case.id,
        "consent": consent,
    }


def _row(prompt: Sequence[Json], text: str, meta: Json, *, held: bool) -> Json:
    row: dict[str, Any] = {"prompt": list(prompt), "completion": _said(text), "label": held}
    return {**row, "meta": meta}


def _said(text: str) -> list[Json]:
    return [{"role": "assistant", "content": text}]
