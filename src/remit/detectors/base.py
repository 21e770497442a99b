"""What a detector is: a kind compiles every rule that uses it into one matcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from remit.detectors.compiled import Shelf
from remit.detectors.text import Text
from remit.types import CLEAN, Detection, Interaction, Outcome


class ConfigError(ValueError):
    """A detector's configuration is refused; the message names the thing and the cure."""


@dataclass(frozen=True, slots=True)
class Use:
    """One rule's use of a kind: the rule's id and the parsed configuration under `detect`."""

    rule: str
    config: Any
    says: str = ""
    breaks: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What the remit as a whole tells its detectors."""

    regions: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    models: Mapping[str, Any] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)


@dataclass(frozen=True, slots=True)
class Reading:
    """A matcher's answer: one outcome per use, and up to where it is settled.

    `settled` is the index in the window before which no character can still become part of a
    match, whatever text follows. A final reading is settled to the end of the text.
    """

    outcomes: tuple[Outcome, ...]
    settled: int


class Reader(Protocol):
    """Reads texts in the light of one conversation. Pure: same text, same reading.

    The same call serves whole texts and streams, so that both have one meaning. A stream is
    read in windows: the window starts at the last settled index and grows word by word. Before
    it stands its context (`text.lead` characters): the last character, and where that one is
    invisible, before it the last that can be seen. Two duties make the union of the windows'
    spans equal to the spans of the whole text: report no span that starts inside the lead or
    that more text could change, and settle nothing that may still become a match.

    `quiet` holds short windows (one character of context and a word or two) that are known to
    find nothing, and up to where each is settled. Streams fill it; most words of a language are
    in it soon, and cost nothing more.
    """

    quiet: dict[str, int]

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Outcomes of the window `text`, one per use, in the order of the uses."""
        ...


class Matcher(Protocol):
    """Answers for all rules of a kind in one pass over the text."""

    def bind(self, context: Interaction) -> Reader:
        """A reader for one conversation; a matcher that needs no context returns itself."""
        ...


@runtime_checkable
class SlowMatcher(Protocol):
    """A matcher that waits on something (a model). It is asked once, for the whole text."""

    async def ask(self, text: Text, context: Interaction) -> tuple[Outcome, ...]:
        """Outcomes of the whole text, one per use, in the order of the uses."""
        ...


class Kind(Protocol):
    """A kind of detector, registered by name."""

    name: str

    def parse(self, config: object) -> Any:
        """The validated configuration. Raises ConfigError, naming the cure."""
        ...

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher | SlowMatcher:
        """One matcher for all uses."""
        ...


def clean(count: int) -> tuple[Outcome, ...]:
    """`count` outcomes that found nothing."""
    return (CLEAN,) * count


def found(spans: Sequence[Any], reason: str) -> Detection:
    """A certain detection with the given spans, in order."""
    return Detection(1.0, tuple(sorted(spans)), reason)


class Silent:
    """A reader that never finds anything."""

    def __init__(self, count: int) -> None:
        self.quiet: dict[str, int] = {}
        self._outcomes = clean(count)

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Clean, and settled to the end."""
        return Reading(self._outcomes, len(text.raw))
