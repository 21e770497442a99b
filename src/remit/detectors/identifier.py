"""Identifiers: what names a person, an account or a key; nominated by shape, confirmed exactly.

`identifier: [iban, email, national]`: kinds and groups, see docs/detectors/identifier.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import lru_cache

from remit.detectors.base import ConfigError, Matcher, Reader, Reading, Setting, Use
from remit.detectors.batch import Batch
from remit.detectors.bounded import bounded
from remit.detectors.compiled import Shelf
from remit.detectors.engine import Engine, Expression, TooManyCandidatesError
from remit.detectors.identifiers import IDENTIFIERS
from remit.detectors.identifiers.base import Candidate, Identifier
from remit.detectors.spans import outcomes
from remit.detectors.text import Text
from remit.types import Failure, Interaction, Span

_NO_SHELF = Shelf()


@lru_cache(maxsize=16)
def _engine(names: tuple[str, ...], regions: tuple[str, ...], shelf: Shelf) -> Engine:
    """The engine of some kinds. Stages that ask for the same kinds share it."""
    return Engine(
        [
            Expression(
                bounded(source, IDENTIFIERS[name].width, apart=True),
                index,
                name,
                _confirm(IDENTIFIERS[name], regions),
            )
            for index, name in enumerate(names)
            for source in IDENTIFIERS[name].expressions
        ],
        shelf,
    )


class IdentifierMatcher:
    """All identifier kinds that any rule asks for, each scanned once."""

    def __init__(
        self,
        uses: Sequence[tuple[str, ...]],
        regions: tuple[str, ...],
        shelf: Shelf | None = None,
    ) -> None:
        self.quiet: dict[str, int] = {}
        self._count = len(uses)
        names = tuple(sorted({name for use in uses for name in use}))
        self._askers = [
            tuple(number for number, use in enumerate(uses) if name in use) for name in names
        ]
        self._engine = _engine(names, regions, shelf or _NO_SHELF)

    def prepare(self) -> None:
        """Compiles what is otherwise compiled by the first text."""
        self._engine.prepare()

    def spans(self, text: Text) -> list[Span]:
        """Every identifier in a whole text, labelled by its name."""
        return [span for _, span in self._engine.scan(text, final=True).hits]

    def suspects(self, batch: Batch) -> Sequence[int]:
        """The texts in which some expression matches, confirmed or not."""
        return batch.plain.firing(self.fires)

    def fires(self, folded: bytes) -> bool:
        """True where some expression matches in a plain folding, confirmed or not."""
        return self._engine.fires(folded)

    def bind(self, context: Interaction) -> Reader:
        """Itself: the conversation does not matter."""
        return self

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Outcomes of the window, one per use."""
        try:
            scan = self._engine.scan(text, final=final)
        except TooManyCandidatesError as error:
            return Reading((Failure(str(error)),) * self._count, 0)
        hits = [(use, span) for index, span in scan.hits for use in self._askers[index]]
        return Reading(outcomes(self._count, hits), scan.settled)


def _confirm(
    identifier: Identifier, regions: tuple[str, ...]
) -> Callable[[bytes, int, int], tuple[int, int] | None]:
    # A stream confirms the candidates of its tail again with every word.
    @lru_cache(maxsize=1024)
    def value(candidate: Candidate) -> tuple[int, int] | None:
        return identifier.value(candidate.text) if identifier.valid(candidate) else None

    def confirm(data: bytes, start: int, end: int) -> tuple[int, int] | None:
        text = data[start:end].decode(errors="replace")
        found = value(Candidate(text, _before(data, start), _after(data, end), regions))
        if found is None:
            return None
        first, last = found
        offset = start + len(text[:first].encode())
        return offset, offset + len(text[first:last].encode())

    return confirm


def _before(data: bytes, start: int) -> str:
    """The one character before a byte offset."""
    begin = start - 1
    while begin > 0 and data[begin] & 0xC0 == 0x80:
        begin -= 1
    return data[max(begin, 0) : start].decode(errors="replace")


def _after(data: bytes, end: int) -> str:
    """The two characters after a byte offset."""
    return data[end : end + 8].decode(errors="ignore")[:2]


class IdentifierKind:
    """The `identifier` kind."""

    name = "identifier"

    def parse(self, config: object) -> tuple[str, ...]:
        """Names and groups to names. Raises ConfigError for one that does not exist."""
        items = config if isinstance(config, list) else [config]
        if not items:
            raise ConfigError("identifier wants names, such as [iban, email]")
        names: dict[str, None] = {}
        for item in items:
            names.update(dict.fromkeys(expand(item)))
        return tuple(names)

    def compile(self, uses: Sequence[Use], setting: Setting) -> Matcher:
        """One database for all identifier kinds in use."""
        return IdentifierMatcher([use.config for use in uses], setting.regions, setting.shelf)


def expand(item: object) -> tuple[str, ...]:
    """The identifier names that a name or group stands for. Raises ConfigError."""
    if item in IDENTIFIERS:
        return (str(item),)
    members = tuple(n for n, identifier in IDENTIFIERS.items() if identifier.group == item)
    if members:
        return members
    known = sorted({*IDENTIFIERS, *(identifier.group for identifier in IDENTIFIERS.values())})
    near = difflib.get_close_matches(str(item), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"have {', '.join(known)}"
    raise ConfigError(f"no identifier '{item}'; {hint}")
