"""Trains the linear model and writes it as JSON; says how it does on rows that never taught."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from recipes.grading.rows import Row
from remit.verify.grading.refusal.features import NAMES, features
from remit.verify.grading.refusal.reader import CLASSES, grams
from remit.verify.grading.refusal.sentences import folded, sentences

WEIGHTS = {
    "rbr-gold": 4.0,
    "gptfuzzer": 1.0,
    "written": 2.0,
    "written, other": 0.5,
    "replies": 3.0,
    "helpful": 0.7,
    "composed": 0.5,
}
_NUMBERS, _WORDS, _INVERSE_PENALTY = 0.5, 6.0, 0.3
_SEEN, _MOST_WORDS = 3, 12_000
_PROMPT_HIDDEN = 0.25


def read(rows: Sequence[Row], *, hide: bool) -> tuple[Any, list[set[str]]]:
    """Numbers `[rows, features]` and the words of each row; some prompts hidden while teaching."""
    draw = Random(1)
    numbers, words = [], []
    for row in rows:
        text = folded(row.reply)
        said = sentences(text)
        prompt = "" if hide and draw.random() < _PROMPT_HIDDEN else row.prompt
        numbers.append(features(text, said, prompt))
        words.append(set(grams(said)))
    return np.array(numbers), words


def fit(rows: Sequence[Row]) -> dict[str, Any]:
    """The model's weights as they are shipped."""
    numbers, words = read(rows, hide=True)
    seen = Counter(word for some in words for word in some)
    ranked = sorted((w for w, n in seen.items() if n >= _SEEN), key=lambda w: (-seen[w], w))
    vocabulary = {word: column for column, word in enumerate(ranked[:_MOST_WORDS])}
    mean, spread = numbers.mean(0), numbers.std(0) + 1e-6
    table = hstack([(numbers - mean) / spread * _NUMBERS, _sparse(words, vocabulary) * _WORDS])
    labels = [CLASSES.index(row.label) for row in rows]
    weight = [WEIGHTS[row.source] for row in rows]
    found = LogisticRegression(C=_INVERSE_PENALTY, max_iter=800)
    found.fit(table.tocsr(), labels, sample_weight=weight)
    slope = found.coef_[:, : len(NAMES)] * _NUMBERS / spread
    bias = found.intercept_ - slope @ mean
    said = found.coef_[:, len(NAMES) :] * _WORDS
    return {
        "version": "",
        "bias": _rounded(bias),
        "numbers": {name: _rounded(slope[:, i]) for i, name in enumerate(NAMES)},
        "words": {word: _rounded(said[:, i]) for word, i in vocabulary.items()},
    }


def _sparse(words: Sequence[set[str]], vocabulary: dict[str, int]) -> Any:
    places, columns, values = [], [], []
    for place, some in enumerate(words):
        known = [vocabulary[word] for word in some if word in vocabulary]
        places += [place] * len(known)
        columns += known
        values += [1 / sqrt(len(known) or 1)] * len(known)
    return csr_matrix((values, (places, columns)), shape=(len(words), len(vocabulary)))


def _rounded(weights: Any) -> list[float]:
    return [round(float(weight), 3) for weight in weights]


def write(weights: dict[str, Any], path: Path, version: str) -> None:
    """Writes the weights, a word a line, so that a change can be read."""
    path.write_text(
        json.dumps({**weights, "version": version}, ensure_ascii=False, indent=0) + "\n", "utf-8"
    )
