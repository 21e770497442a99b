"""The picture of `monitor.py`: false alarms by method, and a step as the monitor sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from remit.layers.monitor.overview import Epoch
from remit.layers.monitor.sequences import Sequence
from remit.layers.monitor.simulation import gap

_BARS = (
    ("exact test each day, eight rules", "exact test, each day, eight rules"),
    ("exact test each day, one rule", "exact test, each day, one rule"),
    ("exact test of all so far, one rule", "exact test of all so far, one rule"),
    ("each day", "Remit, eight rules, a look each day"),
    ("each conversation", "Remit, eight rules, a look at each conversation"),
    ("weighted", "Remit, the same, risky ones judged more often"),
)
_STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:13px}"
    ".q{fill:#6e7781}.bad{fill:#b3423a}.good{fill:#2f6f4f}.band{fill:#4b6b9a;opacity:.22}"
    ".line{fill:none;stroke:#4b6b9a;stroke-width:2}.limit{stroke:#b3423a;stroke-dasharray:5 4}"
    ".axis{stroke:#8c959f}.mark{stroke:#24292f;stroke-dasharray:2 3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.q{fill:#9198a1}.mark{stroke:#e6edf3}"
    ".bad{fill:#f0837a}.good{fill:#6fcf97}}</style>"
)


def picture(found: Mapping[str, Any]) -> str:
    """Both panels, as one SVG without script or font."""
    title = "False alarms in 90 days with nothing wrong, and a step from 1 to 3 % as it is found"
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 520" role="img">'
    parts = [f"{head}<title>{title}</title>{_STYLE}"]
    parts += _bars(found)
    parts += _sequence()
    return "".join([*parts, "</svg>\n"])


def _bars(found: Mapping[str, Any]) -> Iterator[str]:
    yield _text(20, 24, "90 days, every rule exactly at its limit: is there any alarm?", "t")
    for row, (name, label) in enumerate(_BARS):
        y, value = 42 + 28 * row, found[f"quiet: {name}"]["share"]
        kind = "good" if value <= 0.05 else "bad"
        yield _text(20, y + 14, label)
        wide = max(2, 440 * value)
        yield f'<rect class="{kind}" x="330" y="{y}" width="{wide:.0f}" height="18"/>'
        yield _text(338 + wide, y + 14, f"{100 * value:.1f} %")


def _sequence() -> Iterator[str]:
    """One rule of 200 judged conversations a day, 1 % and from day 30 on 3 %."""
    rng, days, found = Random(5), 45, ""
    seen = Sequence.begun(0.01, "own", 1.0, Epoch("", "", ""), 0.0)
    upper, lower, line = [], [], []
    for day in range(days):
        left = 200
        while (held := gap(rng, 0.03 if day >= 30 else 0.01)) < left:
            seen.add_quiet([held, 0], [0, 0], day + 1 - (left - held) / 200)
            left -= held + 1
            seen.counted.add(risky=False, judged=True, failed=True)
            seen.bet(day + 1 - left / 200, failed=True)
            if not found and seen.watch.change >= 90 / 0.04 * 8:
                found = f"{day + 1 - left / 200:.1f}"
        seen.add_quiet([left, 0], [0, 0], day + 1)
        seen.settle()
        rate = seen.reached
        x = 60 + 17 * (day + 1)
        upper.append(f"{x},{_y(rate.high):.1f}")
        lower.append(f"{x},{_y(rate.low):.1f}")
        line.append(f"{x},{_y(rate.rate or 0):.1f}")
    yield _text(
        20, 252, "One rule, 200 judged conversations a day; from day 30 on, 3 % break it", "t"
    )
    for percent in range(5):
        yield f'<line class="axis" x1="60" x2="66" y1="{_y(percent / 100):.0f}" '
        yield f'y2="{_y(percent / 100):.0f}"/>' + _text(
            24, _y(percent / 100) + 4, f"{percent} %", "q"
        )
    yield f'<polygon class="band" points="{" ".join([*upper, *reversed(lower)])}"/>'
    yield f'<polyline class="line" points="{" ".join(line)}"/>'
    yield f'<line class="limit" x1="60" x2="830" y1="{_y(0.01):.0f}" y2="{_y(0.01):.0f}"/>'
    yield _text(700, _y(0.01) + 16, "limit 1 %", "q")
    for day, label, y in (
        (30.0, "the step", 290),
        (float(found or 45), f"alarm, day {found}", 274),
    ):
        x = 60 + 17 * day
        yield f'<line class="mark" x1="{x:.0f}" x2="{x:.0f}" y1="{y}" y2="{_y(0):.0f}"/>'
        yield _text(x + 4, y + 4, label)
    yield f'<line class="axis" x1="60" x2="830" y1="{_y(0):.0f}" y2="{_y(0):.0f}"/>'
    for day in range(0, days + 1, 15):
        yield _text(56 + 17 * day, _y(0) + 18, f"{day}", "q")
    yield _text(440, _y(0) + 34, "days", "q")
    yield _text(60, 286, "rate so far, with the interval that holds at every look", "q")


def _y(rate: float) -> float:
    return 470 - 4_200 * min(rate, 0.04)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{text}</text>'
