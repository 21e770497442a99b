"""Reads texts for the learned kinds: sentence by sentence, with one meaning whole or streaming.

What the assistant says is judged by its sentences (`units`); a stream is settled up to the first
unfinished one. What anyone else says comes whole, so it is judged whole as well, in passages: an
attack is spread over sentences. Weights that are absent or changed fail every question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from remit.detectors.base import Reader, Reading, clean
from remit.detectors.learned.calibration import TooRareError
from remit.detectors.learned.questions import Question
from remit.detectors.learned.units import Bounds, passages, units
from remit.detectors.learned.weights import WeightsError
from remit.detectors.text import Text
from remit.types import CLEAN, Detection, Failure, Interaction, Outcome, Span, merge_spans

if TYPE_CHECKING:
    from remit.detectors.learned.cascade import Cascade

Load = Callable[[], "Cascade"]


class LearnedMatcher:
    """All questions of one kind. `load` gives the cascade or raises WeightsError.

    A reading may take milliseconds of processor time a sentence and gives up the interpreter's
    lock meanwhile: `heavy` says that it may be read in a thread.
    """

    heavy = True

    def __init__(self, questions: Sequence[Question], load: Load) -> None:
        self._questions = tuple(questions)
        self._load = load

    def bind(self, context: Interaction) -> Reader:
        """A reader for what the last message's role says."""
        role = context.messages[-1].role if context.messages else "assistant"
        return LearnedReader(self._questions, self._load, role)

    def prepare(self) -> None:
        """Loads both stages now. Where they cannot be loaded, every reading will say so."""
        try:
            cascade = self._load()
            cascade.encoder()
            for question in self._questions:
                _ask(question, cascade, "Good morning, when is your office open?", "user")
        except WeightsError:
            return


class LearnedReader:
    """Reads what one role says."""

    def __init__(self, questions: tuple[Question, ...], load: Load, role: str) -> None:
        # Beginnings of sentences seldom come again, and are what people wrote: not for sharing.
        self.quiet: dict[str, int] = {}
        self._questions = questions
        self._load = load
        self._role = role
        self._clean = clean(len(questions))
        self._broken: Failure | None = None

    def read(self, text: Text, *, final: bool = True) -> Reading:
        """Outcomes of the finished sentences, one per question."""
        if not final and self._role != "assistant":
            return Reading(self._clean, text.lead)
        cascade = self._loaded()
        if isinstance(cascade, Failure):
            return Reading((cascade,) * len(self._questions), len(text.raw))
        parts, settled = units(text.raw, text.lead, final=final)
        whole = parts if self._role == "assistant" else passages(text.raw)
        if not parts:
            return Reading(self._clean, settled)
        both = list(dict.fromkeys([*parts, *whole]))
        outcomes = tuple(
            self._outcome(question, cascade, text.raw, both if question.parts else whole)
            for question in self._questions
        )
        return Reading(outcomes, settled)

    def _loaded(self) -> Cascade | Failure:
        """Weights that are wrong are not read again with every word of one stream."""
        if self._broken is None:
            try:
                return self._load()
            except WeightsError as error:
                self._broken = Failure(str(error))
        return self._broken

    def _outcome(
        self, question: Question, cascade: Cascade, text: str, pieces: Iterable[Bounds]
    ) -> Outcome:
        score, spans = 0.0, list[Span]()
        for start, end in pieces:
            answer = _ask(question, cascade, text[start:end], self._role)
            if isinstance(answer, Failure):
                return answer
            score = max(score, answer[0])
            if answer[0] >= 0.5:
                inside = answer[1] or (Span(0, end - start, question.reason),)
                spans += [Span(s.start + start, s.end + start, s.label) for s in inside]
        if score == 0:
            return CLEAN
        return Detection(score, merge_spans(spans), question.reason if spans else "")


def _ask(
    question: Question, cascade: Cascade, text: str, role: str
) -> tuple[float, tuple[Span, ...]] | Failure:
    try:
        return question.ask(cascade, text, role)
    except (WeightsError, TooRareError) as error:
        return Failure(str(error))
