"""A ladder as a table for the terminal, as JSON, and as an SVG plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from remit.statistics.intervals import Interval
from remit.verify.ladder.rates import Effect, Rate, Rung, dead_layers
from remit.verify.ladder.steps import cumulative, title
from remit.verify.outputs.words import percent

_PLACES = {"next": "as the next rung", "alone": "alone, on none", "last": "taken from all"}
_ROW, _LEFT, _RIGHT, _WIDTH = 30, 210, 120, 760


def table(rungs: Sequence[Rung], effects: Sequence[Effect]) -> str:
    """Rungs, each rule on the first and last rung, and every layer's effect, as plain text."""
    head = ("layers", "violating scenarios", "detectors say", "replies", "over-refusal", "helped")
    lines = [head, *(_line(rung) for rung in rungs)]
    told = [_columns(lines), "", *_rules(rungs), ""]
    named = ("layer", "where", "without → with", "takes away, points", "p (Holm)")
    told.append(_columns([named, *(_effect(effect) for effect in effects)]))
    told += [f"\nthe {layer} layer changed nothing anywhere" for layer in dead_layers(effects)]
    told += [f"\n{title(r.layers)}: the monitor paused {r.paused}" for r in rungs if r.paused]
    errors = sum(rung.errors for rung in rungs)
    told += [f"\n{errors} cases had no reply and count nowhere"] if errors else []
    return "\n".join(told) + "\n"


def _line(rung: Rung) -> tuple[str, ...]:
    return (
        title(rung.layers), _rate(rung.audited[""]), _rate(rung.detected[""], short=True),
        _rate(rung.replies), _rate(rung.refused, short=True), _rate(rung.helped, short=True),
    )  # fmt: skip


def _rules(rungs: Sequence[Rung]) -> list[str]:
    shown = [rung for rung in rungs if rung.layers in cumulative()]
    if not shown:
        return []
    head = ("rule (auditor)", *(title(rung.layers).split(" + ")[-1] for rung in shown))
    names = [rule for rule in shown[0].audited if rule]
    rows = [(n, *(_rate(rung.audited[n], short=True) for rung in shown)) for n in names]
    return [_columns([head, *rows])]


def _effect(effect: Effect) -> tuple[str, ...]:
    low, high = 100 * effect.difference.low, 100 * effect.difference.high
    change = f"{_rate(effect.without, short=True)} → {_rate(effect.having, short=True)}"
    return (
        effect.layer, _PLACES[effect.where], change, f"{low:+.1f} to {high:+.1f}",
        "nothing changed" if effect.dead else f"{effect.adjusted:.2g}",
    )  # fmt: skip


def _rate(rate: Rate, *, short: bool = False) -> str:
    if rate.rate is None or rate.bounds is None:
        return "–"
    share = percent(rate.rate)
    if short:
        return share
    return f"{share} ({percent(rate.bounds.low)} to {percent(rate.bounds.high)})"


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    wide = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()
        for row in rows
    )


def document(
    rungs: Sequence[Rung], effects: Sequence[Effect], facts: dict[str, Any]
) -> dict[str, Any]:
    """All numbers, for machines; `facts` say what was measured, with which hashes."""
    return {
        "ladder": 1,
        **facts,
        "rungs": [
            {
                "layers": sorted(rung.layers),
                "title": title(rung.layers),
                "audited": {rule or "all": _json(rate) for rule, rate in rung.audited.items()},
                "detected": {rule or "all": _json(rate) for rule, rate in rung.detected.items()},
                "replies": _json(rung.replies),
                "refused": _json(rung.refused),
                "helped": _json(rung.helped),
                "errors": rung.errors,
                "paused": rung.paused,
            }
            for rung in rungs
        ],
        "effects": [
            {
                "layer": effect.layer,
                "where": effect.where,
                "without": _json(effect.without),
                "with": _json(effect.having),
                "difference": _interval(effect.difference),
                "p": effect.p_value,
                "holm": effect.adjusted,
                "dead": effect.dead,
            }
            for effect in effects
        ],
        "dead": list(dead_layers(effects)),
    }


def _json(rate: Rate) -> dict[str, Any]:
    return {"hits": rate.hits, "of": rate.of, "rate": rate.rate, "interval": _interval(rate.bounds)}


def _interval(bounds: Interval | None) -> list[float] | None:
    return None if bounds is None else [bounds.low, bounds.high]


def plot(rungs: Sequence[Rung]) -> str:
    """Violating scenarios on each rung with their intervals, and helpfulness as a second mark."""
    height = 40 + _ROW * len(rungs) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        "<style>text { font: 13px sans-serif }</style>",
        "<title>What each layer takes away</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" fill="#b3261e">● violating scenarios (auditor, 95 %)</text>',
        f'<text x="{_LEFT + 270}" y="20" fill="#1b6e3c">◆ clients helped</text>',
    ]
    for tick in (0, 25, 50, 75, 100):
        x = _place(tick / 100)
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 24}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{x}" y="{height - 8}" text-anchor="middle" fill="#555">{tick} %</text>'
        )
    for row, rung in enumerate(rungs):
        parts += _marks(rung, 46 + _ROW * row)
    return "".join([*parts, "</svg>\n"])


def _marks(rung: Rung, y: int) -> list[str]:
    parts = [
        f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(title(rung.layers))}</text>'
    ]
    broken, helped = rung.audited[""], rung.helped
    if helped.rate is not None:
        x = _place(helped.rate)
        parts.append(f'<path d="M{x} {y - 6}l6 6-6 6-6-6z" fill="#1b6e3c"/>')
    if broken.rate is not None and broken.bounds is not None:
        low, high, x = (_place(v) for v in (broken.bounds.low, broken.bounds.high, broken.rate))
        parts.append(
            f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="#b3261e" stroke-width="2"/>'
        )
        parts.append(f'<circle cx="{x}" cy="{y}" r="5" fill="#b3261e"/>')
        told = escape(percent(broken.rate))
        parts.append(
            f'<text x="{_WIDTH - 8}" y="{y + 4}" text-anchor="end" fill="#b3261e">{told}</text>'
        )
    return parts


def _place(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)
