"""A guard that keeps a record: what a program without the gateway needs to prove what it did.

>>> guard = Guard.load("remit.yaml")
>>> with Evidence.open("evidence.db") as evidence:
...     answer = Recorded(guard, evidence).output(messages)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from remit.evidence import Evidence
from remit.layers.guard.guard import Guard
from remit.layers.guard.inputs import GuardedInput
from remit.layers.guard.receipt import Log, context_of
from remit.layers.guard.turns import Turn, as_turns
from remit.types import Action, Message, Verdict


@dataclass(frozen=True, slots=True)
class Kept:
    """What was delivered and why, the receipt's id, and the case where it was handed over."""

    text: str
    verdict: Verdict
    receipt: str
    case: str | None = None

    @property
    def action(self) -> Action:
        """What was done."""
        return self.verdict.action


class Recorded:
    """A guard and the evidence it writes to. An answer is returned once its record is durable."""

    def __init__(self, guard: Guard, evidence: Evidence, model: str = "") -> None:
        self._guard = guard
        self._evidence = evidence
        self._model = model

    def input(self, messages: Sequence[Turn]) -> GuardedInput:
        """As `Guard.input`; a refusal is recorded, since no answer will follow."""
        given = self._guard.input(messages)
        if given.answer is not None:
            log = self._log()
            for index, verdict in given.judged.items():
                log.note(index, verdict)
            log.delivered, log.complete = [given.answer], False
            self._keep(log, as_turns(messages), "refusal")
        return given

    def output(self, messages: Sequence[Turn]) -> Kept:
        """As `Guard.output`. Raises EvidenceError where no record can be kept."""
        turns = as_turns(messages)
        guarded = self._guard.output(turns)
        log = self._log()
        log.drafts = [turns[-1].text]
        log.delivered, log.marks = [guarded.text], guarded.marks
        return self._close(log, turns[:-1], guarded.verdict, guarded.text, guarded.complete)

    def stream(self, messages: Sequence[Turn], chunks: Iterable[str]) -> Iterator[str]:
        """As `Guard.stream`. The last piece is withheld until the record is durable."""
        turns = as_turns(messages)
        stream = self._guard.follow(context_of(turns))
        log = self._log()
        for chunk in chunks:
            if out := stream.feed(chunk):
                log.delivered.append(out)
                yield out
            if stream.blocked:
                break
        rest = stream.finish()
        log.delivered.append(rest)
        log.drafts, log.marks = [stream.text], stream.marks
        assert stream.verdict is not None  # noqa: S101  `finish` was called
        self._close(log, turns, stream.verdict, rest, stream.complete)
        if rest:
            yield rest

    def _log(self) -> Log:
        return Log(self._guard.enforcer, self._model, "library")

    def _close(
        self, log: Log, turns: tuple[Message, ...], verdict: Verdict, text: str, complete: bool
    ) -> Kept:
        log.note(len(turns), verdict)
        log.complete = complete
        self._keep(log, turns, "answer")
        return Kept(text, verdict, log.id, log.case.id if log.case else None)

    def _keep(self, log: Log, turns: tuple[Message, ...], kind: str) -> None:
        record = log.record(turns, kind)
        self._evidence.append_sync(record, case=log.case)


__all__ = ["Kept", "Recorded"]
