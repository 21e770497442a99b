"""Presidio's pattern recognisers on the bench's texts; runs in Presidio's own environment.

Reads one JSON object from standard input and writes one to standard output:
`{texts, lines, kinds, regions, repeats}` gives `{version, blank: [us], none: [us], found: {...}}`.
Only the recognisers asked for are loaded, which is the fastest that Presidio can be set up. `blank`
has spaCy's blank tokeniser, so that context words count; `none` has no language engine at all.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngine, NoOpNlpEngine, SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    NhsRecognizer,
    PhoneRecognizer,
    UkNinoRecognizer,
    UsSsnRecognizer,
)

THRESHOLDS = (0.0, 0.4)
"""Presidio's own default, and the highest at which a telephone number alone still counts."""


def analyzer(engine: NlpEngine, regions: list[str]) -> AnalyzerEngine:
    """An analyser with the eight recognisers and nothing else."""
    recognizers = [
        EmailRecognizer(),
        PhoneRecognizer(supported_regions=regions),
        IbanRecognizer(),
        CreditCardRecognizer(),
        UsSsnRecognizer(),
        IpRecognizer(),
        NhsRecognizer(),
        UkNinoRecognizer(),
    ]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def blank() -> NlpEngine:
    """spaCy with a tokeniser only, so that nothing needs to be downloaded."""
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    return engine


def timed(engine: AnalyzerEngine, texts: list[str], kinds: list[str], repeats: int) -> list[float]:
    """Microseconds a text, once for each repeat."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for text in texts:
            engine.analyze(text=text, language="en", entities=kinds)
        taken.append(1e6 * (time.perf_counter() - start) / len(texts))
    return taken[1:]


def main() -> None:
    """Answers the one request."""
    logging.disable(logging.WARNING)
    asked = json.load(sys.stdin)
    kinds, regions = asked["kinds"], asked["regions"]
    bare = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
    tokenised, untokenised = analyzer(blank(), regions), analyzer(bare, regions)
    found = {
        str(threshold): [
            sorted(
                {
                    result.entity_type
                    for result in tokenised.analyze(
                        text=line, language="en", entities=kinds, score_threshold=threshold
                    )
                }
            )
            for line in asked["lines"]
        ]
        for threshold in THRESHOLDS
    }
    answer = {
        "version": importlib.metadata.version("presidio-analyzer"),
        "blank": timed(tokenised, asked["texts"], kinds, asked["repeats"]),
        "none": timed(untokenised, asked["texts"], kinds, asked["repeats"]),
        "found": found,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
