"""Pictures as inline SVG: bounds on one scale, and months. No script, no fonts, no colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Final
from xml.sax.saxutils import escape

from remit.report import words
from remit.report.document import Claim, Month

_ROW: Final = 22
_LABEL: Final = 190
_WIDTH: Final = 720
_FLOOR: Final = 0.0005
_TICKS: Final = (0.001, 0.01, 0.05, 0.2, 1.0)
_MOST: Final = 60
_TALL: Final = 96
# The page's style colours these by class, in the dark too; where it does not reach (a PDF), paper.
_PAPER: Final = {
    "good": "#17693f",
    "bad": "#a8201a",
    "open": "#7a5700",
    "quiet": "#625e57",
    "stopped": "#4b6b9a",
    "passed": "#a8201a",
}


def bounds(claims: Sequence[Claim], title: str) -> str:
    """Rates with their bounds and the limit, a row each; the scale is logarithmic.

    Its lowest place stands for all rates below 0.05 %, nought included. Claims without a rate have
    no row.
    """
    shown = [c for c in claims if c.rate is not None and c.high is not None][:_MOST]
    height = _ROW * len(shown) + 30
    parts = [_open(height, title)]
    for tick in _TICKS:
        x = _place(tick)
        parts.append(_line("grid", x, 2, x, height - 24))
        parts.append(_text("tick", x, height - 8, words.percent(tick), "middle"))
    for row, claim in enumerate(shown):
        parts += _row(claim, 2 + _ROW * row + _ROW / 2)
    return "".join([*parts, "</svg>"])


def months(found: Sequence[Month], title: str) -> str:
    """For each month the share of answers with a violation stopped, and with one let through."""
    step = min(64.0, (_WIDTH - 60) / max(1, len(found)))
    most = max((max(m.stopped, m.passed) / m.answers for m in found if m.answers), default=0.0)
    base = _TALL + 16
    parts = [_open(_TALL + 44, title), _line("grid", 44, base, _WIDTH, base)]
    parts += [_text("end", 40, 24, words.percent(most), "end")] * bool(most)
    parts.append(_text("end", 40, base, words.percent(0), "end"))
    every = max(1, round(56 / step))
    for number, month in enumerate(found):
        x = 52 + step * number
        for offset, kind, n in ((0.0, "stopped", month.stopped), (0.4, "passed", month.passed)):
            tall = _TALL * n / month.answers / most if month.answers and most else 0.0
            parts.append(_bar(kind, x + offset * step, base - tall, step * 0.36, tall))
        if number % every == 0:
            parts.append(_text("start", x, base + 16, words.plain(month.name, 7), "start"))
    return "".join([*parts, "</svg>"])


def _row(claim: Claim, y: float) -> list[str]:
    low, high, at = (_place(share or 0.0) for share in (claim.low, claim.high, claim.rate))
    label = claim.rule if len(claim.rule) <= 28 else claim.rule[:27] + "…"
    ink = _PAPER[claim.sign]
    parts = [
        _text("end", _LABEL - 10, y + 4, label, "end"),
        _line(f"span {claim.sign}", low, y, high, y, ink, 3),
        f'<circle class="dot {claim.sign}" fill="{ink}" cx="{at:.1f}" cy="{y:.1f}" r="4"/>',
    ]
    if claim.limit is not None:
        x = _place(claim.limit)
        parts.append(_line("limit", x, y - 8, x, y + 8, "#1d1c1a", 2))
    return parts


def _open(height: float, title: str) -> str:
    name = escape(title, {'"': "&quot;"})
    box = f'viewBox="0 0 {_WIDTH} {height:.0f}" font-family="Noto Sans, DejaVu Sans, sans-serif"'
    return f'<svg role="img" {box} aria-label="{name}">'


def _line(
    kind: str, x1: float, y1: float, x2: float, y2: float, ink: str = "#dedad2", width: int = 1
) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{kind}" stroke="{ink}" stroke-width="{width}" {ends}/>'


def _text(kind: str, x: float, y: float, said: str, anchor: str) -> str:
    place = f'text-anchor="{anchor}" font-size="12" x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{kind}" {place}>{escape(said)}</text>'


def _bar(kind: str, x: float, y: float, wide: float, tall: float) -> str:
    box = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
    return f'<rect class="{kind}" fill="{_PAPER[kind]}" {box}/>'


def _place(rate: float) -> float:
    share = 1 - log10(max(rate, _FLOOR)) / log10(_FLOOR)
    return _LABEL + share * (_WIDTH - _LABEL - 28)
