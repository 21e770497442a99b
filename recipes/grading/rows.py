"""Labelled replies: which rows teach and which only examine, and how labels are mapped.

rbr-gold has yes/no propositions per reply and no class of refusal: `fully_complies` is `none`,
otherwise `partially_complies` is `partial`, otherwise the reply gives nothing of what was asked
and is `full`. gptfuzzer says only whether a jailbreak succeeded: 0 is `full`; 1 is `partial` where
a sentence refuses all the same (one persona refuses, the other answers), else `none`.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from recipes.detectors.sources import Source
from remit.verify.cases import Refusal
from remit.verify.grading.refusal.sentences import folded, sentences

TAUGHT_OF_TEN = 6
MOST_FUZZED = 2_500


@dataclass(frozen=True, slots=True)
class Row:
    """One reply. `group` keeps together what shares a prompt; `test` rows never teach."""

    prompt: str
    reply: str
    label: Refusal
    source: str
    group: str
    language: str = "en"
    test: bool = False


def refuses(reply: str) -> bool:
    """True where a sentence of the reply refuses by its wording."""
    return any(sentence.acts[0] for sentence in sentences(folded(reply)))


def rbr(source: Source) -> Iterator[Row]:
    """rbr-gold, split by its first message: six tenths teach."""
    for row in source.lines("rbr-gold/train.jsonl.gz"):
        told = row["propositions"]
        label: Refusal = "full"
        if told["fully_complies"]:
            label = "none"
        elif told["partially_complies"]:
            label = "partial"
        group = hashlib.sha256(row["prompt"][0]["content"].encode()).hexdigest()
        test = int(group[:8], 16) % 10 >= TAUGHT_OF_TEN
        prompt, reply = row["prompt"][-1]["content"], row["completion"][0]["content"]
        yield Row(prompt, reply, label, "rbr-gold", group, test=test)


def fuzzed(source: Source) -> Iterator[Row]:
    """gptfuzzer: `train` teaches, with replies that begin alike once; `evaluate` examines."""
    questions = {row["index"]: row["text"] for row in source.table("gptfuzzer/question_list.csv")}
    rows = source.table("gptfuzzer/train.csv.gz")
    Random(0).shuffle(rows)
    once = {row["Response"][:160].lower(): row for row in reversed(rows)}
    for row in list(once.values())[:MOST_FUZZED]:
        yield _fuzzed(row, questions, test=False)
    for row in source.table("gptfuzzer/evaluate.csv.gz"):
        yield _fuzzed(row, questions, test=True)


def _fuzzed(row: dict[str, str], questions: dict[str, str], *, test: bool) -> Row:
    reply, label = row["Response"], "full"
    if row["label"] == "1":
        label = "partial" if refuses(reply) else "none"
    prompt = questions.get(row["question"], "")
    return Row(prompt, reply, label, "gptfuzzer", f"fuzz {row['question']}", test=test)


def written(source: Source, name: str, *, test: bool) -> Iterator[Row]:
    """Lines written for the detectors: on refusals as labelled, on doubt and promises none."""
    for number, row in enumerate(source.written(name)):
        about = row["topic"] == "refusal"
        label = row["label"] if about else "none"
        kind = "written" if about else "written, other"
        yield Row("", row["text"], label, kind, f"{name} {number}", row["lang"], test)


def ours(source: Source) -> Iterator[Row]:
    """The lines beside this recipe, a prompt with each."""
    for number, row in enumerate(source.written("replies")):
        yield Row(
            row["prompt"], row["reply"], row["label"], "replies", f"ours {number}", row["lang"]
        )


def helped(source: Source) -> list[Row]:
    """Replies that help, of people and assistants, in which no sentence refuses."""
    pairs = [*_oasst(source), *_seeds(source)]
    pairs = [pair for pair in pairs if len(pair[1]) > 30]
    pairs += Random(5).sample(list(_turns(source)), 300)
    return [
        Row(prompt, reply, "none", "helpful", f"help {zlib.crc32(reply.encode())}")
        for prompt, reply in pairs
        if not refuses(reply)
    ]


def _oasst(source: Source) -> Iterator[tuple[str, str]]:
    waiting = [row["prompt"] for row in source.lines("oasst-100/en_100_tree.jsonl.gz")]
    while waiting:
        message = waiting.pop()
        for reply in message.get("replies", []):
            waiting.append(reply)
            if reply["role"] == "assistant" and reply.get("rank") in (0, None):
                yield message["text"], reply["text"]


def _seeds(source: Source) -> Iterator[tuple[str, str]]:
    for row in source.lines("self-instruct-seeds/seed_tasks.jsonl"):
        instance = row["instances"][0]
        yield f"{row['instruction']} {instance['input']}".strip(), instance["output"]


def _turns(source: Source) -> Iterator[tuple[str, str]]:
    before = ""
    for number, speaker, text in source.sgd():
        if number in (1, 45, 90) and speaker == "SYSTEM":
            yield before, text
        before = text


_SYMPATHY = (
    "I'm sorry to hear that.",
    "Sorry about the wait.",
    "I'm sorry for the inconvenience.",
    "I understand how you feel.",
    "Dat spijt mij om te horen.",
    "Das tut mir leid zu hören.",
    "Je suis désolé de l'apprendre.",
    "Lamento mucho oír eso.",
)
_ENDINGS = (
    "Feel free to ask if you have any other questions.",
    "Let me know if you need anything else!",
    "Please consult a professional before you act on this.",
    "Remember that it's important to respect the law.",
    "However, it is essential to seek the advice of an expert in your case.",
    "Stel gerust nog een vraag.",
    "I hope this helps!",
    "Note that this can be dangerous; be careful.",
)
_LINKS = (
    "However, ",
    "That said, ",
    "\n\n",
    "\n\nIn general, ",
    "But here is what I can tell you: ",
    "\n\nHowever, if you mean something else: ",
    "\n\n[OTHER]: ",
    "Instead: ",
    "Having said that, ",
)
_SPEAKER = re.compile(r"[\[(]|\w+:")


def composed(helpful: list[Row], taught: list[Row]) -> Iterator[Row]:
    """Refusals before help (partial); sympathy before help and advice after it (none)."""
    draw = Random(5)
    short = [
        row.reply
        for row in taught
        for _ in range(1 if row.source == "gptfuzzer" else 3)
        if row.label == "full" and row.source != "rbr-gold"
        if len(row.reply) < 260 and refuses(row.reply) and not _SPEAKER.match(row.reply)
    ]
    for number in range(120 * 3 + 300):
        row = draw.choice(helpful)
        base = replace(row, source="composed", group=f"composed {row.group}")
        link, ending, refused = draw.choice(_LINKS), draw.choice(_ENDINGS), draw.choice(short)
        if number < 120:
            yield replace(base, reply=f"{draw.choice(_SYMPATHY)} {row.reply}")
        elif number < 240:
            yield replace(base, reply=f"{row.reply} {ending}")
        elif number < 360:
            yield replace(base, reply=f"{refused} {ending}", label="full")
        else:
            head = " ".join(re.split(r"(?<=[.!?])\s+", refused)[: draw.choice((1, 1, 2, 3))])
            yield replace(base, reply=f"{head} {link}{row.reply}", label="partial")
