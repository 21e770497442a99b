"""What a learned kind asks of a text: which heads, names or examples, at which rate of alarms.

A question is a parsed configuration: frozen, and free of numpy until it is asked. Its answer is a
score on the scale where 0.5 is what the owner tolerates (`calibration.at_even_odds`), and spans
where it can point at characters; a score over 0.5 without spans means the text as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from remit.detectors.learned.calibration import DEFAULT_ALARMS, at_even_odds
from remit.detectors.text import plain
from remit.types import Span

if TYPE_CHECKING:
    from remit.detectors.learned.cascade import Cascade


class Answer(NamedTuple):
    """A score in [0, 1], over 0.5 where the question's limit is passed, and where in the text."""

    score: float
    spans: tuple[Span, ...] = ()


class Question(Protocol):
    """Asked of each piece of a text."""

    @property
    def reason(self) -> str:
        """What is told where the limit is passed."""
        ...

    @property
    def parts(self) -> bool:
        """True where the sentences of a long text are asked one by one too."""
        ...

    def ask(self, cascade: Cascade, text: str, role: str) -> Answer:
        """The answer for one piece, said by `role`. Raises WeightsError and TooRareError."""
        ...


@dataclass(frozen=True, slots=True)
class Heads:
    """Is any of these heads over its limit?

    `asked` are the heads for what a client writes, `given` for what anyone or anything else says.
    `rate` is tolerated of the question as a whole, so each of k heads gets a k-th part of it.
    """

    asked: tuple[str, ...]
    given: tuple[str, ...]
    reason: str
    rate: float = DEFAULT_ALARMS
    decode: bool = False

    @property
    def parts(self) -> bool:
        """A long text can hide one sentence."""
        return True

    def ask(self, cascade: Cascade, text: str, role: str) -> Answer:
        """The highest score of its heads, over the text without disguise and what it decodes to."""
        text = plain(text)
        names = self.asked if role == "user" else self.given
        heads = [cascade.head(name) for name in names]
        limits = [cascade.threshold(head, self.rate / len(heads)) for head in heads]
        texts = [text, *cascade.decodings(text)] if self.decode else [text]
        answers = (cascade.probabilities(one, heads) for one in texts)
        pairs = (pair for answer in answers for pair in zip(answer, limits, strict=True))
        return Answer(max(at_even_odds(probability, limit) for probability, limit in pairs))


@dataclass(frozen=True, slots=True)
class NamesOf:
    """Does the text name a person, an address or an organisation, and where?"""

    kind: str

    @property
    def reason(self) -> str:
        """What a mask calls it."""
        return "person-name" if self.kind == "person" else self.kind

    @property
    def parts(self) -> bool:
        """Every word is asked by itself already."""
        return False

    def ask(self, cascade: Cascade, text: str, role: str) -> Answer:
        """The likeliest name of the kind, and every span."""
        from remit.detectors.learned.names import names

        if not any(char.isalpha() for char in text):
            return Answer(0.0)
        labels = cascade.manifest.names
        found = [n for n in names(text, cascade.encoded(text), labels) if n.kind == self.kind]
        if not found:
            return Answer(0.0)
        best = max(name.probability for name in found)
        spans = tuple(Span(name.start, name.end, self.reason) for name in found)
        # A word is part of a name at the limit itself, so the answer is never under 0.5.
        return Answer(max(at_even_odds(best, labels.threshold), 0.5001), spans)


@dataclass(frozen=True, slots=True)
class Like:
    """Is the text like these sentences, and unlike those?"""

    like: tuple[str, ...]
    unlike: tuple[str, ...] = ()
    rate: float = DEFAULT_ALARMS

    @property
    def reason(self) -> str:
        """Names the first example."""
        return f"like “{self.like[0]}”"

    @property
    def parts(self) -> bool:
        """A long text can hide one sentence."""
        return True

    def ask(self, cascade: Cascade, text: str, role: str) -> Answer:
        """How much the text is like the examples."""
        from remit.detectors.learned.fewshot import topic

        if not any(char.isalpha() for char in text):
            return Answer(0.0)
        fitted = topic(cascade, self.like, self.unlike)
        return Answer(fitted.score(cascade.encoded(plain(text)), self.rate))
