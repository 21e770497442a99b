"""Echo: what the client or the context confided must not come back out.

`echo: [identifiers, names, amounts, numbers, passages, canary]`, or `echo: all`. Found after
normalisation of case, accents, spacing, grouping, number formats and spelled-out digits:

- identifiers, names, amounts and numbers that a client wrote, a tool returned or a record holds;
- passages: 40 characters or more, verbatim, of the system prompt or of confidential context;
- canary: the marker planted in the system prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

from remit.detectors.base import ConfigError, Matcher, Reader, Reading, Setting, Silent, Use
from remit.detectors.compiled import Shelf
from remit.detectors.identifier import IdentifierMatcher, expand
from remit.detectors.identifiers import IDENTIFIERS
from remit.detectors.memory import MAX_VALUES, Confided, Memory
from remit.detectors.passages import Passages
from remit.detectors.spans import outcomes
from remit.detectors.text import Text
from remit.types import Failure, Interaction, Span

_SHARED = 32
PARTS = ("identifiers", "names", "amounts", "numbers", "passages", "canary")


class EchoMatcher:
    """Remembers what was confided in a conversation and finds it in what is said next."""

    def __init__(
        self,
        uses: Sequence[frozenset[str]],
        regions: tuple[str, ...],
        shelf: Shelf | None = None,
    ) -> None:
        self._uses = tuple(uses)
        wanted = frozenset().union(*uses)
        groups = ("contact", "finance", "national", "technical", "secret")
        known = {identifier.group for identifier in IDENTIFIERS.values()}
        names = tuple(name for group in groups if group in known for name in expand(group))
        self._identifiers = (
            IdentifierMatcher([names], regions, shelf) if "identifiers" in wanted else None
        )
        self._memory = Memory(self._identifiers, wanted)
        self._passages = Passages() if "passages" in wanted else None
        self._nothing = Silent(len(uses))
        self._shared: dict[tuple[Confided, tuple[str, ...]], EchoReader] = {}

    def prepare(self) -> None:
        """Compiles what is otherwise compiled by the first conversation."""
        if self._identifiers is not None:
            self._identifiers.prepare()

    def bind(self, context: Interaction) -> Reader:
        """A reader that knows what this conversation confided.

        Only what the assistant says or does can be an echo; a client may repeat himself.
        """
        if not context.messages or context.messages[-1].role != "assistant":
            return self._nothing
        confided = self._memory.recall(context)
        sources = self._sources(context) if self._passages else ()
        if confided.private:
            return EchoReader(self._uses, confided, self._passages, sources)
        # Nothing was confided: conversations under the same instructions share one reader.
        key = (confided, sources)
        reader = self._shared.get(key)
        if reader is None:
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            reader = EchoReader(self._uses, confided, self._passages, sources)
            self._shared[key] = reader
        return reader

    def _sources(self, context: Interaction) -> tuple[str, ...]:
        system = tuple(m.text for m in context.before if m.role in ("system", "developer"))
        return system + context.confidential


class EchoReader:
    """Reads texts against one conversation's memory."""

    def __init__(
        self,
        uses: tuple[frozenset[str], ...],
        confided: Confided,
        passages: Passages | None,
        sources: tuple[str, ...],
    ) -> None:
        self._uses = uses
        self._confided = confided
        self._book = passages.book(sources) if passages and any(sources) else None
        self.quiet: dict[str, int] = {}

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Outcomes of the window, one per use."""
        if self._confided.excess:
            failure = Failure(f"more than {MAX_VALUES} confided values in one conversation")
            return Reading((failure,) * len(self._uses), 0)
        spans, settled = self._confided.find(text, final=final)
        if self._book is not None:
            more, other = self._book.look(text, final=final)
            spans = [*spans, *more]
            settled = min(settled, other)
        hits: list[tuple[int, Span]] = [
            (number, span)
            for span in spans
            for number, parts in enumerate(self._uses)
            if _part(span.label) in parts
        ]
        return Reading(outcomes(len(self._uses), hits), settled)


def _part(label: str) -> str:
    """The part of `echo` that a span's label belongs to; identifiers carry their own names."""
    return label if label in PARTS else "identifiers"


class Echo:
    """The `echo` kind."""

    name = "echo"

    def parse(self, config: object) -> frozenset[str]:
        """Parts of what was confided; all of them when none are named."""
        if config in (None, "all"):
            return frozenset(PARTS)
        items = config if isinstance(config, list) else [config]
        for item in items:
            if item not in PARTS:
                raise ConfigError(f"echo has no part '{item}'; have {', '.join(PARTS)}")
        return frozenset(str(item) for item in items)

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One memory for all rules."""
        return EchoMatcher([use.config for use in uses], setting.regions, setting.shelf)
