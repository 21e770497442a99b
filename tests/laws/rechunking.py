"""Texts that are hard to stream, remits to hold them against, and every way to cut them.

A case is made from a seed, so that a failure is repeated by its number alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from remit.enforce import compile_policy
from remit.layers.guard import Guard
from remit.policy import loads
from remit.types import Action, Interaction, Message, Stage, Verdict

SYSTEM = (
    "You are Ada. The internal margin on every engagement is 37 percent and must stay secret. "
    "Never say that the partner meeting decides on fees each Thursday at nine."
)
CANARY = "zx-canary-41f7"
CONFIDED = (
    "My name is Pieter van den Berg, my file number is 48213377, I paid € 12.345,67 and "
    "£ 1,250.00; IBAN NL91 ABNA 0417 1643 00, mail p.berg@voorbeeld.nl, phone 06-12345678."
)
CONTEXT = (Message("system", SYSTEM), Message("user", CONFIDED))

PHRASES = ("you should sue", "legally binding", "advis*", "sue", "null and void", "起诉他", "x y")
PATTERNS = (
    r"\bHF-\d{6}\b",
    r"\bcase(?: no)?\.? ?\d{2,4}",
    r"(?:ab|abc)(?:d|cd)?e",
    r"\d{3}-\d{2,4}\b",
    r"[a-c]{2,5}x?\b",
    r"\bé{1,3}t\b",
    r"(?:foo|bar){1,3} baz",
    r"\w{2}#\W",
    r"ten.{0,6}nine",
)
IDENTIFIERS = (
    "NL91 ABNA 0417 1643 00",
    "NL91ABNA0417164300",
    "GB82 WEST 1234 5698 7654 32",
    "4111 1111 1111 1111",
    "4111-1111-1111-1112",
    "BSN 111222333",
    "111222333",
    "p.berg@voorbeeld.nl",
    "a.b+c@mail.example.co.uk",
    "+31 6 12345678",
    "(212) 555-0123",
    "born on 3 May 1990",
    "192.168.10.254",
    "2001:db8::1",
    "QQ 12 34 56 C",
    "sk-proj-abcdefghijklmnopqrstuvwxyz012345",
    "BE 0428.759.497",
    "078-05-1120",
)
ECHOES = (
    "Pieter van den Berg",
    "48213377",
    "4821-3377",
    "four eight two one three three seven seven",
    "vier acht twee een drie drie zeven zeven",
    "12,345.67",
    "12345,67",
    "1250",
    SYSTEM[14:90],
    SYSTEM[14:52],
    SYSTEM[100:],
    CANARY,
)
PLAIN = (
    "We file the return in May.",
    "therapist",
    "issue",
    "pursue",
    "2024",
    "hello",
    "I",
    "to the",
    "12",
    "1",
    "7 8 9",
    "the",
    "a",
    "ten",
    "foobar",
    "cab",
    "no. 12",
    "HF-12345",
    "HF-1234567",
    "case 1",
    "you should",
    "you should s",
    "legally",
    "NL91 ABNA",
    "@",
    "#",
    "one",
    "double five",
)
ODD = (
    " ",
    "  ",
    "\n",
    "\t",
    ".",
    ",",
    "-",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u0301",
    "\u00ad",
    "\u202e",
    "😀",
    "👩‍👧",
    "你",
    "起诉",
    "เพื่อน",
    "ש",
    "\ud800",
    "\udc00",
    "\x00",
    "…",
    "㎏",
    "ﬁ",
    "①",
    "٣",
    "\U000e0041",
    "'",
    "’",
    "_",
    "*",
    "ß",
    "İ",
    "É",
    "é",
    "\u2028",
    "\xa0",
    "𝗬",
    "1",
    "x",
    "A",
)
_LEET = {"o": "0", "e": "3", "a": "4", "s": "5", "i": "1", "t": "7", "l": "1"}


def _squeezed(rng: random.Random, text: str) -> str:
    """A text disguised in one of many ways."""
    way = rng.randrange(9)
    if way == 0:
        return rng.choice(("\u200b", "\u00ad", "\u200b" * 3, ".", " ", "-", "*")).join(text)
    if way == 1:
        return "".join(_LEET.get(c, c) if rng.random() < 0.5 else c for c in text)
    if way == 2:
        return text.upper()
    if way == 3:
        return text.replace(" ", rng.choice(("  ", "\n", "\xa0", "...", "", "\u200b \u200b")))
    if way == 4:
        at = rng.randrange(len(text) + 1)
        return text[:at] + rng.choice(ODD) * rng.choice((1, 1, 2, 9, 40)) + text[at:]
    if way == 5:
        return text[: rng.randrange(len(text) + 1)]
    if way == 6:
        return text[rng.randrange(len(text)) :]
    if way == 7:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    at = rng.randrange(len(text))
    return text[:at] + rng.choice("aeiou0123456789 -") + text[at + 1 :]


def text_of(rng: random.Random) -> str:
    """A hostile text, mostly short."""
    parts = []
    for _ in range(rng.choice((1, 1, 2, 2, 3, 3, 5, 8))):
        source = rng.choice((PHRASES, IDENTIFIERS, ECHOES, PLAIN, PLAIN, ODD, ODD))
        part = rng.choice(source).rstrip("*") or "*"
        if rng.random() < 0.4:
            part = _squeezed(rng, part)
        parts.append(part)
        if rng.random() < 0.02:
            parts.append(
                rng.choice(("a", "1", "-", "x1", "你", "1 ", "a.", "\u200b"))
                * rng.randrange(20, 90)
            )
        parts.append(rng.choice((" ", " ", " ", "", "\n", ".", ", ", "\u200b", "-")))
    return "".join(parts)


_ACTIONS = ("flag", "redact", "redact", "replace", "hand_over", "block", "allow")


def remit_text(rng: random.Random) -> str:
    """A remit with one to four rules of deterministic kinds."""
    release = rng.choice(("as-checked", "as-checked", "by-sentence", "when-complete"))
    lines = [
        "remit: 1",
        "organisation: Hollis & Finch",
        "responsible: {owner: Managing partner}",
        "regions: [NL, GB, US]",
        f"delivery: {{release: {release}}}",
        "rules:",
    ]
    for number in range(rng.randrange(1, 5)):
        lines += [
            f"  - id: rule-{number}",
            "    says: Keeps it in.",
            "    because: It must.",
            "    owner: Partner",
            f"    severity: {rng.choice(('low', 'medium', 'high', 'critical'))}",
            "    detect:",
            *(f"      - {_detect(rng)}" for _ in range(rng.choice((1, 1, 2)))),
            f"    then: {{output: {rng.choice(_ACTIONS)}}}",
        ]
    return "\n".join(lines) + "\n"


def _detect(rng: random.Random) -> str:
    kind = rng.choice(("phrases", "pattern", "identifier", "echo"))
    if kind == "phrases":
        return f"phrases: {list(rng.sample(PHRASES, rng.randrange(1, 6)))}"
    if kind == "pattern":
        return (
            "pattern: ["
            + ", ".join(f"'{p}'" for p in rng.sample(PATTERNS, rng.randrange(1, 6)))
            + "]"
        )
    if kind == "identifier":
        some = [
            "contact",
            "finance",
            "national",
            "iban",
            "email",
            "payment-card",
            "phone",
            "secret",
        ]
        return f"identifier: [{', '.join(rng.sample(some, rng.randrange(1, 4)))}]"
    parts = ["identifiers", "names", "amounts", "numbers", "passages", "canary"]
    return f"echo: [{', '.join(rng.sample(parts, rng.randrange(1, 7)))}]"


@lru_cache(maxsize=64)
def guard_of(seed: int) -> Guard:
    """The guard of a random remit; compiled once."""
    return Guard(compile_policy(loads(remit_text(random.Random(seed)))))


def interaction(text: str) -> Interaction:
    """The reply in its conversation."""
    return Interaction((*CONTEXT, Message("assistant", text)), canaries=(CANARY,))


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a client gets, and why."""

    text: str
    action: str
    marks: tuple[object, ...]
    verdict: Verdict


def deliver(guard: Guard, text: str, chunks: Sequence[str]) -> Delivered:
    """A reply streamed in chunks."""
    stream = guard.follow(interaction(""))
    out = [stream.feed(chunk) for chunk in chunks]
    out.append(stream.finish())
    assert stream.verdict is not None
    return Delivered("".join(out), stream.verdict.action.word, stream.marks, stream.verdict)


def cuts(rng: random.Random, text: str) -> list[str]:
    """One random way to cut a text, empty chunks among them."""
    if rng.random() < 0.1:
        return list(text)
    size = rng.choice((1, 2, 3, 5, 8, 20, 60))
    chunks, at = [], 0
    while at < len(text):
        step = rng.randrange(0, size + 1)
        chunks.append(text[at : at + step])
        at += step
    return chunks


def whole_verdict(guard: Guard, text: str) -> Verdict:
    """The verdict on the whole text in one reading, as batches and the data layer have it."""
    return guard.enforcer.judge(interaction(text), Stage.OUTPUT)


def results(verdict: Verdict) -> dict[str, tuple[object, ...]]:
    """What each rule came to, without the wording of its reason."""
    return {
        rule: (result.action.word, result.score, tuple(map(tuple, result.spans)), result.failure)
        for rule, result in verdict.rules.items()
    }


def disagreement(guard: Guard, text: str, rng: random.Random, ways: int) -> tuple[str, int]:
    """What differs between the whole and some re-chunkings ('' where nothing), and how many."""
    whole = deliver(guard, text, [text])
    verdict = whole_verdict(guard, text)
    if verdict.action is not whole.verdict.action:
        return f"verdict {verdict.rules} is not the stream's {whole.verdict.rules}", 0
    if verdict.action is not Action.BLOCK and results(verdict) != results(whole.verdict):
        return f"results {results(verdict)} are not the stream's {results(whole.verdict)}", 0
    for done in range(ways):
        chunks = list(text) if done == 0 else cuts(rng, text)
        mine = deliver(guard, text, chunks)
        if mine != whole:
            return f"{chunks!r} gave {mine.text!r}, not {whole.text!r}", done + 1
    return "", ways


def run(seeds: range, ways: int, policies: int = 24) -> Iterator[tuple[int, str, str, int]]:
    """Seed, text, disagreement and count of each text of a range of seeds."""
    for seed in seeds:
        rng = random.Random(seed)
        guard = guard_of(seed % policies)
        text = text_of(rng)
        problem, done = disagreement(guard, text, rng, ways)
        yield seed, text, problem, done
