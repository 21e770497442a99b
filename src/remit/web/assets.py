"""The files that pages need, read once and kept under their names.

A name is looked up in a table and never joined to a path, so there is nothing to traverse.
Every address carries the digest of the whole set (`?v=`), in the scripts' own imports too: a
browser may keep a file for ever and still never mixes two releases.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from remit.http.message import Request, Response, refusal

_TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_IMPORT = re.compile(rb'(from "\./[a-z]+\.js)"')


class Shelf:
    """The static files of some packages, served below `base`. Made by `shelf`."""

    def __init__(self, base: str, packages: tuple[str, ...]) -> None:
        found = {
            entry.name: entry.read_bytes()
            for package in packages
            for entry in (files(package) / "static").iterdir()
            if entry.name.rpartition(".")[2] in _TYPES
        }
        digest = hashlib.sha256()
        for name in sorted(found):
            digest.update(name.encode() + b"\0" + found[name] + b"\0")
        self._base = base
        self._version = digest.hexdigest()[:12]
        versioned = rb"\1?v=" + self._version.encode() + b'"'
        self._files = {
            name: (_IMPORT.sub(versioned, body), _TYPES[name.rpartition(".")[2]])
            for name, body in found.items()
        }

    def find(self, name: str) -> tuple[bytes, str] | None:
        """The bytes and content type of a file; None where there is no such file."""
        return self._files.get(name)

    def url(self, name: str) -> str:
        """The address of a file, with its version. Raises KeyError where there is no such file."""
        if name not in self._files:
            have = ", ".join(sorted(self._files))
            raise KeyError(f"no static file '{name}'; have {have}")
        return f"{self._base}/{name}?v={self._version}"

    def headers(self, name: str) -> tuple[tuple[str, str], ...]:
        """Headers to serve a file with: type, a strong ETag (RFC 9110, 8.8.3) and its lifetime.

        Raises KeyError where there is no such file.
        """
        body, content_type = self._files[name]
        return (
            ("content-type", content_type),
            ("etag", f'"{hashlib.sha256(body).hexdigest()[:32]}"'),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("x-content-type-options", "nosniff"),
        )

    def answer(self, name: str, request: Request) -> Response:
        """The file as an answer: whole, 304 where the browser has it, or 404."""
        found = self.find(name)
        if found is None:
            return refusal(404, "not_found", "there is no such file")
        headers = self.headers(name)
        if request.headers.get("if-none-match") == dict(headers)["etag"]:
            return Response(304, headers)
        return Response(200, headers, found[0])


@cache
def shelf(base: str, *packages: str) -> Shelf:
    """The files in the `static` folders of `packages`, read at the first call."""
    return Shelf(base, packages)


def asset(name: str) -> tuple[bytes, str] | None:
    """The bytes and content type of `/static/{name}`; None where there is no such file."""
    return _own().find(name)


def asset_url(name: str) -> str:
    """The address of an asset, with its version. Raises KeyError where there is no such file."""
    return _own().url(name)


def asset_headers(name: str) -> tuple[tuple[str, str], ...]:
    """Headers to serve an asset with; see `Shelf.headers`. Raises KeyError."""
    return _own().headers(name)


def _own() -> Shelf:
    return shelf("/static", "remit.web")
