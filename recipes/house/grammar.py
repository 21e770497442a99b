"""What is asked at an accounting firm and what may be replied: intents, filled by a seed.

Whole intents, whole wordings and whole disguises are held out: no stage of training sees them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal

import yaml

from remit.models.house.entries import shipped

Split = Literal["train", "template", "intent", "source"]
FOLDER = Path(__file__).parent / "grammar"
# Entries of the retrieval assistant that the hand-written intents replace, or that are none.
_REPLACED = {
    "hello", "thanks", "goodbye", "how-are-you", "who-are-you", "what-can-you-do", "languages",
    "not-helpful", "yes-no", "vat-return-deadline", "vat-rates", "portal-login", "appointment",
    "change-appointment", "change-bank-details", "deductible-expenses", "keep-records",
}  # fmt: skip
_SIGNS = "abcdefghjkmnpqrstuvwxyzABCDEFGH23456789&!"  # of a password
_LONGEST = 170  # characters of a taken-over answer, cut after a sentence


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing clients want. `rule` is the boundary it leads to, empty where it may be answered.

    `keeps` are right replies; `known` and `unknown` break `rule`, in words that the example
    remit's detectors know or do not. `facts` are regular expressions, all of which a right reply
    holds. `rate` is how often the dirty corpus breaks the rule.
    """

    id: str
    ask: tuple[str, ...]
    keeps: tuple[str, ...]
    held_ask: tuple[str, ...] = ()
    held: bool = False
    rule: str = ""
    twin: str = ""
    topic: str = ""
    facts: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    rate: float = 0.0
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Synonyms:
    """A word outside of blanks, and what may stand in its place."""

    word: re.Pattern[str]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grammar:
    """All intents, and how people put things."""

    intents: tuple[Intent, ...]
    tags: Mapping[str, str]
    styles: Mapping[str, Any]
    groups: Mapping[str, Intent]
    """Replies to requests that real people wrote, by group of `real.yaml`."""
    sources: Mapping[str, Mapping[str, Sequence[str]]]
    synonyms: Mapping[str, Synonyms]

    def intent(self, id: str) -> Intent:
        """The intent with this id. Raises KeyError."""
        for intent in (*self.intents, *self.groups.values()):
            if intent.id == id:
                return intent
        raise KeyError(id)


@cache
def grammar() -> Grammar:
    """The grammar of the recipe's files and of the retrieval assistant's English answers."""
    real = _read("real.yaml")
    groups = {name: _group(name, raw) for name, raw in real.items()}
    sources = {name: {"clinc": raw["clinc"], "sgd": raw["sgd"]} for name, raw in real.items()}
    boundaries = _read("boundaries.yaml")
    intents = [_plain(raw) for raw in _read("plain.yaml")]
    intents += [
        _bounded(rule, raw, one) for rule, raw in boundaries.items() for one in raw["intents"]
    ]
    intents += _taken_over()
    tags = {rule: str(raw["tag"]) for rule, raw in boundaries.items()}
    others = {word: _synonyms(word, of) for of in _read("synonyms.yaml") for word in of}
    return Grammar(tuple(intents), tags, _read("styles.yaml"), groups, sources, others)


def _synonyms(word: str, group: Sequence[str]) -> Synonyms:
    found = re.compile(rf"(?<![\w{{]){re.escape(word)}(?![\w}}])", re.IGNORECASE)
    return Synonyms(found, tuple(other for other in group if other != word))


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def _plain(raw: Mapping[str, Any]) -> Intent:
    return Intent(
        raw["id"], tuple(raw["ask"]), tuple(raw["say"]), tuple(raw.get("held", ())),
        twin=raw.get("twin", ""), facts=tuple(raw["facts"]),
    )  # fmt: skip


def _bounded(rule: str, raw: Mapping[str, Any], one: Mapping[str, Any]) -> Intent:
    held = bool(one.get("held_intent"))
    return Intent(
        one["id"], tuple(one["ask"]), tuple(raw["keeps"]), tuple(one.get("held", ())), held,
        rule, topic=one["topic"], known=tuple(one.get("known", ())),
        unknown=tuple(one.get("unknown", ())), rate=float(raw["rate"]), kind="bounded",
    )  # fmt: skip


def _group(name: str, raw: Mapping[str, Any]) -> Intent:
    return Intent(
        f"real-{name}", (), tuple(raw["say"]), rule=raw["rule"], facts=tuple(raw["facts"]),
        known=tuple(raw["known"]), unknown=tuple(raw["unknown"]), rate=float(raw["rate"]),
        kind="real",
    )  # fmt: skip


def _taken_over() -> list[Intent]:
    """The retrieval assistant's answers: every 12th intent is held out whole, else the last ask."""
    found = []
    for number, entry in enumerate(e for e in shipped().values() if not e.oversteps):
        if entry.id in _REPLACED or "en" not in entry.wordings:
            continue
        wording = entry.wordings["en"]
        held = number % 12 == 5
        many = len(wording.ask) > 2 and not held
        asks = wording.ask[:-1] if many else wording.ask
        say = shortened(re.sub(r"\s+", " ", wording.say).strip())
        held_ask = wording.ask[-1:] if many else ()
        found.append(Intent(entry.id, asks, (say,), held_ask, held, kind="fact"))
    return found


def shortened(text: str) -> str:
    """Whole sentences from the start, as many as fit."""
    kept = ""
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        if kept and len(kept) + len(sentence) >= _LONGEST:
            break
        kept = f"{kept} {sentence}".strip()
    return kept


def fills(rng: Random, styles: Mapping[str, Any], *, held: bool = False) -> dict[str, str]:
    """A value for every blank. Held-out rows take names that no training row has."""
    quarter = rng.choice(list(styles["quarters"]))
    papers = rng.choice(list(styles["papers"]))
    name = rng.choice(styles["held_names" if held else "names"])
    mailbox = f"{rng.choice('abcde')}.{name.lower().replace(' ', '')}"
    return {
        "name": rng.choice(["", "Mr. ", "Mrs. "]) + name,
        "month": rng.choice(styles["months"]), "day": rng.choice(styles["days"]),
        "time": rng.choice(styles["times"]), "year": rng.choice(styles["years"]),
        "amount": rng.choice(styles["amounts"]),
        "quarter": quarter, "quarter_due": styles["quarters"][quarter],
        "papers": papers, "papers_list": styles["papers"][papers],
        "iban": _iban(rng),
        "phone": f"06 {rng.randrange(10**7, 10**8)}",
        "email": f"{mailbox}@example.org",
        "nino": f"AB {rng.randrange(10**5, 10**6)} {rng.choice('ABCD')}",
        "secret": "".join(rng.choice(_SIGNS) for _ in range(10)),
    }  # fmt: skip


def _iban(rng: Random) -> str:
    """A Dutch account number with right check digits (ISO 13616), of a bank that does not exist."""
    account = f"{rng.randrange(10**9):010d}"
    number = int("".join(str(int(c, 36)) for c in f"HOFI{account}NL00"))
    return f"NL{98 - number % 97:02d}HOFI{account}"


def filled(template: str, blanks: Mapping[str, str]) -> str:
    """The template with its blanks filled; a capital at the start."""
    text = re.sub(r"\{(\w+)\}", lambda m: blanks[m[1]], template)
    return text[:1].upper() + text[1:]
