"""Confidence sequences drawn as SVG: a band, a line and the limit. Pure; nothing in it but numbers.

Colours and strokes are classes of the style sheet, so that the content policy can forbid inline
style, and so that a plot follows light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from remit.layers.monitor.overview import Day

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 8.0, 8.0, 22.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """Places of days and rates, in the units of the drawing."""

    left: float
    top: float
    width: float
    height: float
    days: int
    most: float

    def x(self, day: int) -> float:
        return self.left + self.width * (day / max(1, self.days - 1))

    def y(self, rate: float) -> float:
        return self.top + self.height * (1 - min(max(rate, 0.0), self.most) / self.most)


def spark(days: Sequence[Day], limit: float, width: int = 200, height: int = 40) -> Markup:
    """A plot for a line of a table: no axes, the figures stand beside it. '' without days."""
    if not days:
        return Markup()
    scale = _Scale(2, 2, width - 4, height - 4, len(days), _most(days, limit))
    return _svg(_curves(days, limit, scale), width, height, "spark", _told(days, limit))


def plot(days: Sequence[Day], limit: float, width: int = 760, height: int = 220) -> Markup:
    """A plot with axes: rates at the left, the first and last day below. '' without days."""
    if not days:
        return Markup()
    most = _most(days, limit)
    inner = width - _LEFT - _RIGHT
    scale = _Scale(_LEFT, _TOP, inner, height - _TOP - _BOTTOM, len(days), most)
    marks = [0.0, most / 2, most]
    grid = "".join(
        f'<path class="grid" d="M{scale.left:.1f} {scale.y(mark):.1f}h{inner:.1f}"/>'
        f'<text x="{scale.left - 6:.1f}" y="{scale.y(mark) + 4:.1f}" text-anchor="end">'
        f"{percent(mark)}</text>"
        for mark in marks
    )
    names = (
        f'<text x="{scale.left:.1f}" y="{height - 5}">{_date(days[0].day)}</text>'
        f'<text x="{width - _RIGHT:.1f}" y="{height - 5}" text-anchor="end">'
        f"{_date(days[-1].day)}</text>"
    )
    return _svg(
        grid + _curves(days, limit, scale) + names, width, height, "plot", _told(days, limit)
    )


def percent(rate: float | None) -> str:
    """A rate for people, with as many digits as it takes: 0.04 %, 0.4 %, 12 %."""
    if rate is None:
        return "–"
    share = rate * 100
    digits = 0 if share == 0 or share >= 9.95 else 1 if share >= 0.095 else 2
    text = f"{share:.{digits}f}"
    return f"{text.removesuffix('.0')} %"


def _curves(days: Sequence[Day], limit: float, scale: _Scale) -> str:
    over = [(scale.x(i), scale.y(day.high)) for i, day in enumerate(days)]
    under = [(scale.x(i), scale.y(day.low)) for i, day in enumerate(days)]
    band = _line([*over, *under[::-1]]) + "Z"
    known = [(scale.x(i), scale.y(d.rate)) for i, d in enumerate(days) if d.rate is not None]
    allowed = f"M{scale.left:.1f} {scale.y(limit):.1f}h{scale.width:.1f}"
    curves = f'<path class="band" d="{band}"/><path class="limit" d="{allowed}"/>'
    if known:
        x, y = known[-1]
        curves += f'<path class="rate" d="{_line(known)}"/>'
        curves += f'<circle class="now" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
    return curves


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _svg(inside: str, width: int, height: int, kind: str, told: str) -> Markup:
    return Markup(  # noqa: S704  made of numbers and of dates that _date has let through
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{told}">'
        f"{inside}</svg>"
    )


def _told(days: Sequence[Day], limit: float) -> str:
    last = days[-1]
    now = f"now {percent(last.rate)}, between {percent(last.low)} and {percent(last.high)}"
    return f"Rate over {len(days)} days: {now}; the limit is {percent(limit)}"


def _most(days: Sequence[Day], limit: float) -> float:
    """The top of the plot. Early bands reach 100 %: what matters is near the limit."""
    rates = [day.rate for day in days if day.rate is not None]
    top = max([limit * 2.5, days[-1].high * 1.15, *(rate * 1.25 for rate in rates)])
    return min(1.0, max(top, 0.002))


def _date(day: str) -> str:
    """A date as it stands, if it is one: it is put into markup."""
    return day if day.replace("-", "").isdigit() else ""
