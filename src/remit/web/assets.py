"""The files a page needs, read once and kept under their names.

A name is looked up in a table and never joined to a path, so there is nothing to traverse.
Every address carries the digest of the whole set (`?v=`), in the scripts' own imports too: a
browser may keep a file for ever and still never mixes two releases.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_IMPORT = re.compile(rb'(from "\./[a-z]+\.js)"')


@dataclass(frozen=True, slots=True)
class _Shelf:
    version: str
    files: Mapping[str, tuple[bytes, str]]


def asset(name: str) -> tuple[bytes, str] | None:
    """The bytes and content type of `/static/{name}`; None where there is no such file."""
    return _shelf().files.get(name)


def asset_url(name: str) -> str:
    """The address of an asset, with its version. Raises KeyError where there is no such file."""
    shelf = _shelf()
    if name not in shelf.files:
        have = ", ".join(sorted(shelf.files))
        raise KeyError(f"no static file '{name}'; have {have}")
    return f"/static/{name}?v={shelf.version}"


def asset_headers(name: str) -> tuple[tuple[str, str], ...]:
    """Headers to serve an asset with: type, a strong ETag (RFC 9110, 8.8.3) and its lifetime.

    Raises KeyError where there is no such file.
    """
    body, content_type = _shelf().files[name]
    return (
        ("content-type", content_type),
        ("etag", f'"{hashlib.sha256(body).hexdigest()[:32]}"'),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
    )


@cache
def _shelf() -> _Shelf:
    found = {
        entry.name: entry.read_bytes()
        for entry in (files("remit.web") / "static").iterdir()
        if entry.name.rpartition(".")[2] in _TYPES
    }
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + found[name] + b"\0")
    version = digest.hexdigest()[:12]
    versioned = rb"\1?v=" + version.encode() + b'"'
    return _Shelf(
        version,
        {
            name: (_IMPORT.sub(versioned, body), _TYPES[name.rpartition(".")[2]])
            for name, body in found.items()
        },
    )
