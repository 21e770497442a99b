"""Writes the datasheet: docs/detectors/figures.json, learned-figures.md and a reliability plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_SIZE = 220
_PLOTTED = ("topic.legal.given", "topic.medical.given", "topic.tax_financial.given", "harm.any")


_INTRODUCTION = (
    "# Figures of the learned detectors",
    "",
    "Written by `python -m recipes.detectors`; do not edit. Intervals are Clopper-Pearson, 95 %.",
    "",
    "Every figure is from sources and hands that taught nothing, through the int8 files that ship.",
    "",
    "**Choices made after seeing figures on these same test rows**, which are somewhat too",
    "favourable for that: that the advice and speech thresholds stop at most a fifth of the near",
    "misses; the names' threshold of 0.25; for this version also that extraction teaches",
    "`attack.injection`, that `attack.any` has a head of its own, which records without names",
    "were written for the names, how much the first",
    "stage may clear, one pooled threshold for what clients ask, and that WikiText's tokeniser",
    "marks were taken out of the ordinary documents.",
    "All hand-written rows, for teaching, examining and the functions of hate, were written by a",
    "language model.",
    "",
    "Thresholds are those of a tolerated false-alarm rate of 1 %, set on ordinary text; *false",
    "alarms* are counted on other ordinary text (parts of CLINC150 and SGD that set nothing).",
    "*Hard negatives* are test rows written to be mistaken: information, mentions, trigger words.",
    "*Always* is the recall if the encoder were asked about every text; the difference is what the",
    "first stage loses. *Asked* is the share of ordinary text that the first stage does not clear.",
    "An AUPRC depends on the mix of its test rows, which figures.json states.",
    "",
)
_HEADING = (
    "| head | AUPRC | recall | always | false alarms | hard negatives stopped | asked | ECE |",
    "|---|---|---|---|---|---|---|---|",
)


def write(found: Json, docs: Path) -> None:
    """All figures as JSON, as tables, and the plot."""
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "figures.json").write_text(json.dumps(found, indent=1, default=float) + "\n", "utf-8")
    (docs / "learned-figures.md").write_text("\n".join(_page(found)) + "\n", "utf-8")
    (docs / "reliability.svg").write_text(_plot(found["heads"]), "utf-8")


def percent(share: Json) -> str:
    """`93.1 % (90.2–95.4, n 412)`"""
    if not share["n"]:
        return "–"
    low, high = 100 * share["low"], 100 * share["high"]
    return f"{100 * share['rate']:.1f} % ({low:.1f}–{high:.1f}, n {share['n']})"


def _page(found: Json) -> list[str]:
    lines = [*_INTRODUCTION, "## Heads", "", *_heads(found)]
    lines += ["", f"int8 against float32: {found['int8']}", ""]
    lines += ["## Recall by source and language", ""]
    lines += ["| head | group | recall |", "|---|---|---|"]
    for head, own in found["heads"].items():
        for by in ("recall_by_source", "recall_by_language"):
            for group, share in own.get(by, {}).items():
                lines.append(_row(head, group, percent(share)))
    lines += ["", "## Rules by source", "", *_rules(found)]
    lines += ["", "## Names", "", *_names(found["names"]), *_beside(found["beside"])]
    lines += ["", "## Obfuscations", "", *_obfuscations(found["obfuscated"])]
    lines += ["", "## Functions of hate", "", *_hate(found["hate"])]
    lines += ["", "## Cost", "", *_cost(found)]
    lines += ["", "![Reliability](reliability.svg)"]
    return lines


def _heads(found: Json) -> list[str]:
    lines = [*_HEADING]
    for head, own in found["heads"].items():
        cells = (
            head,
            own.get("auprc", "–"),
            _or(own, "recall"),
            _bare(own.get("recall_asking_always")),
            percent(own["false_alarms"]),
            _or(own, "hard_negatives_stopped"),
            _bare(own["encoder_asked"]),
            own.get("ece", "–"),
        )
        lines.append(_row(*cells))
    return lines


def _rules(found: Json) -> list[str]:
    lines = ["| rule | source | stopped |", "|---|---|---|"]
    for rule in ("attack_any_input", "indirect", "harm_any"):
        lines += [f"| {rule} | {name} | {percent(share)} |" for name, share in found[rule].items()]
    return lines


def _names(names: Json) -> list[str]:
    lines = ["A name counts as found where at least half of its characters are masked.", ""]
    lines += ["| source | texts | recall | precision | F2 |", "|---|---|---|---|---|"]
    for group, own in names.items():
        found_and_right = (percent(own["recall"]), percent(own["precision"]))
        lines.append(_row(group, own["texts"], *found_and_right, own["f2"]))
    return lines


def _beside(found: Json) -> list[str]:
    return [
        "",
        "With all identifiers, on English records of pii-anon, whatever the kind, every annotation",
        f"counted ({found['texts']} texts, {found['spans']} spans): recall {found['recall']},",
        f"precision {found['precision']}, F2 {found['f2']}. Presidio 2.2.366, all recognisers, on",
        "an empty spaCy model, in a run of its own on the same records: recall 0.441, precision",
        "0.796, F2 0.484 (4 of 590 persons: its names come from models that must be downloaded).",
    ]


def _obfuscations(found: Json) -> list[str]:
    families = list(found)
    lines = [
        "Test rows stopped / ordinary rows stopped, through the whole run-time, at 1 %. Attack and",
        "harm are decoded first; advice and refusals are not. Many ways ask to decode first,",
        "which is itself an attack. Translation was not tried.",
        "",
        _row("obfuscation", *families),
        "|" + "---|" * (1 + len(families)),
    ]
    for way in found[families[0]]:
        cells = (found[family][way] for family in families)
        pairs = (f"{_bare(cell['stopped'])} / {_bare(cell['ordinary'])}" for cell in cells)
        lines.append(_row(way, *pairs))
    counts = ", ".join(f"{family} {found[family]['plain']['stopped']['n']}" for family in families)
    return [*lines, "", f"Test rows: {counts}; as many ordinary ones."]


def _cost(found: Json) -> list[str]:
    cost = found["cost"]
    return [
        f"{cost['n']} messages of clients (CLINC150, SGD), one thread, asked",
        f"{len(found['typical'])} questions each ({', '.join(found['typical'])}):",
        f"mean {cost['mean_ms']} ms, median {cost['median_ms']} ms, p99 {cost['p99_ms']} ms;",
        f"the encoder was asked about {percent(cost['encoder_asked'])};",
        f"memory grew by {cost['resident_growth_mb']} MB. On two cores that other work shared.",
    ]


def _hate(found: Json) -> list[str]:
    lines = [
        "Eight lines each, in English, after HateCheck's functions (Röttger et al. 2021); stopped.",
        "",
        "| function | harm: hate | harm: any |",
        "|---|---|---|",
    ]
    for name, own in found.items():
        lines.append(_row(name, *(_bare(own[rule]) for rule in ("hate", "harm"))))
    return lines


def _bare(share: Json | None) -> str:
    return f"{100 * share['rate']:.1f} %" if share and share["n"] else "–"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _or(own: Json, name: str) -> str:
    return percent(own[name]) if name in own else "–"


def _plot(heads: Json) -> str:
    """Reliability: mean score across, share of positives up; the diagonal is perfect."""
    parts = []
    for number, head in enumerate(_PLOTTED):
        left = number * (_SIZE + 40) + 30
        points = heads[head].get("reliability", [])
        drawn = " ".join(f"{left + x * _SIZE:.1f},{20 + (1 - y) * _SIZE:.1f}" for x, y, _ in points)
        dots = "".join(_dot(left + x * _SIZE, 20 + (1 - y) * _SIZE, n) for x, y, n in points)
        parts.append(
            f'<text x="{left}" y="14">{head}</text>'
            f'<rect x="{left}" y="20" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#999"/>'
            f'<path d="M{left} {20 + _SIZE}L{left + _SIZE} 20" stroke="#bbb"/>'
            f'<polyline points="{drawn}" fill="none" stroke="#1f5f8b"/><g fill="#1f5f8b">{dots}</g>'
        )
    width = len(_PLOTTED) * (_SIZE + 40) + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_SIZE + 40}" '
        f'font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def _dot(x: float, y: float, count: int) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + min(count, 400) ** 0.5 / 4:.1f}"/>'
