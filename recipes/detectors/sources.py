"""Readers of the public sources: texts as they were published, no labels of ours yet.

The folder is `../shared/data` beside the repository, or what REMIT_DATA names (the command line
passes it in).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WIKITEXT = "plain-text/wikitext2_valid.txt.gz"


@dataclass(frozen=True, slots=True)
class Source:
    """The folder that holds the public sources, and the folder of the hand-written lines."""

    public: Path
    hand: Path

    def text(self, path: str) -> str:
        """A file's text, decompressed. Raises FileNotFoundError, naming the source."""
        file = self.public / path
        raw = file.read_bytes()
        return (gzip.decompress(raw) if path.endswith(".gz") else raw).decode("utf-8")

    def json(self, path: str) -> Any:
        """A JSON file."""
        return json.loads(self.text(path))

    def lines(self, path: str) -> list[Any]:
        """A JSON Lines file."""
        return [json.loads(line) for line in self.text(path).split("\n") if line.strip()]

    def table(self, path: str) -> list[dict[str, str]]:
        """A CSV file with a heading."""
        csv.field_size_limit(10**9)
        return list(csv.DictReader(io.StringIO(self.text(path))))

    def written(self, name: str) -> list[dict[str, str]]:
        """Hand-written lines, e.g. `legal.hand-a`; none where nobody wrote them."""
        file = self.hand / f"{name}.jsonl"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]

    def sgd(self) -> Iterator[tuple[int, str, str]]:
        """Number of the file, speaker (USER or SYSTEM) and utterance of every turn."""
        for file in sorted((self.public / "sgd").glob("train_dialogues_*.json.gz")):
            number = int(file.name.split("_")[2][:3])
            for dialogue in self.json(f"sgd/{file.name}"):
                for turn in dialogue["turns"]:
                    yield number, turn["speaker"], turn["utterance"]

    def taskmaster(self) -> Iterator[tuple[str, str]]:
        """Speaker and text of every utterance."""
        for part in range(4):
            for talk in self.json(f"taskmaster4/data_0{part}.json.gz"):
                for turn in talk["utterances"]:
                    yield turn["speaker"], turn["text"]

    def clinc(self, *parts: str) -> list[str]:
        """Requests of the named parts (train, val, test, oos_train, oos_val, oos_test)."""
        whole = self.json("clinc150/data_full.json.gz")
        return [text for part in parts for text, _ in whole[part]]

    def oasst(self) -> Iterator[tuple[str, str]]:
        """Role (prompter or assistant) and text of every message."""
        for tree in self.lines("oasst-100/en_100_tree.jsonl.gz"):
            waiting = [tree["prompt"]]
            while waiting:
                message = waiting.pop()
                yield message["role"], message["text"]
                waiting += message.get("replies", [])

    def paragraphs(self) -> list[str]:
        """Encyclopaedia paragraphs of 60 to 700 characters, without the marks of its tokeniser.

        Those marks are in no document of a business, and look odd enough to set a threshold.
        """
        lines = (_as_printed(line) for line in self.text(_WIKITEXT).split("\n"))
        return [line for line in lines if 60 <= len(line) <= 700]


def _as_printed(line: str) -> str:
    """A line of WikiText as it was before it was cut into tokens."""
    line = re.sub(r" @([-,.])@ ", r"\1", line.replace("<unk>", "Ansel"))
    line = re.sub(r" ([.,;:!?%)\]]|'s\b|n't\b)", r"\1", line)
    return re.sub(r"([(\[]) ", r"\1", re.sub(r'" ([^"]*) "', r'"\1"', line)).strip()
