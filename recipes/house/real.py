"""Requests that real people wrote: clinc150 (CC BY 3.0) and sgd (CC BY-SA 4.0).

clinc150's out-of-scope requests are the held-out source: no stage of training sees one.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.house.grammar import Grammar, Split

_LONGEST = 140  # characters of a request; longer ones are left out
_SGD_FILES = 6


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the group of `real.yaml` that says what may be replied."""

    text: str
    group: str


def requests(data: Path, grammar: Grammar) -> Mapping[Split, Sequence[Request]]:
    """Real requests by split. Raises OSError where a source is not there."""
    clinc = _packed(data / "clinc150" / "data_full.json.gz")
    by_intent = {i: group for group, of in grammar.sources.items() for i in of["clinc"]}
    by_service = {s: group for group, of in grammar.sources.items() for s in of["sgd"]}

    def known(rows: list[list[str]]) -> list[Request]:
        return [Request(t, by_intent[i]) for t, i in rows if i in by_intent and len(t) <= _LONGEST]

    outside = [Request(t, "elsewhere") for t, _ in clinc["oos_test"] if len(t) <= _LONGEST]
    return {
        "train": known(clinc["train"]) + _sgd(data / "sgd", by_service),
        "template": known(clinc["test"]),
        "source": outside,
    }


def _sgd(folder: Path, by_service: Mapping[str, str]) -> list[Request]:
    found = []
    for path in sorted(folder.glob("train_dialogues_*.json.gz"))[:_SGD_FILES]:
        for dialogue in _packed(path):
            group = by_service.get(dialogue["services"][0])
            first = dialogue["turns"][0]["utterance"]
            if group and len(first) <= _LONGEST:
                found.append(Request(first, group))
    return found


def _packed(path: Path) -> Any:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return json.load(file)
