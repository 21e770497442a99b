"""The one page at `/`: a chat with the assistant and, beside each answer, its receipt.

The page is a pure function of a view. It holds no script and no style of its own, so that the
content policy can forbid both: whatever a model says arrives later, as text, and stays text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from remit.web.assets import asset_url

_PLACES: Mapping[str, str] = {
    "input": "Your message",
    "output": "The answer",
    "tool": "Use of a tool",
    "data": "Training data",
    "training": "Training",
}
_DEEDS: Mapping[str, str] = {
    "allow": "let through",
    "flag": "flagged for review",
    "redact": "masked",
    "replace": "replaced by a set answer",
    "hand_over": "handed over to {colleague}",
    "block": "blocked",
    "tag": "tagged",
    "counter": "kept beside a counter-example",
    "mask": "left out of what is learnt",
    "rewrite": "rewritten",
    "drop": "dropped",
    "penalise": "penalised",
}
_KEY = (
    ("allow", "Passed", "nothing found"),
    ("flag", "Flagged", "passed on, and marked for review"),
    ("redact", "Masked", "parts of it covered"),
    ("replace", "Replaced", "a set answer in its place"),
    ("hand_over", "Handed over", "{colleague} takes the question"),
    ("block", "Blocked", "not passed on"),
)
_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        # Browsers that know it refuse every assignment of text where script or HTML is meant.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule as people read it. `stages` gives the action word for each stage it acts at."""

    id: str
    says: str
    because: str
    owner: str
    severity: str
    stages: Mapping[str, str]

    def deeds(self, colleague: str) -> tuple[tuple[str, str, str], ...]:
        """(place, action word, what happens there), in the order in which a text meets them."""
        known = [stage for stage in _PLACES if stage in self.stages]
        others = [stage for stage in self.stages if stage not in _PLACES]
        return tuple(
            (_PLACES.get(stage, stage), word, _deed(word, colleague))
            for stage in known + others
            for word in (self.stages[stage],)
        )


@dataclass(frozen=True, slots=True)
class PageView:
    """What the page shows before anybody has spoken.

    `model` is sent with every request; `demonstration` puts a plain line over the page;
    `tries` are questions offered as buttons; `language` (BCP 47) is that of the remit's texts.
    """

    organisation: str
    assistant_name: str
    assistant_role: str
    model: str
    demonstration: bool
    policy_digest: str
    rules: tuple[RuleView, ...]
    tries: tuple[str, ...]
    language: str
    colleague: str = "a colleague"


def render(view: PageView) -> str:
    """The page as text; every value is escaped."""
    template = _environment().get_template("chat.html")
    return template.render(view=view, actions=_KEY, asset_url=asset_url)


def page(view: PageView) -> bytes:
    """The page as it is sent: `text/html; charset=utf-8`."""
    return render(view).encode("utf-8", "replace")


def security_headers() -> tuple[tuple[str, str], ...]:
    """Headers for the page and its assets: the page runs our script only, and talks to us only.

    Content Security Policy Level 3, Trusted Types, and the usual refusals beside them.
    """
    return (
        ("content-security-policy", _CONTENT_POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    )


def _deed(word: str, colleague: str) -> str:
    known = _DEEDS.get(word)
    return word if known is None else known.replace("{colleague}", colleague)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("remit.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
