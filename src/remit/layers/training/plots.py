"""Curves of a run as one SVG: a small picture a metric, all on the same axis of steps.

No script and no fonts; readable in print and in the dark. A pure function of the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Final
from xml.sax.saxutils import escape

from remit.layers.training.engine import Point

_WIDE: Final = 320
_TALL: Final = 150
_LEFT: Final = 54
_TOP: Final = 26
_BOTTOM: Final = 22
_COLUMNS: Final = 2
_MOST: Final = 400
_INK: Final = {"train": "#2b5f9e", "held": "#b3541e"}
# These say how it was run and not how well.
_UNSHOWN: Final = ("tokens", "seconds", "lr")
_STYLE: Final = (
    "<style>text{font:11px sans-serif;fill:#555}.n{font-weight:600;fill:#222}"
    "@media(prefers-color-scheme:dark){text{fill:#aaa}.n{fill:#eee}}</style>"
)


def curves(points: Sequence[Point]) -> str:
    """All metrics, training and held-out rows in one picture each."""
    names = dict.fromkeys(n for p in points for n in p.metrics if n not in _UNSHOWN)
    rows = -(-max(1, len(names)) // _COLUMNS)
    wide, tall = _COLUMNS * _WIDE, rows * _TALL
    size = f'viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}"'
    told = 'role="img" aria-label="what was measured at each step"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {told}>', _STYLE]
    for place, name in enumerate(names):
        down, across = divmod(place, _COLUMNS)
        parts.append(f'<g transform="translate({across * _WIDE} {down * _TALL})">')
        parts += _panel(name, points)
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _panel(name: str, points: Sequence[Point]) -> list[str]:
    lines = {
        split: [(p.step, p.metrics[name]) for p in points if p.split == split and name in p.metrics]
        for split in _INK
    }
    values = [value for line in lines.values() for _, value in line]
    low, high = min(values), max(values)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    last = max(step for line in lines.values() for step, _ in line)
    first = min(step for line in lines.values() for step, _ in line)
    right, base = _WIDE - 12, _TALL - _BOTTOM

    def at(step: int, value: float) -> str:
        x = _LEFT + (right - _LEFT) * (step - first) / max(1, last - first)
        y = base - (base - _TOP) * (value - low) / (high - low)
        return f"{x:.1f},{y:.1f}"

    shown = [
        f'<text class="n" x="{_LEFT}" y="16">{escape(name)}</text>',
        f'<path d="M{_LEFT} {_TOP}V{base}H{right}" fill="none" stroke="#999"/>',
        f'<text x="{_LEFT - 6}" y="{_TOP + 8}" text-anchor="end">{_number(high)}</text>',
        f'<text x="{_LEFT - 6}" y="{base}" text-anchor="end">{_number(low)}</text>',
        f'<text x="{_LEFT}" y="{base + 15}">{first}</text>',
        f'<text x="{right}" y="{base + 15}" text-anchor="end">step {last}</text>',
    ]
    for split, line in lines.items():
        if line:
            path = " ".join(at(*one) for one in _thinned(line))
            dash = ' stroke-dasharray="4 3"' if split == "held" else ""
            title = f"<title>{split}</title>"
            shown.append(
                f'<polyline points="{path}" fill="none" stroke="{_INK[split]}" '
                f'stroke-width="1.5"{dash}>{title}</polyline>'
            )
    return shown


def _thinned(line: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `_MOST` places, each the mean of its neighbours, so that long runs stay readable."""
    size = -(-len(line) // _MOST)
    if size == 1:
        return list(line)
    cut = [line[at : at + size] for at in range(0, len(line), size)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in cut]


def _number(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    return f"{value:.{digits}f}" if digits < 6 else f"{value:.1e}"
