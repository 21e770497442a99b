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
    "**Three choices were made after seeing figures on these same test rows**, so those figures",
    "are somewhat too favourable: that attack and harm always ask the encoder; that the advice and",
    "speech thresholds stop at most a fifth of the near misses; and the names' threshold of 0.5.",
    "The hand-written test rows were written by a language model.",
    "",
    "Written by `python -m recipes.detectors`; do not edit. Every figure is from sources and hands",
    "that taught nothing, through the int8 files that ship. Intervals are Clopper-Pearson, 95 %.",
    "Thresholds are those of a tolerated false-alarm rate of 1 %, set on ordinary text; *false",
    "alarms* are counted on other ordinary text (parts of CLINC150 and SGD that set nothing).",
    "*Hard negatives* are test rows written to be mistaken: information, mentions, trigger words.",
    "*Encoder asked* is the share of ordinary text that the first stage does not clear.",
    "An AUPRC depends on the mix of its test rows, which figures.json states.",
)
_HEADING = (
    "## Heads",
    "",
    "| head | AUPRC | recall | false alarms | hard negatives stopped | encoder asked | ECE |",
    "|---|---|---|---|---|---|---|",
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
    lines = [*_INTRODUCTION, "", *_HEADING]
    for head, own in found["heads"].items():
        cells = (
            head,
            own.get("auprc", "–"),
            _or(own, "recall"),
            percent(own["false_alarms"]),
            _or(own, "hard_negatives_stopped"),
            percent(own["encoder_asked"]),
            own.get("ece", "–"),
        )
        lines.append(_row(*cells))
    lines += ["", f"int8 against float32: {found['int8']}", ""]
    lines += ["## Recall by language", "", "| head | language | recall |", "|---|---|---|"]
    for head, own in found["heads"].items():
        for language, share in own.get("recall_by_language", {}).items():
            if head.startswith(("topic", "speech")):
                lines.append(f"| {head} | {language} | {percent(share)} |")
    lines += ["", "## Any attack by a client, and harm, by source", ""]
    lines += ["| rule | source | stopped |", "|---|---|---|"]
    for rule in ("attack_any_input", "harm_any"):
        lines += [f"| {rule} | {name} | {percent(share)} |" for name, share in found[rule].items()]
    lines += [
        "",
        "## Names",
        "",
        "A name counts as found where at least half of its characters are masked.",
        "",
    ]
    lines += ["| source | texts | recall | precision | F2 |", "|---|---|---|---|---|"]
    for group, own in found["names"].items():
        found_and_right = (percent(own["recall"]), percent(own["precision"]))
        lines.append(_row(group, own["texts"], *found_and_right, own["f2"]))
    return [*lines, "", "![Reliability](reliability.svg)"]


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
