"""What a gateway run came to: its windows and starts, their medians, and the tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from load import Figures


@dataclass(frozen=True, slots=True)
class Window:
    """One measured stretch. CPU is of the contender's tree; `busy` is in cores."""

    contender: str
    round: int
    kind: str
    connections: int
    figures: Figures
    cpu_us_per_answer: float
    cpu_us_per_chunk: float
    busy: float


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds to the first answer, and MB resident after the windows."""

    contender: str
    round: int
    cold_seconds: float
    resident_mb: float


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure to reach. `value` is None where a contender it needs was not in the run."""

    what: str
    value: float | None
    bound: float
    sign: str = "≤"

    def line(self) -> str:
        """One row: what, value, bound, and whether it is reached."""
        word = "not run"
        if self.value is not None:
            above = self.value >= self.bound
            word = "reached" if above == (self.sign == "≥") else "MISSED"
        return f"  {self.what:<58} {number(self.value):>9}  {self.sign} {self.bound:<6g} {word}"


class Run:
    """The windows and starts of a run, asked by contender, kind and connections."""

    def __init__(self, windows: Sequence[Window], starts: Sequence[Start]) -> None:
        self.windows = windows
        self.starts = starts
        self.contenders = tuple(dict.fromkeys(window.contender for window in windows))

    def values(
        self, name: str, kind: str, connections: int, pick: Callable[[Window], float | None]
    ) -> list[float]:
        """One figure of each round; empty where there was no such window."""
        picked = [
            pick(window)
            for window in self.windows
            if (window.contender, window.kind, window.connections) == (name, kind, connections)
        ]
        return [value for value in picked if value is not None]

    def median(
        self, name: str, kind: str, connections: int, pick: Callable[[Window], float | None]
    ) -> float | None:
        """The median over the rounds."""
        values = self.values(name, kind, connections, pick)
        return statistics.median(values) if values else None

    def start(self, name: str, pick: Callable[[Start], float]) -> float | None:
        """The median over the starts."""
        values = [pick(start) for start in self.starts if start.contender == name]
        return statistics.median(values) if values else None

    def shapes(self, kind: str) -> list[tuple[str, int]]:
        """Each contender with each number of connections, in the order of the run."""
        taken = dict.fromkeys((w.contender, w.connections) for w in self.windows if w.kind == kind)
        return sorted(taken, key=lambda shape: shape[1])


def rate(window: Window) -> float:
    """Answers a second."""
    return window.figures.per_second


def middle(window: Window) -> float:
    """The median latency in milliseconds."""
    return window.figures.p50_ms


def number(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns aligned, the first to the left."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [title]
    for row in cells:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(["", first.strip().ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines)


def answer_rows(run: Run, kind: str) -> Iterator[list[str]]:
    """Rate with its range, latency, CPU and errors: whole answers and unpaced streams."""
    for name, connections in run.shapes(kind):
        rates = run.values(name, kind, connections, rate)

        def cell(
            pick: Callable[[Window], float | None], n: str = name, c: int = connections
        ) -> str:
            return number(run.median(n, kind, c, pick))

        yield [
            name,
            str(connections),
            cell(rate),
            f"{number(min(rates))}-{number(max(rates))}",
            cell(middle),
            cell(lambda window: window.figures.p99_ms),
            cell(lambda window: window.cpu_us_per_answer),
            cell(lambda window: window.busy),
            number(sum(run.values(name, kind, connections, lambda w: w.figures.errors))),
        ]


def paced_rows(run: Run) -> Iterator[list[str]]:
    """First event, first text and CPU a chunk, with a pause between chunks."""
    for name, connections in run.shapes("paced"):

        def cell(
            pick: Callable[[Window], float | None], n: str = name, c: int = connections
        ) -> str:
            return number(run.median(n, "paced", c, pick))

        yield [
            name,
            str(connections),
            cell(lambda window: window.figures.first_event_p50_ms),
            cell(lambda window: window.figures.first_text_p50_ms),
            cell(lambda window: window.figures.first_text_p99_ms),
            cell(lambda window: window.cpu_us_per_chunk),
            cell(lambda window: window.busy),
            number(sum(run.values(name, "paced", connections, lambda w: w.figures.errors))),
        ]


def start_rows(run: Run) -> Iterator[list[str]]:
    """Cold start and memory."""
    for name in dict.fromkeys(start.contender for start in run.starts):
        cold = run.start(name, lambda start: start.cold_seconds)
        yield [name, number(cold), number(run.start(name, lambda start: start.resident_mb))]


def ratio(run: Run, kind: str, connections: int, other: str) -> float | None:
    """Remit's rate over the other's: the median of the ratios within each round."""
    pairs = zip(
        run.values("remit", kind, connections, rate),
        run.values(other, kind, connections, rate),
        strict=False,
    )
    ratios = [mine / theirs for mine, theirs in pairs if theirs]
    return statistics.median(ratios) if ratios else None


def aims(run: Run) -> Iterator[Aim]:
    """The figures that Remit sets itself for this run."""
    for connections in (16, 64):
        place = f"whole answers, {connections} connections"
        yield Aim(f"{place}: of bare aiohttp", ratio(run, "whole", connections, "aiohttp"), 1, "≥")
        rated = run.median("remit", "whole", connections, rate)
        yield Aim(f"{place}: a second", rated, 5000, "≥")
        peer = ratio(run, "whole", connections, "litellm")
        yield Aim(f"{place}: times LiteLLM", peer, 80, "≥")
        streams = ratio(run, "stream", connections, "aiohttp")
        yield Aim(f"streams, {connections} connections: of bare aiohttp", streams, 0.8, "≥")
    mine, bare = (run.median(name, "whole", 1, middle) for name in ("remit", "direct"))
    added = None if mine is None or bare is None else mine - bare
    yield Aim("added p50 at 1 connection, ms", added, 1)
    chunk = run.median("remit", "paced", 64, lambda window: window.cpu_us_per_chunk)
    yield Aim("CPU a chunk, 64 paced streams, us", chunk, 60)
    text = run.median("remit", "paced", 64, lambda window: window.figures.first_text_p50_ms)
    yield Aim("first text p50, 64 paced streams, ms", text, 15)
    yield Aim("resident, MB", run.start("remit", lambda start: start.resident_mb), 150)
    cold = run.start("remit", lambda start: start.cold_seconds)
    yield Aim("start to first answer, s", cold, 1.5)


def render(facts: Mapping[str, object], run: Run) -> str:
    """All tables as text."""
    latency = ("p50 ms", "p99 ms", "CPU us", "busy", "errors")
    first = ("first event p50 ms", "first text p50 ms", "p99 ms", "CPU us/chunk", "busy", "errors")
    return "\n\n".join(
        [
            "\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in facts.items()),
            table(
                "Whole answers (CPU us an answer; busy in cores)",
                ("contender", "conns", "answers/s", "range", *latency),
                answer_rows(run, "whole"),
            ),
            table(
                "Streams of 60 chunks, no pause (the mock sends each chunk by itself, and bounds)",
                ("contender", "conns", "streams/s", "range", *latency),
                answer_rows(run, "stream"),
            ),
            table(
                "Streams of 60 chunks, a pause between chunks",
                ("contender", "conns", *first),
                paced_rows(run),
            ),
            table("Start", ("contender", "cold s", "resident MB"), start_rows(run)),
            "\n".join(["Aims", *(aim.line() for aim in aims(run))]),
        ]
    )
