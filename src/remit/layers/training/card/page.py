"""The card as one page that needs no network, and as JSON beside it.

Names and notes may hold anything: they are escaped as text, and a policy in the page's head forbids
scripts and every fetch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from remit.layers.training.durable import write_file, write_json
from remit.layers.training.engine import TrainingError
from remit.types import Json

FACTS, PAGE = "model-card.json", "model-card.html"
_WIDE, _LABEL, _ROW = 760, 220, 34
_HIDDEN = dict.fromkeys((*range(8234, 8239), *range(8294, 8298), 8206, 8207), "�")


def write_card(told: Json, folder: Path | str) -> tuple[Path, Path]:
    """Writes both files, each whole or not at all; answers their paths."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / FACTS, told)
    write_file(place / PAGE, page(told).encode("utf-8", "replace"))
    return place / FACTS, place / PAGE


def page(told: Json) -> str:
    """The page, from what `facts.card` says. Pure.

    Raises TrainingError for facts of another form.
    """
    environment = Environment(
        loader=PackageLoader("remit.layers.training.card"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "visible": visible}
    lines = told["gate"]["lines"] if told["gate"] else []
    try:
        return environment.get_template("card.html").render(
            told=told,
            plot=plot(lines) if lines else "",
            recipe=orjson.dumps(told["recipe"], option=orjson.OPT_INDENT_2).decode(),
        )
    except (KeyError, TypeError, ValueError, UndefinedError) as error:
        raise TrainingError(f"these are no facts of a model card ({error})") from None


def plot(lines: Sequence[Json]) -> str:
    """Before and after for each measure, and the difference's interval, as one SVG."""
    most = max(max(line["before"], line["after"]) for line in lines) or 1.0
    room = _WIDE - _LABEL - 190
    height = _ROW * len(lines) + 8
    parts = [f'<svg role="img" viewBox="0 0 {_WIDE} {height}" aria-label="Rates before and after">']
    for row, line in enumerate(lines):
        y = 4 + _ROW * row
        for kind, at, rate in (("before", 4, line["before"]), ("after", 16, line["after"])):
            wide = max(1.0, rate / most * room)
            box = f'x="{_LABEL}" y="{y + at}" width="{wide:.1f}" height="10"'
            parts.append(f'<rect class="{kind}" {box}/>')
        low, high = line["interval"]
        told = f"{percent(line['before'])} → {percent(line['after'])}"
        parts.append(_text("label", _LABEL - 10, y + 18, visible(line["measure"])[:34]))
        parts.append(_text("value", _WIDE - 182, y + 13, told))
        parts.append(_text("value", _WIDE - 182, y + 27, f"[{percent(low)}, {percent(high)}]"))
    return "".join([*parts, "</svg>"])


def percent(share: Any) -> str:
    """A share as a percentage with as many digits as it needs."""
    return f"{float(share) * 100:.3g}\u00a0%"


def visible(text: Any) -> str:
    """A text without characters that would turn what stands beside them around."""
    return str(text).translate(_HIDDEN)


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'
