"""Plots as inline SVG, drawn from counts alone. No script, no fonts, no fetch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _ROW = 760, 190, 26
_TALL = 150
OUTCOMES = ("kept", "changed", "dropped", "quarantined")


@dataclass(frozen=True, slots=True)
class Stack:
    """One row of a chart: rows by outcome."""

    label: str
    parts: tuple[int, ...]


def stacks(rows: Sequence[Stack], title: str) -> str:
    """Rows by outcome, a bar each, on one scale from nought to the longest."""
    most = max((sum(row.parts) for row in rows), default=0) or 1
    room = _WIDTH - _LABEL - 90
    height = _ROW * len(rows) + 6
    drawn = [_open(height, title)]
    for number, row in enumerate(rows):
        y, x = 3 + _ROW * number, float(_LABEL)
        drawn.append(_text("label", _LABEL - 10, y + 17, _short(row.label)))
        for outcome, part in zip(OUTCOMES, row.parts, strict=True):
            wide = part / most * room
            if part:
                wide = max(wide, 1.0)
                box = f'x="{x:.1f}" y="{y + 4}" width="{wide:.1f}" height="17"'
                drawn.append(
                    f'<rect class="{outcome}" {box}><title>{part:,} {outcome}</title></rect>'
                )
            x += wide
        drawn.append(_text("value", x + 7, y + 17, f"{sum(row.parts):,}"))
    return "".join([*drawn, "</svg>"])


def scores(bins: Sequence[int], threshold: float, title: str) -> str:
    """How many rows have which score from 0 to 1; the upright stroke is the threshold."""
    most = max(bins, default=0) or 1
    left, right, top, base = 50, _WIDTH - 10, 8, _TALL - 24
    wide = (right - left) / max(len(bins), 1)
    drawn = [_open(_TALL, title), _axis(left, right, top, base, most)]
    for place, rows in enumerate(bins):
        low = place / len(bins)
        kind = "found" if low + 1e-9 >= threshold else "near"
        told = f"{rows:,} from {low:.2f} to {low + 1 / len(bins):.2f}"
        drawn.append(_bar(kind, left + place * wide + 1, wide - 2, rows / most, base, top, told))
    drawn += [
        _text("tick", left + tick * (right - left), _TALL - 7, f"{tick:g}")
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    x = left + threshold * (right - left)
    drawn.append(f'<line class="limit" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{base}"/>')
    return "".join([*drawn, "</svg>"])


def lengths(before: Sequence[tuple[int, int]], after: dict[int, int], title: str) -> str:
    """Rows by their length in bytes, before and after, side by side; each bin doubles the last."""
    most = max((rows for _, rows in before), default=0)
    most = max(most, *after.values(), 1) if after else most or 1
    left, right, top, base = 50, _WIDTH - 10, 8, _TALL - 24
    wide = (right - left) / max(len(before), 1)
    half = min(wide / 2 - 2, 28)
    drawn = [_open(_TALL, title), _axis(left, right, top, base, most)]
    for place, (size, rows) in enumerate(before):
        middle = left + (place + 0.5) * wide
        told, left_over = f"up to {_bytes(1 << size)}", after.get(size, 0)
        drawn.append(
            _bar("before", middle - half, half, rows / most, base, top, f"{rows:,} in, {told}")
        )
        drawn.append(
            _bar(
                "after", middle + 1, half, left_over / most, base, top, f"{left_over:,} out, {told}"
            )
        )
        if len(before) <= 16 or place % 2 == 0:
            drawn.append(_text("tick", middle, _TALL - 7, _bytes(1 << size)))
    return "".join([*drawn, "</svg>"])


def interval(low: float, high: float, at: float, limit: float | None, title: str) -> str:
    """A share from 0 to 1 with its bounds; the upright stroke is what its owner allows."""
    width, height, left = 220, 22, 6
    room = width - 2 * left
    box, told = f'viewBox="0 0 {width} {height}"', escape(title, {'"': "&quot;"})
    first, last = left + low * room, left + high * room
    drawn = [
        f'<svg class="small" role="img" {box} aria-label="{told}">',
        f'<line class="grid" x1="{left}" y1="11" x2="{width - left}" y2="11"/>',
        f'<line class="span" x1="{first:.1f}" y1="11" x2="{last:.1f}" y2="11"/>',
        f'<circle class="dot" cx="{left + at * room:.1f}" cy="11" r="4"/>',
    ]
    if limit is not None:
        x = left + limit * room
        drawn.append(f'<line class="limit" x1="{x:.1f}" y1="2" x2="{x:.1f}" y2="20"/>')
    return "".join([*drawn, "</svg>"])


def _open(height: float, title: str) -> str:
    told = escape(title, {'"': "&quot;"})
    return f'<svg role="img" viewBox="0 0 {_WIDTH} {height:.0f}" aria-label="{told}">'


def _axis(left: float, right: float, top: float, base: float, most: int) -> str:
    line = f'<line class="grid" x1="{left}" y1="{base}" x2="{right}" y2="{base}"/>'
    return (
        line
        + _text("tick end", left - 6, top + 9, f"{most:,}")
        + _text("tick end", left - 6, base, "0")
    )


def _bar(kind: str, x: float, wide: float, share: float, base: float, top: float, told: str) -> str:
    if not share:
        return ""
    tall = max(share * (base - top), 1.0)
    box = f'x="{x:.1f}" y="{base - tall:.1f}" width="{max(wide, 1):.1f}" height="{tall:.1f}"'
    return f'<rect class="{kind}" {box}><title>{escape(told)}</title></rect>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _short(text: str) -> str:
    return text if len(text) <= 26 else text[:25] + "…"


def _bytes(size: int) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} GB"
