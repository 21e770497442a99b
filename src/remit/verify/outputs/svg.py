"""Plots as inline SVG: intervals on one scale, and success by attack. No script, no fonts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from xml.sax.saxutils import escape

from remit.verify.outputs import words
from remit.verify.verdicts import Line

_ROW = 24
_LABEL = 250
_WIDTH = 760
_FLOOR = 0.0005
_TICKS = (0.001, 0.01, 0.05, 0.2, 1.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart: so many of so many."""

    label: str
    part: int
    whole: int


def intervals(lines: Sequence[Line], title: str) -> str:
    """Rates with their intervals, a row each, and the limit as a tick; the scale is logarithmic.

    Its lowest place stands for all rates below 0.05 %, nought included.
    """
    height = _ROW * len(lines) + 34
    parts = [_open(height, title)]
    for tick in _TICKS:
        x = _place(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{height - 26}"/>')
        label = escape(words.percent(tick))
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 8}">{label}</text>')
    for row, line in enumerate(lines):
        parts += _interval(line, 4 + _ROW * row + _ROW / 2)
    return "".join([*parts, "</svg>"])


def bars(rows: Sequence[Bar], title: str) -> str:
    """Shares of samples, a row each, on a plain scale from 0 to 100 %."""
    height = _ROW * len(rows) + 8
    parts = [_open(height, title)]
    for number, row in enumerate(rows):
        y = 4 + _ROW * number
        share = row.part / row.whole if row.whole else 0.0
        wide = share * (_WIDTH - _LABEL - 110)
        parts.append(_label(row.label, y + _ROW / 2))
        parts.append(
            f'<rect class="bar" x="{_LABEL}" y="{y + 5}" width="{max(wide, 1):.1f}" height="14"/>'
        )
        told = f"{row.part} of {row.whole}"
        parts.append(f'<text class="value" x="{_LABEL + wide + 6:.1f}" y="{y + 16}">{told}</text>')
    return "".join([*parts, "</svg>"])


def _open(height: float, title: str) -> str:
    box = f'viewBox="0 0 {_WIDTH} {height:.0f}"'
    return (
        f'<svg role="img" {box} aria-label="{escape(words.visible(title), {chr(34): "&quot;"})}">'
    )


def _interval(line: Line, y: float) -> list[str]:
    low, high, at = _place(line.interval.low), _place(line.interval.high), _place(line.rate)
    kind = {"pass": "good", "fail": "bad"}.get(line.decision, "open")
    parts = [
        _label(line.rule, y),
        f'<line class="span {kind}" x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/>',
        f'<circle class="dot {kind}" cx="{at:.1f}" cy="{y}" r="4.5"/>',
    ]
    if line.limit is not None:
        x = _place(line.limit)
        parts.append(f'<line class="limit" x1="{x:.1f}" y1="{y - 9}" x2="{x:.1f}" y2="{y + 9}"/>')
    return parts


def _label(text: str, y: float) -> str:
    text = words.visible(text)
    short = text if len(text) <= 34 else text[:33] + "…"
    return f'<text class="label" x="{_LABEL - 12}" y="{y + 4:.1f}">{escape(short)}</text>'


def _place(rate: float) -> float:
    share = 1 - log10(max(rate, _FLOOR)) / log10(_FLOOR)
    return _LABEL + share * (_WIDTH - _LABEL - 24)
