"""The application under `/console/`: it finds the page, and lets in only whom it is for.

What is checked, in this order: the address; that a form comes from a page of this console (Origin,
Fetch Metadata, then a token that only its pages hold); the session; the role. Pages run in a few
threads of their own, because they read the record while the gateway's loop must go on answering.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from remit.console import accounts, forms, sessions
from remit.console.feed import Feed
from remit.console.jobs import Jobs
from remit.console.pages.review import ReviewDesk
from remit.console.passwords import Passwords
from remit.console.roles import Role
from remit.console.route import Found, Route, find
from remit.console.table import ROUTES
from remit.console.throttle import Throttle
from remit.console.visit import ROOT, Desk, Live, Standing, Visit
from remit.evidence import CaseError, Evidence, EvidenceError
from remit.http.message import Request, Response
from remit.layers.monitor.standing import standing
from remit.web import security_headers, shelf

_LOG: Final = logging.getLogger("remit.console")
_THREADS: Final = 4
_TRIES_A_NAME: Final = 5
_TRIES_AN_ADDRESS: Final = 20
_WAITING_MOST: Final = 64
_STATIC: Final = f"{ROOT}/static/"
_NOT_KEPT: Final = (("cache-control", "no-store"), ("vary", "cookie"))
_SETUP: Final = "console/setup"
# Without any referrer a browser sends its own forms with `Origin: null`, as a stranger's would be.
_SECURITY: Final = tuple((dict(security_headers()) | {"referrer-policy": "same-origin"}).items())


class Console:
    """Answers every request for a path under `/console`; see `table.py` for which there are.

    `live` gives the remit in force, anew for each request. `secure`: it is reached by HTTPS, so
    its cookies are for HTTPS alone. Close it when the server has stopped.
    """

    def __init__(
        self,
        evidence: Evidence,
        live: Callable[[], Live],
        *,
        secure: bool = False,
        standing: Standing = standing,
        routes: tuple[Route, ...] = ROUTES,
        review: ReviewDesk | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        feed = Feed(evidence)

        def seconds() -> float:
            return clock().timestamp()

        self.desk = Desk(
            evidence,
            live,
            routes,
            feed,
            Jobs(evidence),
            Passwords(),
            Throttle(_TRIES_A_NAME, seconds),
            Throttle(_TRIES_AN_ADDRESS, seconds),
            clock,
            standing,
            secure,
            review,
        )
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="remit-console")
        self._inside = 0
        self._shelf = shelf(_STATIC.rstrip("/"), "remit.web", "remit.console")

    async def __call__(self, request: Request) -> Response:
        """The answer to a request, with the headers that keep the page to itself."""
        if request.path.startswith(_STATIC):
            response = self._shelf.answer(request.path.removeprefix(_STATIC), request)
            response.headers = list(dict([*response.headers, *_SECURITY]).items())
        else:
            response = await self._answer(request)
            response.headers = [*response.headers, *_NOT_KEPT, *_SECURITY]
        return response

    async def drain(self) -> None:
        """Ends the open streams, which would keep a stopping server waiting."""
        await self.desk.feed.close()

    async def close(self) -> None:
        """Ends the open streams and the threads."""
        await self.desk.feed.close()
        await asyncio.to_thread(self.desk.jobs.close)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def invitation(self) -> str:
        """A path that lets whoever has it make the first account, once; '' where there is one.

        To be shown on the terminal of who starts the server, and nowhere else.
        """
        if accounts.any_account(self.desk.evidence):
            return ""
        token = secrets.token_urlsafe(24)
        kept = hashlib.sha256(token.encode()).hexdigest()
        await self.desk.evidence.keep_state(_SETUP, kept)
        return f"{ROOT}/setup/{token}"

    async def _answer(self, request: Request) -> Response:
        if request.path in (ROOT, ROOT + "/index.html"):
            return Response(308, [("location", ROOT + "/")])
        if self._inside >= _WAITING_MOST:
            return _plain(503, "The console has too much to do. Try again in a moment.")
        self._inside += 1
        try:
            loop = asyncio.get_running_loop()
            response, session = await loop.run_in_executor(self._pool, self._visit, request)
            if session is not None and session.unnoted:
                await sessions.use(self.desk.evidence, session, self._clock())
        except EvidenceError as error:
            return _plain(503, f"The record cannot be read or written: {error}")
        finally:
            self._inside -= 1
        return response

    # In a thread from here on.

    def _visit(self, request: Request) -> tuple[Response, sessions.Session | None]:
        try:
            found = find(self.desk.routes, request.method, request.path)
            if (refused := _stranger(request)) is not None:
                return refused, None
            session = self._session(request)
            visit = self._opened(request, session)
            return self._enter(visit, found), session
        except forms.FormError as error:
            return _plain(400, f"This request cannot be answered: {error}."), None

    def _session(self, request: Request) -> sessions.Session | None:
        name = sessions.cookie_name(secure=self.desk.secure)
        token = sessions.cookies(request.headers.get("cookie", "")).get(name, "")
        return sessions.find(self.desk.evidence, token, self._clock())

    def _opened(self, request: Request, session: sessions.Session | None) -> Visit:
        return Visit(
            desk=self.desk,
            request=request,
            account=session.account if session else accounts.NOBODY,
            csrf=session.csrf
            if session
            else sessions.strangers_token(
                request.headers.get("cookie", ""), secure=self.desk.secure
            ),
            session=session.key if session else "",
            now=self._clock(),
            live=self.desk.live(),
            path={},
            query=forms.query(request.query),
            form={},
        )

    def _enter(self, visit: Visit, found: Found | tuple[str, ...]) -> Response:
        if visit.account.role is Role.NOBODY and not _open_to_all(found):
            return _to_the_door(visit)
        if not isinstance(found, Found):
            if not found:
                return visit.fault(404, "There is no such page", "Go back, or to the overview.")
            response = visit.fault(405, "This cannot be asked here", "Go back and try again.")
            response.headers = [*response.headers, ("allow", ", ".join(found))]
            return response
        route, request = found.route, visit.request
        if not visit.may(route.least):
            text = f"It needs the role {route.least.word}. An admin can give it to you."
            return visit.fault(403, "This is not for your role", text)
        if len(request.body) > route.body:
            return visit.fault(413, "That is too long", f"{route.body:,} bytes at most.")
        visit = replace(visit, path=found.parts)
        if route.method == "POST":
            visit = replace(
                visit, form=forms.form(request.headers.get("content-type", ""), request.body)
            )
            given = visit.form.get("csrf", "").encode()
            # A stranger without the cookie has no token: nothing given is no match for that.
            if not visit.csrf or not hmac.compare_digest(given, visit.csrf.encode()):
                text = "Your session has changed since this page was opened. Go back and reload it."
                return visit.fault(403, "This form is out of date", text)
        return _shown(visit, route)


def _shown(visit: Visit, route: Route) -> Response:
    try:
        return route.page(visit)
    except forms.FormError as error:
        return visit.fault(422, "Something is missing", f"{str(error).capitalize()}.")
    except CaseError as error:
        return visit.fault(409, "It has changed meanwhile", str(error))
    except EvidenceError:
        raise
    except Exception:  # noqa: BLE001 a page that fails is answered as such, and logged
        _LOG.exception("console: %s %s failed", route.method, route.path)
        return _plain(500, "Something is wrong with this page. The server's log says what.")


def _open_to_all(found: Found | tuple[str, ...]) -> bool:
    return isinstance(found, Found) and found.route.least is Role.NOBODY


def _to_the_door(visit: Visit) -> Response:
    if visit.request.method not in ("GET", "HEAD"):
        return _plain(403, "You are not logged in, or no longer: log in and try again.")
    query = f"?{visit.request.query}" if visit.request.query else ""
    to = (visit.request.path + query).removeprefix(ROOT)
    address = f"{ROOT}/login" + ("" if to == "/" else "?" + urlencode({"to": to}))
    return Response(303, [("location", address)])


def _stranger(request: Request) -> Response | None:
    """Refuses a form that another site's page sends (OWASP: verify the origin)."""
    if request.method in ("GET", "HEAD"):
        return None
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin.partition("://")[2] != host) or site != "same-origin":
        return _plain(403, "This form comes from another site.")
    return None


def _plain(status: int, text: str) -> Response:
    kind = ("content-type", "text/plain; charset=utf-8")
    return Response(status, [kind], f"{text}\n".encode("utf-8", "replace"))
