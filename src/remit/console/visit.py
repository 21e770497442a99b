"""A visit: one person's request for one page, and the ways in which a page answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlencode

from remit.console import render
from remit.console.accounts import Account
from remit.console.passwords import Passwords
from remit.console.roles import Role
from remit.console.throttle import Throttle
from remit.evidence import Evidence, new_id, stamp
from remit.http.message import Request, Response
from remit.layers.monitor.overview import Overview
from remit.policy import Policy

if TYPE_CHECKING:
    from remit.console.feed import Feed
    from remit.console.jobs import Jobs
    from remit.console.pages.review import ReviewDesk
    from remit.console.route import Route

ROOT = "/console"


@dataclass(frozen=True, slots=True)
class Live:
    """The remit in force now. `text` is its file as written; '' where only its meaning is known."""

    policy: Policy
    text: str = ""


class Standing(Protocol):
    """Says how the rules stand at `now`, with `back` days of series."""

    def __call__(
        self, evidence: Evidence, policy: Policy, now: str | None = None, *, back: int = 30
    ) -> Overview:
        """The overview, as of the newest entry that the monitor has counted."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What all pages of one console stand on. `names` and `addresses` slow down guessing."""

    evidence: Evidence
    live: Callable[[], Live]
    routes: tuple[Route, ...]
    feed: Feed
    jobs: Jobs
    passwords: Passwords
    names: Throttle
    addresses: Throttle
    clock: Callable[[], datetime]
    standing: Standing
    secure: bool = False
    review: ReviewDesk | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is given. It runs in a thread of the console's, so it may read and wait.

    `path` holds the parts named in the route, `query` and `form` what was sent, decoded; `now` has
    its time zone. `csrf` is for the page's forms; what came in was checked already.
    """

    desk: Desk
    request: Request
    account: Account
    csrf: str
    session: str
    now: datetime
    live: Live
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def evidence(self) -> Evidence:
        """The record."""
        return self.desk.evidence

    @property
    def policy(self) -> Policy:
        """The remit in force when the request came."""
        return self.live.policy

    @property
    def time(self) -> str:
        """`now` as the record writes it."""
        return stamp(self.now)

    def may(self, role: Role) -> bool:
        """Whether the visitor has at least this role."""
        return self.account.may(role)

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page from a template, with what every page shows."""
        body = render.page(self, template, values)
        return Response(status, [("content-type", "text/html; charset=utf-8")], body)

    def go(self, path: str, notice: str = "") -> Response:
        """Sends the browser to another page of the console; `notice` is a key of `NOTICES`."""
        separator = "&" if "?" in path else "?"
        query = separator + urlencode({"done": notice}) if notice else ""
        return Response(303, [("location", ROOT + path + query)])

    def fault(self, status: int, heading: str, text: str) -> Response:
        """A page that says what cannot be done, and what would help."""
        return self.page("fault.html", status, heading=heading, text=text)

    def saw(self, what: str, about: list[str], **more: str) -> None:
        """Puts into the record that the visitor saw what people wrote, or their data.

        Before the page leaves: what cannot be recorded is not shown. Raises EvidenceError.
        """
        if about:
            self.evidence.append_sync(seen(self.account.name, what, about, self.time, **more))


def seen(who: str, what: str, about: list[str], time: str, **more: str) -> dict[str, object]:
    """The entry that says who saw which records or cases."""
    return {
        "id": f"seen_{new_id()}",
        "time": time,
        "kind": "seen",
        "who": who,
        "what": what,
        "about": about,
        **more,
    }


def address(path: str, **query: str) -> str:
    """An address in the console, its values quoted."""
    return ROOT + quote(path) + (f"?{urlencode(query)}" if query else "")
