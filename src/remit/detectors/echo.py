"""Echo: what the client or the context confided must not come back out.

`echo: [identifiers, names, amounts, numbers, passages, canary]`, or `echo: all`. Found after
normalisation of case, accents, spacing, grouping, number formats and spelled-out digits:

- identifiers, names, amounts and numbers that a client wrote, a tool returned or a record holds;
- passages: 40 characters or more, verbatim, of the system prompt or of confidential context;
- canary: the marker planted in the system prompt.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import cached_property

import hyperscan

from remit.detectors.base import ConfigError, Matcher, Reader, Reading, Setting, Silent, Use
from remit.detectors.batch import Batch, Folding
from remit.detectors.compiled import Database, Shelf, compile_database
from remit.detectors.identifier import IdentifierMatcher, expand
from remit.detectors.identifiers import IDENTIFIERS
from remit.detectors.memory import BEGINNINGS, MAX_VALUES, Confided, Memory, confides
from remit.detectors.passages import RUN, Passages
from remit.detectors.spans import outcomes
from remit.detectors.text import Text
from remit.types import Failure, Interaction, Span

_SHARED = 32
_INSTRUCTING = ("system", "developer")
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
        self._wanted = wanted = frozenset[str]().union(*uses)
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

    def suspects(self, batch: Batch) -> Sequence[int]:
        """What the assistant says after something was confided in the conversation."""
        given = [at for at, message in enumerate(batch.messages) if confides(message)]
        folding = Folding([batch.texts[at] for at in given], lambda text: text.plain)
        secrets = {given[at] for at in folding.firing(self._may_confide)}
        if self._passages is not None:
            secrets.update(
                at
                for at, message in enumerate(batch.messages)
                if message.role in _INSTRUCTING and len(batch.texts[at].skeleton) >= RUN
            )
        return [at for thread in batch.threads for at in _after(thread, batch, secrets)]

    def _may_confide(self, folded: bytes) -> bool:
        """True where a folded text may hold what `Memory` takes; errs on this side only."""
        # In Python, unlike in Hyperscan, this letter is an `i` of another case.
        if "İ".encode() in folded or (self._identifiers and self._identifiers.fires(folded)):
            return True
        found: list[int] = []
        if self._beginnings is not None:
            self._beginnings.scan(folded, lambda number, *_: found.append(number))
        return bool(found)

    @cached_property
    def _beginnings(self) -> Database | None:
        sources = [s for part, some in BEGINNINGS.items() if part in self._wanted for s in some]
        flags = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SINGLEMATCH
        return compile_database(sources, flags) if sources else None

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
        system = tuple(m.text for m in context.before if m.role in _INSTRUCTING)
        return system + context.confidential


def _after(thread: Sequence[int], batch: Batch, secrets: Container[int]) -> Iterator[int]:
    """What the assistant says in a conversation once one of its secrets was told."""
    told = False
    for at in thread:
        if told and batch.messages[at].role == "assistant":
            yield at
        told = told or at in secrets


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
