"""Templates: a remit to start from, for a trade, with the answers to a few questions filled in.

A template is an ordinary remit whose `<name>` values are filled in; its comments stay, for the
file is its owner's from then on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources

_PLACE = re.compile(r"<(organisation|assistant|colleague|owner|reviewer|languages|regions)>")
# Words that need no quotes, also inside braces, and cannot be read as anything but text.
_PLAIN = re.compile(r"[^\W\d_][\w&.'()/+-]*(?: [\w&'(][\w&.'()/+-]*)*")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whoever starts a remit; an empty answer means the default."""

    key: str
    prompt: str
    default: str


QUESTIONS: tuple[Question, ...] = (
    Question("organisation", "Name of the organisation", "Example Ltd"),
    Question("assistant", "Name of the assistant", "Ada"),
    Question("colleague", "Who takes over what the assistant must not answer", "a colleague"),
    Question("owner", "Who is responsible for the assistant (a role)", "Managing director"),
    Question("reviewer", "Who reviews its boundaries (a role)", "Compliance officer"),
    Question("languages", "Languages it answers in (such as en, nl)", "en, nl"),
    Question("regions", "Countries of its clients (such as GB, NL)", "GB, NL"),
)

_TRADES: Mapping[str, Mapping[str, str]] = {
    "accounting": {"colleague": "the duty accountant", "owner": "Managing partner"},
    "blank": {},
    "hr-desk": {
        "colleague": "the HR adviser on duty",
        "owner": "Head of HR",
        "reviewer": "Data protection officer",
    },
    "law-office": {
        "colleague": "the duty solicitor",
        "owner": "Managing partner",
        "reviewer": "Compliance officer for legal practice",
    },
    "medical-practice": {
        "colleague": "the practice nurse",
        "owner": "Practice owner",
        "reviewer": "Data protection officer",
    },
    "web-shop": {
        "colleague": "customer care",
        "owner": "Shop owner",
        "reviewer": "Head of customer care",
    },
}


def names() -> tuple[str, ...]:
    """The names of the templates, in alphabetical order."""
    return tuple(sorted(_TRADES))


def questions(name: str) -> tuple[Question, ...]:
    """The questions with the defaults of a trade. Raises KeyError for an unknown template."""
    defaults = _TRADES[_known(name)]
    return tuple(replace(q, default=defaults.get(q.key, q.default)) for q in QUESTIONS)


def render(name: str, answers: Mapping[str, str]) -> str:
    """A template's text with the answers filled in; what is not answered takes its default.

    The result always loads. Raises KeyError for an unknown template and ValueError for an answer
    to no question, or one that cannot be what was asked.
    """
    known = questions(name)
    for key in answers.keys() - {q.key for q in known}:
        raise ValueError(f"no question '{key}'; have {', '.join(q.key for q in known)}")
    filled = {q.key: _value(q.key, answers.get(q.key, ""), q.default) for q in known}
    text = resources.files("remit.policy").joinpath(f"templates/{name}.yaml").read_text("utf-8")
    return _PLACE.sub(lambda place: filled[place[1]], text)


def _known(name: str) -> str:
    if name not in _TRADES:
        raise KeyError(f"no template '{name}'; have {', '.join(names())}")
    return name


def _value(key: str, answer: str, default: str) -> str:
    """The answer as YAML."""
    text = " ".join(answer.split()) or default
    return _FORMS.get(key, _text)(key, text)


def _text(key: str, text: str) -> str:
    if len(text) > 4000 or not text.isprintable():
        raise ValueError(f"{key}: write printable text of at most 4000 characters")
    if _PLAIN.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _languages(key: str, text: str) -> str:
    codes = _codes(key, text.lower(), r"[a-z]{2,3}", "en, nl")
    if codes == "[]":
        raise ValueError(f"{key}: name at least one, such as en")
    return codes


def _regions(key: str, text: str) -> str:
    return _codes(key, text.upper(), r"[A-Z]{2}", "GB, NL")


def _codes(key: str, text: str, shape: str, example: str) -> str:
    codes = [code for code in re.split(r"[\s,;\[\]]+", text) if code]
    for code in codes:
        if not re.fullmatch(shape, code):
            raise ValueError(f"{key}: '{code}' is no code; write codes such as {example}")
    return f"[{', '.join(dict.fromkeys(codes))}]"


_FORMS: Mapping[str, Callable[[str, str], str]] = {"languages": _languages, "regions": _regions}
