"""Serves the pages to raters on this machine, and writes each label before it shows the next item.

The address holds a token that nobody can guess: without it there is neither a page to read nor a
form to send, so other sites and other users of the machine are kept out by one means.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote

from remit.policy import Policy
from remit.types import Json
from remit.verify.cases import Label, Refusal
from remit.verify.grading.labelling.page import (
    ASSETS,
    ItemView,
    asset,
    entrance,
    finished,
    item_page,
    security_headers,
)
from remit.verify.grading.labels import HumanLabel, append, read
from remit.verify.grading.sampling import Item

_RATER = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LONGEST = 10_000
_PATIENCE = 30.0
_LABELS: Mapping[str, Label] = {"yes": "violated", "no": "held", "unsure": "undecided"}
_REFUSALS: Mapping[str, Refusal] = {"full": "full", "partial": "partial", "none": "none"}


class Desk:
    """The items, and what each rater has said of them; one writer at a time."""

    def __init__(self, policy: Policy, items: Sequence[Item], path: Path) -> None:
        """Raises LabelError where the labels in `path` cannot be read."""
        self._rules = {rule.id: rule for rule in policy.rules}
        self._items = tuple(items)
        self._path = path
        self._lock = threading.Lock()
        self._said = {(label.item, label.rater): label for label in read(path)}

    def view(self, rater: str, place: int | None) -> ItemView | None:
        """An item, or the first that the rater has not labelled; None where there is none."""
        said = [(item.id, rater) in self._said for item in self._items]
        if place is None:
            place = said.index(False) if False in said else -1
        if not 0 <= place < len(self._items):
            return None
        item = self._items[place]
        earlier = self._said.get((item.id, rater))
        rule = self._rules.get(item.rule)
        return ItemView(item, rule, rater, place, sum(said), len(said), earlier)

    def add(self, rater: str, place: int, label: Label, refusal: Refusal | None) -> None:
        """Writes a label. Raises IndexError for an item that is not there, and OSError."""
        if place < 0:
            raise IndexError(place)
        item = self._items[place]
        said = HumanLabel(
            item.id,
            item.rule,
            rater,
            label,
            item.grade.label,
            item.grade.by,
            item.part,
            refusal,
            item.grade.refusal,
            round(time.time(), 3),
        )
        with self._lock:
            append(self._path, said)
            self._said[item.id, rater] = said

    def __len__(self) -> int:
        return len(self._items)


class LabelServer(ThreadingHTTPServer):
    """The labelling pages on 127.0.0.1. `url` is the only address that opens them."""

    daemon_threads = True

    def __init__(self, policy: Policy, items: Sequence[Item], path: Path, port: int = 0) -> None:
        """Raises OSError where the port is taken, LabelError where `path` holds other things."""
        self.desk = Desk(policy, items, path)
        self.token = secrets.token_urlsafe(18)
        super().__init__(("127.0.0.1", port), _Exchange)

    @property
    def url(self) -> str:
        """Where raters begin."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"


class _Exchange(BaseHTTPRequestHandler):
    server: LabelServer
    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"
    server_version = "remit"
    sys_version = ""

    def do_GET(self) -> None:
        rest = self._inside()
        if rest is None:
            return
        parts = [part for part in rest.split("/") if part]
        if len(parts) == 1 and parts[0] in ASSETS:
            self._answer(HTTPStatus.OK, asset(parts[0]), ASSETS[parts[0]])
        elif not parts:
            self._answer(HTTPStatus.OK, entrance(self._root))
        elif parts[0] == "rate" and 2 <= len(parts) <= 3 and _RATER.fullmatch(parts[1]):
            self._item(parts[1], _number(parts[2]) if len(parts) == 3 else None)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        rest = self._inside()
        if rest is None:
            return
        form = self._form()
        parts = [part for part in rest.split("/") if part]
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

    def _item(self, rater: str, place: int | None) -> None:
        view = self.server.desk.view(rater, place)
        if view is not None:
            self._answer(HTTPStatus.OK, item_page(self._root, view))
        elif place is None:
            self._answer(HTTPStatus.OK, finished(self._root, rater, len(self.server.desk)))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def _enter(self, name: str) -> None:
        rater = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].strip("-")
        if _RATER.fullmatch(rater):
            self._go(f"rate/{quote(rater)}")
        else:
            told = "Please give a name of letters or digits."
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, entrance(self._root, told))

    def _label(self, rater: str, place: int, form: Json) -> None:
        label = _LABELS.get(form.get("label", ""))
        if label is None:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY)
            return
        try:
            self.server.desk.add(rater, place, label, _REFUSALS.get(form.get("refusal", "")))
        except IndexError:
            self._refuse(HTTPStatus.NOT_FOUND)
        except OSError:
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE)
        else:
            self._go(f"rate/{quote(rater)}")

    @property
    def _root(self) -> str:
        return f"/{self.server.token}/"

    def _inside(self) -> str | None:
        """The path below the token; None, and answered, where it is not there."""
        token, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if secrets.compare_digest(token.encode(), self.server.token.encode()):
            return rest
        self._refuse(HTTPStatus.NOT_FOUND)
        return None

    def _form(self) -> Json | None:
        size = self.headers.get("content-length", "")
        if not re.fullmatch(r"\d{1,6}", size) or int(size) > _LONGEST:
            self.close_connection = True
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
    return int(text) if re.fullmatch(r"\d{1,7}", text) else -1
