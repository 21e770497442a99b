"""Documents for the quality figures and tests: of the public data, invented, and hostile."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

HOSTILE = (
    "", " ", "\n", "\n\n\n", "\t \x0b\x0c", "a", "word", "one line without an end",
    "." * 500, "... " * 100, "#" * 300, "… … …" * 50, "!?" * 400, "- - -\n" * 80,
    "• point\n" * 100, "- a bullet line of text\n" * 60, "the and of to be " * 60,
    "吾輩は猫である。名前はまだ無い。" * 40, "你好，世界！今天天气很好。\n" * 50,
    "สวัสดีชาวโลก " * 90,
    "مرحبا بالعالم، كيف حالك؟ " * 70, "नमस्ते दुनिया। आप कैसे हैं? " * 70, "x" * 200_000,
    "lorem ipsum dolor sit amet. " * 30, "function() { return 1; } " * 60,
    "Please enable javascript. This is fine, really it is.\n" * 9,
    "We use cookies here. See our privacy policy. A third sentence follows.\n" * 9,
    "A fact [1] is stated here [citation needed]. Another one follows [2].\n" * 3,
    "the # of and # a harbour " * 40, "we have it to be " * 20_400,
    "one two three.\r\nfour five six!\r\n" * 12, "one two three.\x85four five six?\u2028" * 9,
    "a b c d e f g h i j " * 100, "ab c d e f g\na bc d e f g\n" * 30, "\ud800 lone " * 60,
    "it's John's; don't they've U.S. e-mail 3.5 1,000 10:30 and/or A&B x@y.org -- ... " * 12,
    "mail a.b@c.de, a..b@c.de; .x@y.zz @x.com a@b a!b@c.d 8.8.8.8 10.0.0.1 1.2.3.4.5 256.1.1.1 "
    "08.8.8.8 a@[1.2.3.4] <q@r.st> x@y-.com ü@ä.de müller@post.de a@b.c@d.e " * 5,
)  # fmt: skip


def written(count: int, seed: int = 7) -> Iterator[str]:
    """Texts made of invented sentences, with every fault that the filters look for."""
    for number in range(count):
        yield _written(random.Random(seed * 100_003 + number))


_COMMON = (  # noqa: SIM905
    "the be to of and that have with a in it is was for on as are this not but at by from they we "
    "which or an had you all can her their there one if more when out so up its about into than"
).split()
_RARE = (  # noqa: SIM905
    "ledger harbour invoice window river carpenter market summer committee bridge letter engine "
    "orchard signal blanket copper station lantern village quarter theatre winter purpose island "
    "mirror planet kitchen teacher morning balance forest corner machine gallery answer shelter "
    "don't it's client's re-open 3.5 1,000 10:30 A&B U.S. e-mail café naïve straße Größe été año "
    'ox at-once www.example.org q@example.org x/y 42 2024 - -- ... … # " ( ) ; 中文 日本'
).split()
_PHRASES = (
    "lorem ipsum", "JavaScript", "our privacy policy", "uses cookies", "{", "[12]", "[edit]",
    "[citation needed]", "w" * 1001, "mail me at jo.smith@example.com", "from 8.8.4.4 and 10.0.0.7",
)  # fmt: skip


def _written(random: random.Random) -> str:
    copying, run = random.choice((0.0, 0.0, 0.02, 0.05, 0.1)), random.randint(2, 14)
    common, ended = random.uniform(0.0, 0.7), random.random()
    per_line = random.choice((3, 5, 8, 12, 30))
    bullets, dots, again = (random.choice((0, 0, 0, 0.3, 0.95)) for _ in range(3))
    phrase = random.choice((0, 0, 0, 0.02, 0.1))
    words: list[str] = []
    lines: list[str] = []
    for _ in range(random.choice((2, 6, 15, 30))):
        begun = len(words)
        while len(words) - begun < per_line:
            if words and random.random() < copying:
                at = random.randrange(len(words))
                words += words[at : at + run]
            else:
                words.append(random.choice(_COMMON if random.random() < common else _RARE))
        line = " ".join(words[begun:])
        if random.random() < phrase:
            line += " " + random.choice(_PHRASES)
        line = random.choice(("• ", "- ", "  -")) * (random.random() < bullets) + line
        line += "..." if random.random() < dots else "." if random.random() < ended else ""
        lines.append(random.choice(lines) if lines and random.random() < again * 0.5 else line)
    breaks = random.choice(("\n", "\n", "\n\n", "\r\n", " \n\n\n", "\u2028"))
    return random.choice(("", "", "\n", "  ")) + breaks.join(lines) + random.choice(("", "\n\n"))


def documents(data: Path) -> Iterator[tuple[str, str]]:
    """(source, text) of documents, in a fixed order."""
    for path in sorted((data / "plain-text").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            while part := "".join(islice(file, 60)):
                yield path.name, part
    for row in _rows(data / "medquad/medquad.jsonl.gz"):
        if row["answer"]:
            yield "medquad", f"{row['question']}\n\n{row['answer']}"
    for path in sorted((data / "meddocan-es").glob("*.gz")):
        yield from (("meddocan-es", row["text"]) for row in _rows(path))
    for path in sorted((data / "sgd").glob("train_dialogues_*.json.gz")):
        for row in json.loads(gzip.decompress(path.read_bytes())):
            yield "sgd", "\n".join(turn["utterance"] for turn in row["turns"])
    for path in sorted((data / "pii-anon").glob("*.gz")):
        yield from (("pii-anon", row["text"]) for row in _rows(path))
    rows = sorted(_rows(data / "xsafety/xsafety.jsonl.gz"), key=lambda row: str(row["lang"]))
    for _, group in groupby(rows, key=lambda row: row["lang"]):
        while some := list(islice(group, 12)):
            yield "xsafety", "\n".join(row["prompt"] for row in some)
    for row in _rows(data / "oasst-100/en_100_tree.jsonl.gz"):
        yield "oasst", "\n\n".join(_texts(row["prompt"]))
    clinc = json.loads(gzip.decompress((data / "clinc150/data_full.json.gz").read_bytes()))
    for at in range(0, len(clinc["train"]), 30):
        yield "clinc150", "\n".join(text for text, _ in clinc["train"][at : at + 30])


def sample(data: Path, size: int) -> list[str]:
    """So many documents of the public data, shuffled by a fixed seed."""
    texts = [text for _, text in documents(data)]
    random.Random(20).shuffle(texts)
    return texts[:size]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _texts(message: dict[str, Any]) -> Iterator[str]:
    yield message["text"]
    for reply in message.get("replies", ()):
        yield from _texts(reply)
