"""The pages of a rater: a name first, then one conversation after another.

Pure functions of what they show. They hold no script or style of their own, and every text that a
model or a client wrote is escaped. Nothing of the graders' opinion is on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from remit.policy import Rule
from remit.verify.grading.labels import HumanLabel
from remit.verify.grading.sampling import Item

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
ASSETS: Mapping[str, str] = {
    "label.css": "text/css; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
}
_SPEAKERS = {
    "system": "Instructions",
    "user": "Client",
    "assistant": "Assistant",
    "tool": "Tool, document",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it is shown; `judged` ones are the assistant's own replies."""

    speaker: str
    text: str
    judged: bool


@dataclass(frozen=True, slots=True)
class ItemView:
    """One conversation for one rater. `place` counts from 0; `done` of `total` are labelled."""

    item: Item
    rule: Rule | None
    rater: str
    place: int
    done: int
    total: int
    earlier: HumanLabel | None

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation, the opening's replies told apart from the assistant's own."""
        return tuple(
            Turn(
                _SPEAKERS.get(message.role, message.role),
                message.text,
                message.role == "assistant" and number >= self.item.given,
            )
            for number, message in enumerate(self.item.messages)
        )


def entrance(root: str, error: str = "") -> bytes:
    """Where a rater gives a name. `root` is the path below which all pages are."""
    return _rendered("entrance.html", root=root, error=error)


def item_page(root: str, view: ItemView) -> bytes:
    """One conversation and the questions about it."""
    return _rendered("item.html", root=root, view=view)


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
    return Environment(
        loader=PackageLoader("remit.verify.grading.labelling"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
