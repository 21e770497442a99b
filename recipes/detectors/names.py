"""Texts with the spans of persons, addresses and organisations, for the token head.

Sentences are our own templates filled by Faker (MIT) in many countries' names, so that an English
sentence holds a Turkish client and a Dutch one a Vietnamese; real documents come from ler-de and
meddocan-es. pii-anon, another generator altogether, only examines.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from faker import Faker

from recipes.detectors.data import key
from recipes.detectors.name_templates import EXAM, TEMPLATES
from recipes.detectors.sources import Source

Spans = tuple[tuple[int, int, str], ...]
_TRAIN_LOCALES = (
    *("en_US", "en_GB", "en_IN", "en_NZ", "en_IE", "nl_NL", "nl_BE", "de_DE", "de_AT", "fr_FR"),
    *("fr_CH", "es_ES", "es_MX", "es_AR", "it_IT", "pt_BR", "pl_PL", "tr_TR", "sv_SE", "da_DK"),
    *("no_NO", "cs_CZ", "hr_HR", "hu_HU", "ro_RO", "id_ID", "vi_VN", "fil_PH", "az_AZ", "lt_LT"),
    *("sl_SI", "yo_NG", "zu_ZA"),
)
_TEST_LOCALES = (
    *("en_AU", "en_CA", "pt_PT", "fi_FI", "et_EE", "lv_LV", "sk_SK", "es_CO", "es_CL", "fr_BE"),
    *("de_CH", "tw_GH", "ha_NG", "sq_AL"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """A text and its named spans: start, end (characters, exclusive) and kind."""

    text: str
    spans: Spans
    lang: str
    source: str
    split: str


def _value(kind: str, fake: Faker, rng: random.Random) -> str:
    if kind == "person":
        return f"{fake.first_name()} {fake.last_name()}"
    if kind == "first":
        return str(fake.first_name())
    if kind == "last":
        return str(fake.last_name())
    if kind == "org":
        return str(fake.company())
    if kind == "city":
        return str(fake.city())
    if kind in _NO_NAME:
        return _NO_NAME[kind](fake, rng)
    street = str(fake.street_address())
    joint = rng.choice((", ", "\n", " "))
    return street if rng.random() < 0.4 else f"{street}{joint}{fake.postcode()} {fake.city()}"


_KINDS = {
    "first": "person",
    "last": "person",
    "person": "person",
    "org": "organisation",
    "city": "address",
}


_DEPARTMENTS = (
    *("Radiology", "Human Resources", "Accounts Payable", "Legal Affairs", "Cardiology", "Sales"),
    *("Customer Care", "Information Security", "Oncology", "Procurement", "Quality Control"),
)
# What stands in records beside names, in capitals as well.
_NO_NAME: dict[str, Callable[[Faker, random.Random], str]] = {
    "job": lambda fake, rng: str(rng.choice((str.title, str))(fake.job().split(",")[0])),
    "number": lambda fake, rng: str(fake.bothify(rng.choice(_FORMS)).upper()),
    "date": lambda fake, rng: str(fake.date(rng.choice(("%Y-%m-%d", "%d/%m/%Y", "%B %d, %Y")))),
    "department": lambda fake, rng: rng.choice(_DEPARTMENTS),
}
_FORMS = ("####-##", "??-######", "#########", "+## ### ### ####", "???####?", "###-##-####")


def fill(template: str, fakes: list[Faker], rng: random.Random) -> tuple[str, Spans]:
    """The template with its slots filled, each from a country of its own."""
    text, spans = "", []
    for part in re.split(r"(\{\w+\})", template.replace("\\n", "\n")):
        if not part.startswith("{"):
            text += part
            continue
        kind = part[1:-1]
        value = ""
        while not value:
            try:
                value = _value(kind, rng.choice(fakes), rng)
            except AttributeError:  # not every country has every part
                continue
        if kind in _NO_NAME:
            text += value
            continue
        spans.append((len(text), len(text) + len(value), _KINDS.get(kind, "address")))
        text += value
    return text, tuple(spans)


def _filled(count: int, split: str, seed: int) -> Iterator[Named]:
    rng = random.Random(seed)
    locales = _TRAIN_LOCALES if split == "train" else _TEST_LOCALES
    fakes = [Faker(locale) for locale in locales]
    for number, fake in enumerate(fakes):
        fake.seed_instance(seed + number)
    templates = {"en": EXAM} if split == "test" else TEMPLATES
    sentences = {lang: block.split("\n") for lang, block in templates.items()}
    for _ in range(count):
        lang = rng.choice(["en", "en", *sentences]) if split == "train" else "en"
        text, spans = fill(rng.choice(sentences[lang]), fakes, rng)
        if split == "train" and rng.random() < 0.3:
            more, others = fill(rng.choice(sentences[lang]), fakes, rng)
            spans += tuple((s + len(text) + 1, e + len(text) + 1, kind) for s, e, kind in others)
            text = f"{text} {more}"
        if rng.random() < 0.12 and len(text.lower()) == len(text):
            text = text.lower()
        yield Named(text, spans, lang, f"templates-{split}", split)


_MEDDOCAN = {
    "NOMBRE_SUJETO_ASISTENCIA": "person",
    "NOMBRE_PERSONAL_SANITARIO": "person",
    "CALLE": "address",
    "TERRITORIO": "address",
    "HOSPITAL": "organisation",
    "INSTITUCION": "organisation",
    "CENTRO_SALUD": "organisation",
}


def _spanish(source: Source) -> Iterator[Named]:
    for part, split in (("train", "train"), ("dev", "test")):
        for line in source.lines(f"meddocan-es/meddocan_{part}.jsonl.gz"):
            at = 0
            spans = [
                s if isinstance(s, list) else [s["start"], s["end"], s["label"]]
                for s in line["spans"]
            ]
            for piece in re.findall(r"(?:[^\n]*\n?){1,3}", line["text"]):
                inside = tuple(
                    (s - at, e - at, _MEDDOCAN[label])
                    for s, e, label in spans
                    if label in _MEDDOCAN and at <= s and e <= at + len(piece)
                )
                if inside or key(piece) % 6 == 0:
                    yield Named(
                        piece[:700],
                        tuple(s for s in inside if s[1] <= 700),
                        "es",
                        "meddocan-es",
                        split,
                    )
                at += len(piece)


_LER = {"PER": "person", "RR": "person", "AN": "person", "ST": "address", "STR": "address"}
_LER |= dict.fromkeys(("ORG", "UN", "INN", "GRT", "MRK"), "organisation")


def _german(source: Source) -> Iterator[Named]:
    for part, split in (("dev", "train"), ("test", "test")):
        for block in re.split(r"\n\s*\n", source.text(f"ler-de/ler_{part}.conll.gz")):
            text, spans = "", []
            for line in block.strip().split("\n"):
                word, _, tag = line.rpartition(" ")
                start = len(text) + bool(text)
                text = f"{text} {word}".strip()
                kind = _LER.get(tag[2:], "")
                if kind and tag[0] == "I" and spans and spans[-1][1] == start - 1:
                    spans[-1] = (spans[-1][0], len(text), kind)
                elif kind:
                    spans.append((start, len(text), kind))
            if text and (spans or key(text) % 8 == 0):
                yield Named(text, tuple(spans), "de", "ler-de", split)


_PII = {"PERSON_NAME": "person", "STREET_ADDRESS": "address", "ORGANIZATION_NAME": "organisation"}


def _examined(source: Source) -> Iterator[Named]:
    for part in ("legal", "clinical", "technology"):
        for line in source.lines(f"pii-anon/test_{part}.jsonl.gz"):
            if key(line["record_id"]) % 36 or line["language"] not in {"en", "de", "fr", "es"}:
                continue
            marks = line["annotations"]
            spans = tuple(
                (m["start"], m["end"], _PII[m["entity_type"]])
                for m in marks
                if m["entity_type"] in _PII
            )
            yield Named(line["text"], spans, line["language"], "pii-anon", "test")


def named(source: Source) -> list[Named]:
    """All texts of the token head, the same ones each time."""
    found = [*_filled(5000, "train", 3), *_filled(500, "test", 5)]
    for rows in (_spanish(source), _german(source)):
        taken = sorted(rows, key=lambda row: key(row.text))
        found += [row for row in taken if row.split == "train"][:1300]
        found += [row for row in taken if row.split == "test"][:300]
    # Sentences without a name: what a business reads most.
    for line in source.written("attack.hand-x"):
        if line["label"] == "benign":
            found.append(Named(line["text"], (), line["lang"], "attack.hand-x", "train"))
    return [*found, *_examined(source)]
