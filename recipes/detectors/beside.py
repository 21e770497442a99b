"""Names and identifiers together, whatever their kind, beside Presidio on the same English records.

    python -m recipes.detectors.beside DATA FOLDER      # Remit, with the weights in FOLDER
    python -m recipes.detectors.beside DATA presidio    # where presidio-analyzer is installed

Presidio runs on an empty spaCy model, for its trained ones must be downloaded: its patterns and
checksums speak, and its names (spaCy's) do not. The records are pii-anon's, a generator that taught
nothing, and every annotation counts, also those that no rule here looks for (dates, illnesses).
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipes.detectors.sources import Source

Found = list[tuple[int, int]]
Find = Callable[[str], Found]
_GROUPS = ["contact", "finance", "national", "secret", "technical"]


def remit(folder: Path) -> Find:
    """What Remit marks with all its names and identifiers."""
    from remit.detectors.base import Setting, Use
    from remit.detectors.learned import kinds
    from remit.detectors.registry import registry
    from remit.detectors.text import Text
    from remit.types import Detection, Interaction, Message

    known = {kind.name: kind for kind in kinds(folder)}
    known["identifier"] = registry(plugins=False).kinds["identifier"]
    asked: list[tuple[str, object]] = [
        (name, "any") for name in ("person-name", "address", "organisation")
    ]
    said = Interaction((Message("user", ""),))
    readers = [
        known[name].compile([Use("rule", known[name].parse(config))], Setting()).bind(said)
        for name, config in (*asked, ("identifier", _GROUPS))
    ]

    def find(text: str) -> Found:
        outcomes = [reader.read(Text(text)).outcomes[0] for reader in readers]
        failed = [outcome for outcome in outcomes if not isinstance(outcome, Detection)]
        if failed:
            raise RuntimeError(f"a detector failed: {failed[0]}")
        return [(s.start, s.end) for o in outcomes if isinstance(o, Detection) for s in o.spans]

    return find


def presidio() -> Find:
    """What Presidio's analyser marks with all its recognisers, on an empty English model."""
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    analyser = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    return lambda text: [(r.start, r.end) for r in analyser.analyze(text, language="en")]


def compared(source: Source, find: Find) -> dict[str, Any]:
    """Recall, precision and F2 over spans at least half covered; milliseconds a text."""
    tally: Counter[str] = Counter()
    begun = time.perf_counter()
    records = _records(source)
    for record in records:
        got = sorted(set(find(record["text"])))
        true = [(mark["start"], mark["end"], mark["entity_type"]) for mark in record["annotations"]]
        marked = {i for start, end in got for i in range(start, end)}
        wanted = {i for start, end, _ in true for i in range(start, end)}
        for start, end, kind in true:
            hit = 2 * len(marked.intersection(range(start, end))) >= end - start
            tally.update({"hit": hit, "missed": not hit, f"of {kind}": 1, f"hit {kind}": hit})
        tally["wrong"] += sum(2 * len(wanted.intersection(range(s, e))) < e - s for s, e in got)
    recall = tally["hit"] / (tally["hit"] + tally["missed"])
    precision = tally["hit"] / max(tally["hit"] + tally["wrong"], 1)
    kinds = sorted((n[3:] for n in tally if n.startswith("of ")), key=lambda k: -tally[f"of {k}"])
    return {
        "texts": len(records),
        "spans": tally["hit"] + tally["missed"],
        "recall": round(recall, 3),
        "precision": round(precision, 3),
        "f2": round(5 * precision * recall / max(4 * precision + recall, 1e-9), 3),
        "ms_a_text": round(1000 * (time.perf_counter() - begun) / len(records), 1),
        "by_kind": {kind: f"{tally[f'hit {kind}']}/{tally[f'of {kind}']}" for kind in kinds[:20]},
    }


def _records(source: Source) -> list[dict[str, Any]]:
    from recipes.detectors.data import key

    parts = ("legal", "clinical", "technology")
    lines = [line for part in parts for line in source.lines(f"pii-anon/test_{part}.jsonl.gz")]
    return [r for r in lines if r["language"] == "en" and key(r["record_id"]) % 36 == 0]


if __name__ == "__main__":
    _, data, other = sys.argv
    finder = presidio() if other == "presidio" else remit(Path(other))
    print(json.dumps(compared(Source(Path(data), Path()), finder), indent=1))
