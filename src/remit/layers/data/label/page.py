"""The pages of a person who labels rows: a name first, then one row after another.

Pure functions of what they show, without script or style of their own; every text of a row is
escaped. Nothing of what others said is on them, so that two people's labels are their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from remit.layers.data.card.page import visible
from remit.layers.data.label.desk import ItemView

ASSETS: Mapping[str, str] = {
    "label.css": "text/css; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
}
_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_DONE = {
    "drop": "would drop the row",
    "rewrite": "wants it rewritten",
    "redact": "took out what is marked",
    "mask": "keeps what is marked out of the loss",
    "tag": "tagged the row",
    "counter": "added a counter-example",
    "keep": "only noted it",
}


def entrance(root: str, total: int, error: str = "") -> bytes:
    """Where a person gives a name. `root` is the path below which all pages are."""
    return _rendered("entrance.html", root=root, total=total, error=error)


def item_page(root: str, view: ItemView) -> bytes:
    """One row and the question about it."""
    asks = max((mark["asks"] for mark in view.item["marks"]), key=list(_DONE).index, default="")
    if view.item["outcome"] == "dropped" and asks == "drop":
        deed = "dropped the row"
    else:
        deed = _DONE.get(asks, asks)
    reasons = dict.fromkeys(m["reason"] for m in view.item["marks"] if m.get("reason"))
    score = max((mark["score"] for mark in view.item["marks"]), default=0.0)
    return _rendered(
        "item.html", root=root, view=view, deed=deed, reasons=list(reasons), score=score
    )


def finished(root: str, rater: str, total: int) -> bytes:
    """All is labelled."""
    return _rendered("finished.html", root=root, rater=rater, total=total)


def asset(name: str) -> bytes:
    """A style or script. Raises KeyError where there is no such file."""
    if name not in ASSETS:
        raise KeyError(f"no file '{name}'; have {', '.join(ASSETS)}")
    return (files(__package__) / "static" / name).read_bytes()


def security_headers() -> tuple[tuple[str, str], ...]:
    """Headers of every answer: our script and style only, nothing kept, shown in no frame."""
    return (
        ("content-security-policy", _CONTENT_POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    )


def _rendered(template: str, **values: object) -> bytes:
    return _environment().get_template(template).render(values).encode("utf-8", "replace")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("remit.layers.data.label"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["visible"] = visible
    return made
