"""The same decision, for the same reason, as datatrove 0.10.1 on the same document.

Its answers on invented and hostile texts are recorded in `recorded.jsonl.gz`
(`bench/quality.py --record`). With REMIT_BENCH_DATATROVE, an environment that has datatrove and
spaCy, it is asked anew about documents of the public data.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from remit.layers.data import quality
from remit.layers.data.rows import Mark, Row, Segment, Way

np = pytest.importorskip("numpy")

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[4]
DATA = Path(os.environ.get("REMIT_DATA") or ROOT.parent / "shared" / "data")
NAMES = ("gopher-quality", "gopher-repetition", "c4", "fineweb", "fineweb-pii")

with gzip.open(HERE / "recorded.jsonl.gz", "rt") as _file:
    RECORDED = [json.loads(line) for line in _file]


def judged(texts: Sequence[str], split: Any, **options: Any) -> list[dict[str, Mark]]:
    rows = [
        Row("t", i, b"", {}, (Segment("document", ("text",), text),))
        for i, text in enumerate(texts)
    ]
    step = quality.together("owner", NAMES, split=split, **options)
    return [{mark.step: mark for mark in marks} for marks in step.judge(rows)]


def dropped_for(mark: Mark | None) -> str | None:
    if mark is None or mark.way is not Way.DROP:
        return None
    what, limit, _ = mark.reason.partition(",")
    return what.rpartition(" ")[0] if limit else what


def left(text: str, mark: Mark | None) -> str:
    for span in reversed(mark.spans if mark else ()):
        text = text[: span.start] + text[span.end :]
    return text


def test_the_record_has_every_reason_that_there_is() -> None:
    reasons = {(name, answer["unicode"][name]) for answer in RECORDED for name in NAMES}
    assert {name for name, reason in reasons if reason is None} == set(NAMES)
    counts = Counter(name for name, reason in reasons if reason is not None)
    assert counts == {"gopher-quality": 8, "gopher-repetition": 14, "c4": 3, "fineweb": 5}


@pytest.mark.parametrize("split", ["whitespace", "unicode"])
def test_with_the_same_words_each_document_gets_the_same_reason(split: str) -> None:
    texts = [answer["document"] for answer in RECORDED]
    for text, answer, marks in zip(texts, RECORDED, judged(texts, split), strict=True):
        for name in NAMES:
            theirs = answer[split][name]
            if theirs not in ("ZeroDivisionError", "UnicodeEncodeError"):
                assert dropped_for(marks.get(name)) == theirs, (name, text[:300])


@pytest.mark.parametrize("split", ["whitespace", "unicode"])
def test_what_is_left_of_a_changed_document_is_the_same(split: str) -> None:
    texts = [answer["document"] for answer in RECORDED]
    changed = 0
    for text, answer, marks in zip(texts, RECORDED, judged(texts, split), strict=True):
        for name, rest in answer[split]["text"].items():
            ours = left(text, marks.get(name))
            if name == "c4":  # other line breaks than \n stay what they are
                ours = "\n".join(ours.splitlines())
            assert ours == rest, (name, text[:300])
            changed += rest != text
    assert changed > 20


def test_with_spacys_words_each_document_gets_the_reason_that_spacy_leads_to() -> None:
    answers = [answer for answer in RECORDED if "words" in answer["spacy"]]
    assert len(answers) > 150
    words: dict[str, list[str]] = {a["document"]: a["spacy"]["words"] for a in answers}
    counts: dict[str, int] = {}
    for answer in answers:
        counts |= answer["spacy"]["sentences"]
    texts = list(words)
    given: Callable[[str], list[str]] = words.__getitem__
    c4 = {"sentences": lambda line: range(counts[line])}
    for answer, marks in zip(answers, judged(texts, given, c4=c4), strict=True):
        for name in NAMES:
            ours = dropped_for(marks.get(name))
            assert ours == answer["spacy"][name], (name, answer["document"][:300])


def test_asked_anew_datatrove_says_the_same_of_public_documents(tmp_path: Path) -> None:
    venv = os.environ.get("REMIT_BENCH_DATATROVE")
    if not venv:
        pytest.skip("REMIT_BENCH_DATATROVE names no environment with datatrove and spaCy")
    if not DATA.is_dir():
        pytest.skip("the public data is not here; set REMIT_DATA to its folder")
    command = [sys.executable, "bench/quality.py", "--datatrove", venv, "--data", str(DATA)]
    run = subprocess.run(
        [*command, "--documents", "1000"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("answers that differ: 0 of 5000") == 2, run.stdout
