"""What datatrove says of documents: run by its own interpreter, answers as JSON Lines.

    python bench/quality_datatrove.py DOCUMENTS SPLIT ANSWERS

DOCUMENTS has one JSON string a line. SPLIT is `spacy` (datatrove's own splitter for English),
`whitespace` or `unicode` (remit's words and sentences, handed to datatrove's filters, so that the
definitions are equal). ANSWERS gets one object a line: filter -> reason in remit's words, or null
where the document is kept; and under `text` what `c4` and `fineweb-pii` leave of a kept document.
With `spacy` and `--words`, `words` and `sentences` are what
its splitter found. The last line is the seconds of CPU that
each filter took for all documents.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.c4_filters import CITATION_REGEX
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.utils.text import split_into_parts, split_into_sentences, split_into_words
from datatrove.utils.word_tokenizers import WordTokenizer


class Given(WordTokenizer):
    """Remit's words and sentences in datatrove's shape."""

    def __init__(self, split: str) -> None:
        super().__init__("en")
        self.split = split

    def word_tokenize(self, text: str) -> list[str]:
        if self.split == "whitespace":
            return text.split()
        from remit.layers.data.quality.batch import Batch

        return Batch([text]).words.strings(0)

    def sent_tokenize(self, text: str) -> list[str]:
        from remit.layers.data.quality.c4 import sentences

        return list(sentences(text))

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        spans = []
        at = 0
        for sentence in self.sent_tokenize(text):
            spans.append((at, at + len(sentence)))
            at += len(sentence)
        return spans


REASONS = {
    "gopher_short_doc": "words",
    "gopher_long_doc": "words",
    "gopher_below_avg_threshold": "mean word length",
    "gopher_above_avg_threshold": "mean word length",
    "gopher_too_many_hashes": "# per word",
    "gopher_too_many_ellipsis": "ellipses per word",
    "gopher_too_many_bullets": "share of bullet lines",
    "gopher_too_many_end_ellipsis": "share of lines ending in …",
    "gopher_below_alpha_threshold": "share of words with a letter",
    "gopher_enough_stop_words": "different stop words",
    "dup_para_frac": "share of duplicate paragraphs",
    "dup_para_char_frac": "characters in duplicate paragraphs",
    "dup_line_frac": "share of duplicate lines",
    "dup_line_char_frac": "characters in duplicate lines",
    **{f"top_{n}_gram": f"characters in the most frequent {n}-gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"characters in duplicate {n}-grams" for n in range(5, 11)},
    "lorem_ipsum": "lorem ipsum",
    "curly_bracket": "curly bracket",
    "too_few_sentences": "sentences",
    "line_punct_ratio": "share of lines with end punctuation",
    "short_line_ratio": "share of short lines",
    "char_dup_ratio": "characters in duplicate lines",
    "list_ratio": "line breaks per word",
    "empty": "empty",
}
"""Remit's words for each of datatrove's reasons."""


def filters(split: str) -> dict[str, Any]:
    language = "en" if split == "spacy" else Given(split)
    cut = {"email_replacement": "", "ip_replacement": ""}
    return {
        "gopher-quality": GopherQualityFilter(language=language),
        "gopher-repetition": GopherRepetitionFilter(language=language),
        "c4": C4QualityFilter(language=language),
        "fineweb": FineWebQualityFilter(language=language),
        "fineweb-pii": PIIFormatter(**cut),
    }


def answer(step: Any, text: str) -> tuple[str | None, str]:
    document = Document(text=text, id="0")
    if isinstance(step, PIIFormatter):
        return None, step.format(text)
    try:
        kept = step.filter(document)
    except (ZeroDivisionError, UnicodeEncodeError) as error:  # on some hostile texts
        return type(error).__name__, text
    return (None if kept is True else REASONS[kept[1]]), document.text


def found(text: str) -> dict[str, Any]:
    """What spaCy takes for words, and for the sentences of each line."""
    lines = {line.strip() for line in text.splitlines()}
    stripped = {CITATION_REGEX.sub("", line) for line in lines}
    sentences = {line: len(split_into_sentences(line, "en")) for line in lines | stripped if line}
    return {"words": split_into_words(text, "en"), "sentences": sentences}


def main(documents: Path, split: str, answers: Path, *, verbose: bool) -> None:
    texts = [json.loads(line) for line in documents.read_text().splitlines()]
    steps = filters(split)
    seconds = dict.fromkeys(steps, 0.0)
    steps["gopher-quality"].filter(Document(text="warm up", id="0"))
    rows: list[dict[str, Any]] = []
    for text in texts:
        split_into_parts.cache_clear()  # words once a document, as in a pipeline
        row: dict[str, Any] = {"text": {}}
        for name, step in steps.items():
            start = time.process_time()
            row[name], rest = answer(step, text)
            seconds[name] += time.process_time() - start
            if name in ("c4", "fineweb-pii") and row[name] is None:
                row["text"][name] = rest
        if (
            verbose
            and split == "spacy"
            and len(text) < 20_000
            and "UnicodeEncodeError" not in row.values()
        ):
            row |= found(text)
        rows.append(row)
    with answers.open("w") as out:
        for line in (*rows, seconds):
            out.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), verbose=sys.argv[4:] == ["--words"])
