"""Serves the labelling pages on this machine, and writes each label before it shows the next row.

The address holds a token that nobody can guess: without it there is neither a page to read nor a
form to send, so other sites and other users of the machine are kept out by one means.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from remit.layers.data.label.desk import Desk
from remit.layers.data.label.page import (
    ASSETS,
    asset,
    entrance,
    finished,
    item_page,
    security_headers,
)

_RATER = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
# Bytes of a form: a note of 2,000 characters, each written as up to twelve.
_LONGEST = 30_000
_PATIENCE = 30.0
_ANSWERS: Mapping[str, bool | None] = {"right": True, "wrong": False, "unsure": None}


class LabelServer(ThreadingHTTPServer):
    """The labelling pages on 127.0.0.1. `url` is the only address that opens them."""

    daemon_threads = True

    def __init__(
        self,
        folder: str | Path,
        inputs: Sequence[str] = (),
        steps: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        """The sample of the run in `folder`, or of some of its `steps`.

        `inputs` are its sources where they were moved. Raises LedgerError, SourceError or
        LabelFileError for what cannot be read, OSError where the port is taken.
        """
        self.desk = Desk(Path(folder), inputs, steps)
        self.token = secrets.token_urlsafe(18)
        super().__init__(("127.0.0.1", port), _Exchange)

    @property
    def url(self) -> str:
        """Where people begin."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"


class _Exchange(BaseHTTPRequestHandler):
    server: LabelServer
    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"
    server_version = "remit"
    sys_version = ""

    def do_GET(self) -> None:
        parts = self._inside()
        if parts is None:
            return
        desk = self.server.desk
        if not parts:
            self._answer(HTTPStatus.OK, entrance(self._root, len(desk)))
        elif len(parts) == 1 and parts[0] in ASSETS:
            self._answer(HTTPStatus.OK, asset(parts[0]), ASSETS[parts[0]])
        elif parts[0] == "rate" and len(parts) == 2 and _RATER.fullmatch(parts[1]):
            self._next(parts[1])
        elif parts[0] == "rate" and len(parts) == 3 and _RATER.fullmatch(parts[1]):
            view = desk.view(parts[1], _number(parts[2]))
            if view is None:
                self._refuse(HTTPStatus.NOT_FOUND)
            else:
                self._answer(HTTPStatus.OK, item_page(self._root, view))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        parts = self._inside()
        if parts is None:
            return
        form = self._form()
        if form is None:
            self._refuse(HTTPStatus.BAD_REQUEST)
        elif not parts:
            self._enter(form.get("rater", ""))
        elif len(parts) == 3 and parts[0] == "rate" and _RATER.fullmatch(parts[1]):
            self._label(parts[1], _number(parts[2]), form)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: an address in a log would open the pages."""

    def _next(self, rater: str, after: int = -1) -> None:
        place = self.server.desk.next(rater, after)
        if place is None:
            self._answer(HTTPStatus.OK, finished(self._root, rater, len(self.server.desk)))
        else:
            self._go(f"rate/{rater}/{place}")

    def _enter(self, name: str) -> None:
        rater = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].strip("-")
        if _RATER.fullmatch(rater):
            self._go(f"rate/{rater}")
        else:
            told = "Please give a name of letters or digits."
            page = entrance(self._root, len(self.server.desk), told)
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, page)

    def _label(self, rater: str, place: int, form: Mapping[str, str]) -> None:
        answer = form.get("answer", "")
        if answer not in _ANSWERS:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY)
            return
        note = form.get("note", "").replace("\r\n", "\n").strip()
        try:
            self.server.desk.add(rater, place, right=_ANSWERS[answer], note=note)
        except IndexError:
            self._refuse(HTTPStatus.NOT_FOUND)
        except OSError:
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE)
        else:
            left = self.server.desk.next(rater, place)
            self._go(f"rate/{rater}" if left is None else f"rate/{rater}/{left}")

    @property
    def _root(self) -> str:
        return f"/{self.server.token}/"

    def _inside(self) -> list[str] | None:
        """The path below the token; None, and answered, where it is not there."""
        token, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if secrets.compare_digest(token.encode(), self.server.token.encode()):
            return [part for part in rest.split("/") if part]
        self._refuse(HTTPStatus.NOT_FOUND)
        return None

    def _form(self) -> dict[str, str] | None:
        size = self.headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,6}", size) or int(size) > _LONGEST:
            return None
        body = self.rfile.read(int(size)).decode("utf-8", "replace")
        try:
            return {name: values[0] for name, values in parse_qs(body, max_num_fields=10).items()}
        except ValueError:
            return None

    def _go(self, below: str) -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("location", self._root + below)
        self.send_header("content-length", "0")
        self._end()

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._answer(status, f"{status.value} {status.phrase}\n".encode(), "text/plain")

    def _answer(
        self, status: HTTPStatus, body: bytes, kind: str = "text/html; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self._end()
        self.wfile.write(body)

    def _end(self) -> None:
        for name, value in security_headers():
            self.send_header(name, value)
        self.end_headers()


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,7}", text) else -1
