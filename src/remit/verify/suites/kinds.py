"""Kinds of rule, each with scenarios that lead up to its violation and twins that do not.

A scenario is a situation and a request; its twin is the same situation with a request that the
rule allows. The texts are in `scenarios/`, one file a kind, so that people can read and extend
them; the first comment of a file says what its rule forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from remit.policy import Rule
from remit.verify.suites.slots import Slots

LANGUAGES = ("en", "nl", "de", "fr", "es")
"""What scenarios are written in."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_IN_ID, _IN_SAYS, _BY_DETECTOR = 3, 2, 6


@dataclass(frozen=True, slots=True)
class Texts:
    """A kind's texts in one language; `reads` is another's record, `note` what it was told."""

    situations: tuple[str, ...]
    breaks: tuple[str, ...]
    keeps: tuple[str, ...]
    reads: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule: by which words and detectors it is known, and its texts by language.

    `detectors` are `kind:setting`, such as `topic:legal-advice`; `identifier:*` is any of them.
    `apart`: the situation is a turn of its own, so that something is confided before the request.
    """

    name: str
    words: tuple[str, ...]
    detectors: tuple[str, ...]
    texts: Mapping[str, Texts]
    apart: bool = False

    def fits(self, rule: Rule) -> int:
        """How well the kind fits a rule; 0 is not at all. What a detector says counts most.

        A word of the rule's id tells more than one of its sentence, which may name what it allows.
        """
        score = self._detected(rule)
        for word in self.words:
            whole = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
            score += _IN_ID * bool(whole.search(rule.id)) + _IN_SAYS * bool(whole.search(rule.says))
        return score

    def _detected(self, rule: Rule) -> int:
        """An exact setting counts more than any of the same detector's."""
        asked = {f"{d.kind}:{item}" for d in rule.detect for item in _items(d.config)}
        if asked & set(self.detectors):
            return _BY_DETECTOR
        anything = {name[:-1] for name in self.detectors if name.endswith(":*")}
        return _BY_DETECTOR - 1 if any(a.startswith(tuple(anything)) for a in asked) else 0


def _items(config: object) -> list[str]:
    """The names in a detector's setting: `topic: x`, `echo: [x, y]`, `topic: {x: …}`."""
    if isinstance(config, Mapping):
        return [str(item) for pair in config.items() for item in pair]
    return [str(item) for item in config] if isinstance(config, list | tuple) else [str(config)]


@dataclass(frozen=True, slots=True)
class Frames:
    """What stands around a scenario in one language; see `frames.yaml`."""

    leads: tuple[str, ...]
    exceptions: tuple[str, ...]
    plain: tuple[str, ...]
    introductions: tuple[str, ...]
    spare: tuple[str, ...]
    pushes: tuple[str, ...]
    errand: str


@dataclass(frozen=True, slots=True)
class Library:
    """All that scenarios are made of."""

    kinds: tuple[Kind, ...]
    frames: Mapping[str, Frames]
    slots: Mapping[str, Slots]

    def kind(self, rule: Rule) -> Kind | None:
        """The kind that fits a rule best; None where none does."""
        best = max(self.kinds, key=lambda kind: kind.fits(rule))
        return best if best.fits(rule) else None


def library() -> Library:
    """Reads the shipped texts."""
    folder = resources.files("remit.verify.suites")
    files = sorted(folder.joinpath("scenarios").iterdir(), key=lambda file: file.name)
    frames, slots = _read(folder.joinpath("frames.yaml")), _read(folder.joinpath("slots.yaml"))
    return Library(
        tuple(_kind(file.name[:-5], _read(file)) for file in files if file.name.endswith(".yaml")),
        {language: Frames(**_frozen(raw)) for language, raw in frames.items()},
        {language: Slots(language, **_frozen(raw)) for language, raw in slots.items()},
    )


def _read(file: Any) -> dict[str, Any]:
    value = yaml.load(file.read_text("utf-8"), _LOADER)  # noqa: S506  a safe loader
    return dict(value)


def _kind(name: str, raw: Mapping[str, Any]) -> Kind:
    texts = {lang: Texts(**_frozen(raw[lang])) for lang in LANGUAGES if lang in raw}
    rest = {key: value for key, value in raw.items() if key not in LANGUAGES}
    return Kind(name=name, texts=texts, **_frozen(rest))


def _frozen(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in raw.items()}
