r"""Regular expressions of the owner's own, bounded, in linear time.

`pattern: '\bHF-\d{6}\b'`, a list of them, or `{name: file-number, regex: '…'}`. Patterns are
matched without regard to case against the plain folding: no look-around, no anchors but `\b`,
every repetition bounded; `\d`, `\w` and `\b` mean ASCII, to which foreign digits are folded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remit.detectors.base import ConfigError, Matcher, Reader, Reading, Setting, Use
from remit.detectors.batch import Batch
from remit.detectors.bounded import Bounded, PatternError
from remit.detectors.compiled import Shelf
from remit.detectors.engine import Engine, Expression, TooManyCandidatesError, parse_pattern
from remit.detectors.spans import outcomes
from remit.detectors.text import Text
from remit.types import Failure, Interaction


@dataclass(frozen=True, slots=True)
class Named:
    """A pattern and the name its findings carry."""

    name: str
    pattern: Bounded


class PatternMatcher:
    """All patterns of all rules."""

    def __init__(self, uses: Sequence[tuple[Named, ...]], shelf: Shelf | None = None) -> None:
        self.quiet: dict[str, int] = {}
        self._count = len(uses)
        self._engine = Engine(
            [
                Expression(named.pattern, number, named.name)
                for number, patterns in enumerate(uses)
                for named in patterns
            ],
            shelf,
        )

    def prepare(self) -> None:
        """Compiles what is otherwise compiled by the first text."""
        self._engine.prepare()

    def suspects(self, batch: Batch) -> Sequence[int]:
        """The texts in which some expression matches, confirmed or not."""
        return batch.plain.firing(self._engine.fires)

    def bind(self, context: Interaction) -> Reader:
        """Itself: the conversation does not matter."""
        return self

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Outcomes of the window, one per use."""
        try:
            scan = self._engine.scan(text, final=final)
        except TooManyCandidatesError as error:
            return Reading((Failure(str(error)),) * self._count, 0)
        return Reading(outcomes(self._count, scan.hits), scan.settled)


class Pattern:
    """The `pattern` kind."""

    name = "pattern"

    def parse(self, config: object) -> tuple[Named, ...]:
        """One pattern or a list. Raises ConfigError where one cannot be bounded."""
        items = config if isinstance(config, list) else [config]
        if not items:
            raise ConfigError(r"pattern wants a regular expression, such as '\bHF-\d{6}\b'")
        return tuple(_named(item) for item in items)

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One database for all patterns."""
        return PatternMatcher([use.config for use in uses], setting.shelf)


def _named(item: object) -> Named:
    if isinstance(item, str):
        name, regex = "pattern", item
    elif isinstance(item, Mapping) and set(item) == {"name", "regex"}:
        name, regex = str(item["name"]), str(item["regex"])
    else:
        raise ConfigError("pattern wants a regular expression, or {name: …, regex: …}")
    try:
        return Named(name, parse_pattern(regex))
    except PatternError as error:
        raise ConfigError(str(error)) from None
