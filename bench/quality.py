"""Quality heuristics: how fast, and whether they say what datatrove says, document by document.

    python bench/quality.py [--datatrove VENV] [--documents N] [--data DIR]
    python bench/quality.py --datatrove VENV --differences FILE
    python bench/quality.py --datatrove VENV --record FILE

Without --datatrove only remit is timed. With it, both judge the same documents of the public data
in one run, three times over: with datatrove's own splitter (spaCy's), and with equal definitions,
where datatrove's filters are handed remit's words. Differences are counted by pair of reasons.
--differences writes each answer that differs where datatrove has its own splitter, with the words
that only one of them sees. --record writes datatrove's answers on invented and hostile texts for
the tests (gzip, JSON Lines).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from quality_corpus import HOSTILE, sample, written
from remit.layers.data import quality
from remit.layers.data.quality.batch import Batch
from remit.layers.data.rows import Row, Segment

ROOT = Path(__file__).parent.parent
NAMES = ("gopher-quality", "gopher-repetition", "c4", "fineweb", "fineweb-pii")
SPLITS = ("spacy", "whitespace", "unicode")
REPEATS = 5


def rows_of(texts: list[str]) -> list[Row]:
    return [
        Row("bench", i, b"", {}, (Segment("document", ("text",), text),))
        for i, text in enumerate(texts)
    ]


def best(step: Any, rows: list[Row]) -> float:
    """Seconds of CPU of the quickest of several runs: the work, not the neighbours."""
    took = []
    for _ in range(REPEATS):
        start = time.process_time()
        step.judge(rows)
        took.append(time.process_time() - start)
    return min(took)


def sorting(texts: list[str]) -> float:
    """Seconds of CPU of two plain sorts of a hash a word: what counting n-grams takes at least,
    where it is done by sorting. Sorts as many at once as a step does.
    """
    words = len(Batch(texts).words.starts) - 1
    hashes = np.random.default_rng(0).integers(0, 1 << 63, words, np.uint64)
    took = []
    for _ in range(REPEATS):
        start = time.process_time()
        for at in range(0, 2 * words, 1 << 15):
            np.sort(hashes[at % words : at % words + (1 << 15)])
        took.append(time.process_time() - start)
    return min(took)


def ours(rows: list[Row], split: str) -> list[dict[str, str]]:
    """What each heuristic drops each document for, without the figures."""
    step = quality.together("bench", NAMES, split=split)
    return [
        {mark.step: bare(mark.reason) for mark in marks if mark.way.name == "DROP"}
        for marks in step.judge(rows)
    ]


def bare(reason: str) -> str:
    return reason.partition(",")[0].rpartition(" ")[0] if "," in reason else reason


def theirs(
    venv: Path, texts: list[str], split: str, *flags: str
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """datatrove's answers, and the seconds of each filter."""
    with tempfile.TemporaryDirectory() as folder:
        documents, answers = Path(folder, "documents"), Path(folder, "answers")
        documents.write_text("".join(json.dumps(text) + "\n" for text in texts))
        worker = Path(__file__).parent / "quality_datatrove.py"
        command = [venv / "bin/python", worker, documents, split, answers, *flags]
        subprocess.run(list(map(str, command)), check=True)
        *rows, seconds = map(json.loads, answers.read_text().splitlines())
    return rows, seconds


def record(venv: Path, path: Path) -> None:
    texts = [*HOSTILE, *written(260)]
    answers = [theirs(venv, texts, split, "--words")[0] for split in SPLITS]
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        for text, *of_splits in zip(texts, *answers, strict=True):
            line = {"document": text, **dict(zip(SPLITS, of_splits, strict=True))}
            file.write(json.dumps(line).encode() + b"\n")


def explain(venv: Path, texts: list[str], path: Path) -> None:
    """One line a differing answer: document, filter, both reasons, and how the words differ."""
    answers = theirs(venv, texts, "spacy", "--words")[0]
    words = Batch(texts).words
    with path.open("w") as file:
        for i, (mine, answer) in enumerate(
            zip(ours(rows_of(texts), "unicode"), answers, strict=True)
        ):
            for name in NAMES:
                if mine.get(name) == answer[name]:
                    continue
                spacy, remit = Counter(answer.get("words", ())), Counter(words.strings(i))
                line = {"document": i, "filter": name}
                line |= {"datatrove": answer[name], "remit": mine.get(name)}
                line |= {"only datatrove": spacy - remit, "only remit": remit - spacy}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def differences(rows: list[Row], answers: list[dict[str, Any]], split: str) -> Counter[str]:
    """How often which filter gave another reason than datatrove's."""
    counts: Counter[str] = Counter()
    for mine, answer in zip(ours(rows, split), answers, strict=True):
        for name in NAMES:
            if mine.get(name) != answer[name]:
                counts[f"{name}: datatrove {answer[name]}, remit {mine.get(name)}"] += 1
    return counts


def show(title: str, seconds: dict[str, float], megabytes: float) -> None:
    total = megabytes / sum(seconds.values())
    each = "  ".join(f"{name} {megabytes / took:.2f}" for name, took in seconds.items())
    print(f"{title:<34} {total:8.2f} MB/s   ({each})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datatrove", type=Path, default=os.environ.get("REMIT_BENCH_DATATROVE"))
    parser.add_argument("--documents", type=int, default=3_000)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--differences", type=Path)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    if given.record:
        return record(Path(given.datatrove), given.record)
    texts = sample(given.data, given.documents)
    if given.differences:
        return explain(Path(given.datatrove), texts, given.differences)
    rows = rows_of(texts)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    load = os.getloadavg()[0]
    print(
        f"{len(texts)} documents, {megabytes:.1f} MB, one core, load {load:.1f}; best of {REPEATS}"
    )
    bound = megabytes / sorting(texts)
    print(f"{'two sorts of a hash a word':<34} {bound:8.2f} MB/s")
    rates: dict[str, float] = {}
    for split in ("unicode", "whitespace"):
        each = {name: best(quality.step(name, "bench", split=split), rows) for name in NAMES}
        together = best(quality.together("bench", NAMES, split=split), rows)
        rates[split] = megabytes / together
        show(f"remit, each alone, {split}", each, megabytes)
        print(f"{'remit, together, ' + split:<34} {rates[split]:8.2f} MB/s")
    for split in SPLITS if given.datatrove else ():
        answers, seconds = theirs(Path(given.datatrove), texts, split)
        show(f"datatrove, {split}", seconds, megabytes)
        words = "unicode" if split == "spacy" else split
        ratio = rates[words] * sum(seconds.values()) / megabytes
        counts = differences(rows, answers, words)
        judged = len(texts) * len(NAMES)
        print(f"  remit ({words}) is {ratio:.0f} times as fast; answers that differ: ", end="")
        print(f"{counts.total()} of {judged}")
        for pair, count in counts.most_common(12):
            print(f"    {count:5}  {pair}")
    return None


if __name__ == "__main__":
    main()
