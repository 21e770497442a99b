"""Lines and points with their intervals as one SVG. No script, no fonts; pure.

For what is drawn once, against anything: reliability, a reward against its KL. The curves of a run
are in `plots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from xml.sax.saxutils import escape, quoteattr

_WIDE, _LEFT, _TOP, _RIGHT, _BASE = 460, 58, 30, 446, 236
_INKS = ("#2b5f9e", "#b3541e", "#3d7d4a", "#7a4a91", "#8a7a1f", "#555555")
_STYLE = (
    "<style>text{font:11px sans-serif;fill:#555}.n{font-weight:600;fill:#222}"
    "@media(prefers-color-scheme:dark){text{fill:#aaa}.n{fill:#eee}}</style>"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A point, and from where to where it may lie, where that is known."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Points under one name, joined or not."""

    name: str
    places: Sequence[Place]
    joined: bool = True


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to the picture."""

    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (value - self.x[0]) / (self.x[1] - self.x[0])

    def up(self, value: float) -> float:
        return _BASE - (_BASE - _TOP) * (value - self.y[0]) / (self.y[1] - self.y[0])


def chart(series: Sequence[Series], title: str, x: str, y: str, *, diagonal: bool = False) -> str:
    """All series on the same axes. Raises ValueError where there is no point at all."""
    places = [place for one in series for place in one.places]
    if not places:
        raise ValueError(f"nothing to draw for {title}; give at least one point")
    heights = [v for p in places for v in (p.y, p.low, p.high) if v is not None]
    scale = _Scale(_range([p.x for p in places]), _range(heights))
    parts = [_opened(title, len(series)), _axes(scale, x, y)]
    if diagonal:
        low, high = max(scale.x[0], scale.y[0]), min(scale.x[1], scale.y[1])
        way = f"M{scale.across(low):.1f} {scale.up(low):.1f}L"
        way += f"{scale.across(high):.1f} {scale.up(high):.1f}"
        parts.append(f'<path d="{way}" stroke="#999" stroke-dasharray="4 3"/>')
    for number, one in enumerate(series):
        parts += _drawn(one, scale, _INKS[number % len(_INKS)])
        parts.append(_legend(one.name, number, len(series)))
    return "".join([*parts, "</svg>"])


def _opened(title: str, series: int) -> str:
    tall = _BASE + 40 + (14 * -(-series // 2) if series > 1 else 0)
    size = f'viewBox="0 0 {_WIDE} {tall}" width="{_WIDE}" height="{tall}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
    return (
        head
        + f'aria-label={quoteattr(title)}>{_STYLE}<text class="n" x="{_LEFT}" y="16">'
        + (f"{escape(title)}</text>")
    )


def _axes(scale: _Scale, x: str, y: str) -> str:
    parts = [f'<path d="M{_LEFT} {_TOP}V{_BASE}H{_RIGHT}" fill="none" stroke="#999"/>']
    for value in (scale.x[0], sum(scale.x) / 2, scale.x[1]):
        at = f'x="{scale.across(value):.1f}" y="{_BASE + 14}"'
        parts.append(f'<text {at} text-anchor="middle">{_number(value)}</text>')
    for value in (scale.y[0], sum(scale.y) / 2, scale.y[1]):
        at = f'x="{_LEFT - 6}" y="{scale.up(value) + 4:.1f}"'
        parts.append(f'<text {at} text-anchor="end">{_number(value)}</text>')
    named = f"{escape(x)} →; ↑ {escape(y)}"
    parts.append(f'<text x="{_LEFT}" y="{_BASE + 30}">{named}</text>')
    return "".join(parts)


def _drawn(one: Series, scale: _Scale, ink: str) -> list[str]:
    parts = []
    if one.joined and len(one.places) > 1:
        way = " ".join(f"{scale.across(p.x):.1f},{scale.up(p.y):.1f}" for p in one.places)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{ink}" stroke-width="1.5"/>')
    for place in one.places:
        at = scale.across(place.x)
        if place.low is not None and place.high is not None:
            way = f"M{at:.1f} {scale.up(place.low):.1f}V{scale.up(place.high):.1f}"
            parts.append(f'<path d="{way}" stroke="{ink}" stroke-opacity="0.5"/>')
        told = f"{escape(one.name)}: {place.x:.4g}, {place.y:.4g}"
        circle = f'<circle cx="{at:.1f}" cy="{scale.up(place.y):.1f}" r="3" fill="{ink}">'
        parts.append(f"{circle}<title>{told}</title></circle>")
    return parts


def _legend(name: str, number: int, of: int) -> str:
    if of < 2:
        return ""
    x, y = _LEFT + 196 * (number % 2), _BASE + 46 + 14 * (number // 2)
    dot = f'<circle cx="{x + 4}" cy="{y - 4}" r="4" fill="{_INKS[number % len(_INKS)]}"/>'
    return f'{dot}<text x="{x + 12}" y="{y}">{escape(name)}</text>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low - 0.5, high + 0.5) if high - low < 1e-12 else (low, high)


def _number(value: float) -> str:
    if abs(value) < 1e-12:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    return f"{value:.{digits}f}" if digits < 6 else f"{value:.1e}"
