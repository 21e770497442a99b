"""Documents, mails and tables with and without an order to the assistant in them.

Both are excerpts short enough for one window of training: in a random cut of a long document the
order would often be missing, and the label wrong. Half of the innocent ones hold a request of one
person to another, so that a request by itself is no attack.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from recipes.detectors.data import ATTACK, ATTACK_INPUT, HARM, Row, key, off, on, sample
from recipes.detectors.sources import Source

_TEST_KINDS = (
    "Social Interaction",
    "Persuasion",
    "Clickbait",
    "Malware Distribution",
    "Instruction",
)
_LONGEST = 280


def documents(source: Source) -> Iterator[Row]:
    """Teaching excerpts; test mails with other kinds of attack; calm paragraphs."""
    yield from _taught(source)
    yield from _examined(source)
    plain = source.paragraphs()
    labels = off("attack.indirect", *ATTACK_INPUT)
    for text in plain[len(plain) // 2 :]:
        split = "ordinary" if key(text) % 2 else "quiet"
        yield Row(text, "wikitext", split, labels, side="document")
    later = [
        Row(text, "medquad", "ordinary", labels, side="document") for text in _prose(source)[-6000:]
    ]
    yield from sample(later, 1000)


def _kinds(source: Source) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = source.json("bipia/text_attack_train.json")
    return texts | source.json("bipia/code_attack_train.json")


def _mails(source: Source) -> list[str]:
    return [line["context"] for line in source.lines("bipia/email_train.jsonl")]


def _prose(source: Source) -> list[str]:
    lines = source.lines("medquad/medquad.jsonl.gz")
    return [line["answer"][:600] for line in lines if line["answer"]]


def _orders(source: Source) -> tuple[list[str], ...]:
    """Three sorts: published attacks, written ones, and tasks that are out of place in a mail."""
    published = [t for kind, texts in _kinds(source).items() for t in texts]
    examined = {t for kind in _TEST_KINDS for t in _kinds(source)[kind]}
    written = [
        line["text"]
        for hand in ("x", "y")
        for line in source.written(f"attack.hand-{hand}")
        if line["label"] == "injection" and len(line["text"]) < 220
    ]
    tasks = [
        line["instruction"]
        for line in source.lines("self-instruct-seeds/seed_tasks.jsonl")
        if len(line["instruction"]) < 220
    ]
    tasks += [
        line["prompt"]
        for line in source.lines("ifeval/en_input_data.jsonl.gz")
        if len(line["prompt"]) < 200
    ]
    return [text for text in published if text not in examined], written, tasks


def _contexts(source: Source, rng: random.Random, requests: list[str]) -> list[str]:
    tables = [line["context"] for line in source.lines("bipia/table_train.jsonl.gz")]
    plain = source.paragraphs()
    mails = _mails(source)
    found = [
        *mails[:11] * 24,
        *rng.sample(tables, 160),
        *plain[: len(plain) // 2][:300],
        *rng.sample(_prose(source), 300),
    ]
    found += [_mail(rng, requests) for _ in range(300)]
    found += [f"<p>{text}</p>" for text in plain[: len(plain) // 2][300:360]]
    rng.shuffle(found)
    return [excerpt(text, rng) for text in found]


def _taught(source: Source) -> Iterator[Row]:
    rng = random.Random(11)
    requests = [text for _, text in source.taskmaster() if 20 < len(text) < 160]
    sorts = _orders(source)
    for text in _contexts(source, rng, requests):
        order = rng.choice(rng.choice(sorts))
        yield Row(insert(text, order, rng), "bipia", "train", on("attack.indirect"))
        calm = insert(text, rng.choice(requests), rng) if rng.random() < 0.5 else text
        yield Row(calm, "bipia", "train", off(*ATTACK, *HARM))


def _examined(source: Source) -> Iterator[Row]:
    rng = random.Random(17)
    kinds = _kinds(source)
    for text in _mails(source)[11:]:
        yield Row(text, "bipia-mail", "test", off(*ATTACK))
        for kind in _TEST_KINDS:
            for order in kinds[kind]:
                whole = insert(text, order, rng)
                yield Row(whole, "bipia-mail", "test", on("attack.indirect"), side=kind)


def _mail(rng: random.Random, sentences: list[str]) -> str:
    opening = rng.choice(("Hi,", "Hello,", "Dear team,", "Good morning,", "Subject: your order\n"))
    closing = rng.choice(("Regards", "Thanks!", "Kind regards,\nthe team", "Best"))
    body = " ".join(rng.sample(sentences, rng.randrange(1, 4)))
    return f"{opening}\n{body}\n{closing}"


def excerpt(text: str, rng: random.Random) -> str:
    """At most `_LONGEST` characters, from the start or from a sentence's beginning."""
    if len(text) <= _LONGEST:
        return text
    starts = [0, *(m.end() for m in re.finditer(r"[.!?\n|]\s+", text[: -_LONGEST // 2]))]
    start = rng.choice((0, rng.choice(starts)))
    return text[start : start + rng.randrange(80, _LONGEST)]


def insert(text: str, attack: str, rng: random.Random) -> str:
    """The text with the attack at its start, end, or between two of its sentences."""
    place = rng.choice(("start", "middle", "end"))
    if place == "start":
        return f"{attack} {text}"
    if place == "end":
        return f"{text} {attack}"
    cuts = [match.end() for match in re.finditer(r"[.!?\n|]\s+", text)] or [len(text)]
    cut = rng.choice(cuts)
    return f"{text[:cut]}{attack} {text[cut:]}"
