"""Templates made into pages: every value escaped, every unknown name an error, all in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from remit.console.notices import NOTICES
from remit.web import shelf

if TYPE_CHECKING:
    from remit.console.visit import Visit

_STATIC: Final = "/console/static"
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
# Control and direction-override characters would restyle or reorder what stands around them.
_VISIBLE: Final = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t\r"},
    0x0D: None,
    0x7F: 0x2421,
    **dict.fromkeys((0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069), 0xFFFD),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page."""

    organisation: str
    assistant: str
    digest: str
    nav: tuple[Link, ...]
    notice: str
    measures: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation; `count` is how many things wait there."""

    label: str
    href: str
    here: bool
    count: int = 0


def page(visit: Visit, template: str, values: Mapping[str, object]) -> bytes:
    """The page as it is sent: `text/html; charset=utf-8`."""
    text = _environment().get_template(template).render(visit=visit, frame=_frame(visit), **values)
    return text.encode("utf-8", "replace")


def _frame(visit: Visit) -> Frame:
    policy, inside = visit.policy, visit.account.name != ""
    kinds: list[str] = []
    waiting = 0
    if inside:
        sql = "SELECT kind FROM interventions WHERE state = 'active' AND starts <= ?"
        sql += " AND (expires = '' OR expires > ?) LIMIT 1000"
        kinds = [row[0] for row in visit.evidence.rows(sql, (visit.time, visit.time))]
        sql = "SELECT count(*) FROM cases WHERE state = 'open'"
        waiting = int(visit.evidence.rows(sql)[0][0])
    return Frame(
        organisation=policy.organisation,
        assistant=policy.assistant.name if policy.assistant else "The assistant",
        digest=policy.digest,
        nav=_nav(visit, waiting) if inside else (),
        notice=NOTICES.get(visit.query.get("done", ""), ""),
        measures=len(kinds),
        stopped="pause" in kinds or "kill" in kinds,
    )


def _nav(visit: Visit, waiting: int) -> tuple[Link, ...]:
    here = visit.request.path
    counts = {"Cases": waiting}
    return tuple(
        Link(route.nav, route.path, _within(here, route.path), counts.get(route.nav, 0))
        for route in visit.desk.routes
        if route.nav and visit.may(route.least)
    )


def _within(here: str, path: str) -> bool:
    return here == path if path.endswith("/") else here == path or here.startswith(path + "/")


def when(time: str) -> Markup:
    """A time as the record writes it, for people: UTC here, their own zone where script runs."""
    try:
        moment = datetime.fromisoformat(time).astimezone(UTC)
    except ValueError:
        return escape(time)
    text = f"{moment.day} {_MONTHS[moment.month - 1]} {moment:%H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        time, f"{moment:%Y-%m-%d %H:%M:%S} UTC", text
    )


def span(seconds: float) -> str:
    """A length of time in its largest unit: 40 s, 12 min, 5 h, 3 days."""
    for size, unit in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}" + ("s" if unit == "day" and number != 1 else "")
    return f"{int(seconds)} s"


def until(time: str, now: datetime) -> str:
    """How far a time is: "in 5 h", "3 days ago"."""
    try:
        seconds = (datetime.fromisoformat(time) - now).total_seconds()
    except ValueError:
        return ""
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(-seconds)} ago"


def visible(text: object) -> str:
    """Text with its control and direction-override characters made visible."""
    return str(text).translate(_VISIBLE)


def _finalized(value: object) -> object:
    """Every text that a template shows is made visible; markup of our own is left as it is."""
    return visible(value) if type(value) is str else value


def count(number: int, noun: str, plural: str = "") -> str:
    """1 rule, 2 rules."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("remit.console"), PackageLoader("remit.web")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters |= {"when": when, "span": span, "until": until, "visible": visible}
    environment.globals |= {
        "asset_url": shelf(_STATIC, "remit.web", "remit.console").url,
        "count": count,
    }
    return environment
