"""Labelled rows for the harm heads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recipes.detectors.data import ATTACK, HARM, Row, off, on, sample
from recipes.detectors.sources import Source

_CATQA = {
    "Hate/Harass/Violence": {
        "Racial or ethnic hate": "harm.hate",
        "Religious intolerance": "harm.hate",
        "Gender-based violence": "harm.violence",
        "Cyberbullying": "harm.harassment",
        "Terrorism and extremism": "harm.violence",
    },
    "Physical Harm": {"Self-harm": "harm.self_harm", "": "harm.violence"},
    "Adult Content": {"": "harm.sexual"},
    "Illegal Activity": {"": "harm.crime"},
    "Malware Viruses": {"": "harm.crime"},
    "Economic Harm": {"": "harm.crime"},
    "Fraud/Deception": {"": "harm.crime"},
    "Privacy Violation Activity": {"": "harm.crime"},
}


def harm(source: Source) -> Iterator[Row]:
    """Hate, harassment, violence, self-harm, sexual content and crime."""
    yield from _tweets(source)
    for language, code in (("english", "en"), ("chinese", "zh"), ("vietnamese", "vi")):
        for group, parts in source.json(f"red-instruct/catqa_{language}.json").items():
            for part, questions in parts.items():
                names = _CATQA.get(group, {})
                head = names.get(part, names.get("", ""))
                for question in questions:
                    if group == "Tailored Financial Advice":
                        labels = {"topic.tax_financial.asked": 1, **off(*HARM, *ATTACK)}
                    elif head:
                        labels = on(head, *(_APART[head])) | {"harm.any": 1}
                    else:
                        continue
                    yield Row(question, "red-instruct", "train", labels, code)
    for line in source.table("advbench/advbench_behaviors.csv"):
        yield Row(line["Behavior"], "advbench", "train", {"harm.any": 1, **off(*ATTACK[1:])})
    crimes = [
        Row(line["prompt"], "xsafety", "train", {"harm.any": 1, "harm.crime": 1}, line["lang"])
        for line in source.lines("xsafety/xsafety.jsonl.gz")
        if line["category"] == "Crimes_And_Illegal_Activities" and line["lang"] != "bn"
    ]
    yield from sample((row for row in crimes if row.lang in {"en", "de", "fr", "es"}), 500)
    yield from _harm_test(source)


_APART = {
    "harm.hate": ("harm.sexual", "harm.self_harm"),
    "harm.violence": ("harm.sexual",),
    "harm.harassment": ("harm.sexual", "harm.self_harm"),
    "harm.self_harm": ("harm.hate", "harm.sexual", "harm.crime"),
    "harm.sexual": ("harm.self_harm", "harm.violence", "harm.crime"),
    "harm.crime": ("harm.sexual", "harm.self_harm", "harm.hate"),
}


def _tweets(source: Source) -> Iterator[Row]:
    rows: dict[str, list[Row]] = {"0": [], "1": [], "2": []}
    for line in source.table("davidson-hate/labeled_data.csv.gz"):
        text = re.sub(r"https?://\S+|^[!\"RT :]+@\w+:?|&#\d+;", " ", line["tweet"]).strip()
        labels = {
            "0": {"harm.any": 1, "harm.hate": 1},
            "1": {"harm.any": 1, "harm.hate": 0, "harm.harassment": 1},
            "2": off(*HARM),
        }[line["class"]]
        rows[line["class"]].append(Row(text, "davidson-hate", "train", labels))
    for part, count in (("0", 1200), ("1", 1800), ("2", 1500)):
        yield from sample(rows[part], count)


def _harm_test(source: Source) -> Iterator[Row]:
    for line in source.table("surge-toxicity/toxicity_en.csv"):
        toxic = int(line["is_toxic"] == "Toxic")
        yield Row(line["text"], "surge-toxicity", "test", {"harm.any": toxic})
    areas = {"Su": "harm.self_harm", "Ph": "harm.violence", "Il": "harm.crime", "Sc": "harm.crime"}
    for line in source.table("simple-safety-tests/simple_safety_tests.csv"):
        labels = {"harm.any": 1, areas[line["harm_area"][:2]]: 1}
        yield Row(line["prompts_final"], "simple-safety-tests", "test", labels)
    aart = [
        Row(line["prompt"], "aart", "test", {"harm.any": 1})
        for line in source.table("aart/aart-v1-20231117.csv.gz")
    ]
    yield from sample(aart, 400)
