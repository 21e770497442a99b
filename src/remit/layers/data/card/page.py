"""The card for people: one page that needs no network, written beside `card.json`.

Names, reasons and remits may hold anything: they are escaped as text, and a policy in the page's
head forbids scripts and every fetch, so that even a mistake here could run or load nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined

from remit.layers.data.card import plots
from remit.layers.data.card.facts import facts
from remit.layers.data.card.sketch import sizes
from remit.layers.data.writing import whole
from remit.types import Json

PAGE = "card.html"
FACTS = "card.json"
_SHOWN_SOURCES = 100
_SHOWN_FILES = 50
_SHOWN_REASONS = 12
_MOST_PLOTTED = 40
_DEEDS = {
    "drop": "drops rows",
    "rewrite": "has rows rewritten",
    "redact": "redacts passages",
    "mask": "masks passages from the loss",
    "tag": "tags rows",
    "counter": "adds counter-examples",
    "allow": "only notes",
}
_KINDS = {
    "rule": "Rules of the remit",
    "quality": "Quality steps",
    "duplicates": "Duplicates",
    "contamination": "Contamination with evaluation sets",
    "triggers": "Planted triggers",
    "other": "Other steps",
}


def write(folder: str | Path) -> Json:
    """Writes both files, each whole or not at all; answers the facts.

    Raises LedgerError where the folder holds no finished run, LabelFileError for labels that
    cannot be read.
    """
    told = facts(folder)
    whole(Path(folder, FACTS), orjson.dumps(told, option=_INDENTED))
    whole(Path(folder, PAGE), page(told).encode("utf-8", "replace"))
    return told


_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def page(told: Json) -> str:
    """The page, from what `facts` says. Pure."""
    environment = Environment(
        loader=PackageLoader("remit.layers.data.card"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "number": _number, "share": _share}
    before = list(sizes(told["lengths"]["before"] | told["lengths"]["after"]))
    came = {int(size): rows for size, rows in told["lengths"]["before"].items()}
    after = {int(size): rows for size, rows in told["lengths"]["after"].items()}
    shown = [(size, came.get(size, 0)) for size, _ in before]
    return environment.get_template("card.html").render(
        told=told,
        groups=list(_groups(told["steps"])),
        outcomes=plots.stacks(list(_stacks(told["steps"])), "Rows by rule and outcome"),
        lengths=plots.lengths(shown, after, "Rows by length in bytes, before and after"),
        sources=told["sources"][:_SHOWN_SOURCES],
        files=told["files"][:_SHOWN_FILES],
        languages=sorted(told["languages"].items(), key=lambda pair: (-pair[1], pair[0]))[:40],
        reasons=sorted(told["quarantine"].items(), key=lambda pair: (-pair[1], pair[0])),
    )


def _stacks(steps: list[Json]) -> Iterator[plots.Stack]:
    marking = [step for step in steps if step["outcomes"]]
    for step in sorted(marking, key=lambda s: -sum(s["outcomes"].values()))[:_MOST_PLOTTED]:
        parts = tuple(step["outcomes"].get(name, 0) for name in plots.OUTCOMES)
        yield plots.Stack(visible(step["id"]), parts)


def _groups(steps: list[Json]) -> Iterator[tuple[str, list[Json]]]:
    for kind, title in _KINDS.items():
        mine = [_step(step) for step in steps if step["kind"] == kind]
        if mine:
            yield title, mine


def _step(step: Json) -> Json:
    threshold = step.get("threshold", 0.5)
    # A step that is always sure has nothing to show in a histogram.
    graded = sum(step["scores"][:-1]) > 0
    title = f"{step['id']}: rows by score"
    ranked = sorted(step["reasons"].items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        **step,
        "deed": _DEEDS.get(step.get("asks", ""), ""),
        "marked": sum(step["outcomes"].values()),
        "plot": plots.scores(step["scores"], threshold, title) if graded else "",
        "reasons": ranked[:_SHOWN_REASONS],
        "more_reasons": sum(rows for _, rows in ranked[_SHOWN_REASONS:]),
        "bounds": list(_bounds(step)),
    }


def _bounds(step: Json) -> Iterator[dict[str, Any]]:
    """The samples of a step, first of all its rows, then by language where there are several."""
    labels = step["labels"]
    samples = [("all", labels)]
    if len(labels["by_language"]) > 1 or set(labels["by_language"]) - {"und"}:
        samples += list(labels["by_language"].items())
    for language, bounds in samples:
        for kind, meaning in (("found", "wrongly marked"), ("near", "wrongly passed")):
            bound = bounds[kind]
            if bound["sampled"]:
                limit = step.get("wrongly") if kind == "found" and language == "all" else None
                yield {
                    **bound,
                    "language": language,
                    "meaning": meaning,
                    "plot": _interval(bound, limit, f"{step['id']}, {language}: {meaning}"),
                }


def _interval(bound: Json, limit: float | None, title: str) -> str:
    if "interval" not in bound:
        return ""
    low, high = bound["interval"]
    return plots.interval(low, high, bound["wrong"] / bound["labelled"], limit, title)


def visible(text: object) -> str:
    """Text with what cannot be seen written as its code: what is hidden must show."""
    return "".join(char if _shows(char) else f"⟨{ord(char):04X}⟩" for char in str(text))


def _shows(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _number(value: int) -> str:
    return f"{value:,}"


def _share(value: float) -> str:
    return f"{value:.1%}" if value >= 0.001 or not value else f"{value:.2g}"
