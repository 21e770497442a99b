"""The learned kinds as a remit writes them: `topic: legal-advice`, `attack: {alarms: 0.5%}`.

Parsing costs nothing but the check that the extra is installed; models load with the first text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.detectors.base import ConfigError, Matcher, Setting, Use
from remit.detectors.learned.calibration import DEFAULT_ALARMS, LOWEST_EACH, alarms
from remit.detectors.learned.questions import Heads, Like, NamesOf
from remit.detectors.learned.weights import SHIPPED

if TYPE_CHECKING:
    from remit.detectors.learned.cascade import Cascade

_NEEDS = ("numpy", "onnxruntime", "tokenizers")
MIN_LIKE, MAX_LIKE = 5, 50


@dataclass(frozen=True, slots=True)
class Part:
    """What a kind can be asked for: heads for what a client writes, and for what others say."""

    asked: tuple[str, ...]
    given: tuple[str, ...]
    reason: str


@dataclass(slots=True)
class HeadKind:
    """A kind that asks heads: a part's name, several, or {of: …, alarms: …}."""

    name: str
    parts: Mapping[str, Part]
    default: str
    decode: bool = False
    folder: Path = SHIPPED

    def parse(self, config: object) -> Heads:
        """Raises ConfigError for a part that does not exist, or where the extra is missing."""
        of, rate = _split(self.name, config, self.default)
        if not of:
            raise ConfigError(f"{self.name} of what? have {', '.join(self.parts)}")
        chosen = [self._part(item) for item in (of if isinstance(of, list) else [of])]
        asked, given = _union(p.asked for p in chosen), _union(p.given for p in chosen)
        most = max(len(asked), len(given))
        if rate < most * LOWEST_EACH:
            least = f"{most * LOWEST_EACH:.2%}"
            raise ConfigError(f"{self.name} asks {most} heads: alarms can be {least} at the least")
        return Heads(
            asked,
            given,
            ", ".join(dict.fromkeys(part.reason for part in chosen)),
            rate,
            self.decode,
        )

    def _part(self, item: object) -> Part:
        if isinstance(item, str) and item in self.parts:
            return self.parts[item]
        near = difflib.get_close_matches(str(item), self.parts, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"have {', '.join(self.parts)}"
        raise ConfigError(f"{self.name} knows no '{item}'; {hint}")

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One matcher for all rules; the models are shared by all learned kinds."""
        return _matcher(uses, self.folder)


@dataclass(slots=True)
class NameKind:
    """A kind that finds names of persons, addresses or organisations in running text."""

    name: str
    kind: str
    folder: Path = SHIPPED

    def parse(self, config: object) -> NamesOf:
        """Takes `any` or nothing. Raises ConfigError."""
        _installed(self.name)
        if config not in (None, "any"):
            raise ConfigError(f"{self.name} takes no setting; write {self.name}: any")
        return NamesOf(self.kind)

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One matcher for all rules."""
        return _matcher(uses, self.folder)


@dataclass(slots=True)
class ExamplesKind:
    """The owner's own topic: `examples: {like: [5 to 50 sentences], unlike: […], alarms: 1%}`."""

    name: str = "examples"
    folder: Path = SHIPPED

    def parse(self, config: object) -> Like:
        """Raises ConfigError where there are too few or too many examples."""
        _installed(self.name)
        if not isinstance(config, Mapping) or not set(config) <= {"like", "unlike", "alarms"}:
            raise ConfigError("examples wants {like: [5 to 50 sentences], unlike: […], alarms: 1%}")
        like = self._texts(config.get("like"), "like", MIN_LIKE)
        unlike = self._texts(config.get("unlike", []), "unlike", 0)
        return Like(like, unlike, alarms(config.get("alarms", DEFAULT_ALARMS)))

    def _texts(self, value: object, key: str, least: int) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(t, str) and t.strip() for t in value):
            raise ConfigError(f"examples wants a list of sentences under {key}")
        if not least <= len(value) <= MAX_LIKE:
            bounds = f"{least} to {MAX_LIKE} sentences under {key}"
            raise ConfigError(f"examples wants {bounds}, not {len(value)}")
        return tuple(value)

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One matcher for all rules."""
        return _matcher(uses, self.folder)


def _split(name: str, config: object, default: str) -> tuple[Any, float]:
    """What is asked for, and the tolerated rate of alarms."""
    _installed(name)
    if not isinstance(config, Mapping):
        return default if config is None else config, DEFAULT_ALARMS
    if not set(config) <= {"of", "alarms"}:
        raise ConfigError(f"{name} wants {{of: …, alarms: 1%}}")
    return config.get("of", default), alarms(config.get("alarms", DEFAULT_ALARMS))


def _installed(name: str) -> None:
    """Raises ConfigError, naming the cure, where the extra is not installed."""
    if any(find_spec(module) is None for module in _NEEDS):
        raise ConfigError(f"{name} needs the learned detectors: pip install 'remit[learned]'")


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _matcher(uses: Sequence[Use], folder: Path) -> Matcher:
    from remit.detectors.learned.matcher import LearnedMatcher

    return LearnedMatcher([use.config for use in uses], _loader(folder))


def _loader(folder: Path) -> Callable[[], Cascade]:
    from remit.detectors.learned.cascade import cascade

    return partial(cascade, folder)
