"""Enforcement of a text as it comes, equal to enforcement of the whole, for every chunking.

The text is read at *ticks*: places that depend on the text alone (after a space, after a
character of a script without spaces, or after 64 characters without either). What happens at a
tick depends on the text up to it, never on how it was cut into chunks; so any chunking gives the
same bytes. What is held back at a tick is the tail that may still become a match.

Where a rule stops the text (replace, hand_over, block), it ends where the violation begins, and
the rule's words follow. After replace or hand_over the rest is still read, unseen, because a
graver rule may yet decide; after block it is not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from remit.detectors.text import Text
from remit.enforce import Asked, Enforcer, attempt, decide, findings, run, violation
from remit.layers.guard.delivery import Mark, Masked, Writer, cut_text
from remit.layers.guard.inputs import spoken
from remit.layers.guard.track import Found, Track, last_seen
from remit.policy import Rule
from remit.policy.answers import answer_text
from remit.types import (
    CLEAN,
    Action,
    Detection,
    Failure,
    Finding,
    Interaction,
    Message,
    Outcome,
    Span,
    Stage,
    Verdict,
)

_OPEN = r"[^\s\u2e80-\U0010ffff]"
_TICK = re.compile(rf"{_OPEN}{{0,63}}[\s\u2e80-\U0010ffff]|{_OPEN}{{64}}")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|\n+|[。！？]+")
_MAY_END = re.compile(r"[\s。！？]")
_TRIMMED = 512
_QUIET_LENGTH = 48
_QUIET_WINDOWS = 20_000
# A tail this long is read again only when it has grown by an eighth: else the time that a hostile
# text takes would grow with its square. Text that is held anyway is read in pieces of this size.
_LONG_TAIL = 1_024
_HELD_PIECE = 4_096


@dataclass(slots=True)
class Guarded:
    """The delivered text, why it is so, and where Remit wrote in it."""

    text: str
    verdict: Verdict
    marks: tuple[Mark, ...] = ()
    complete: bool = True

    @property
    def action(self) -> Action:
        """What was done."""
        return self.verdict.action


class Stream:
    """One reply on its way out. Feed chunks, deliver what comes back, then `finish`."""

    def __init__(
        self,
        enforcer: Enforcer,
        context: Interaction,
        stage: Stage = Stage.OUTPUT,
    ) -> None:
        self._enforcer = enforcer
        self._context = context
        self._stage = stage
        self._tracks = [
            Track(asked, reader, [None] * len(asked.rules), reader.quiet)
            for asked, reader in enforcer.readers(context, stage)
        ]
        self._passes = not enforcer.asked(stage)
        self._heavy = enforcer.heavy(stage)
        self._unit = enforcer.policy.delivery.release
        self._holds = enforcer.slow(stage) or self._unit == "when-complete"
        self._sentence = 0  # where the sentence that is not yet settled begins
        self._parts: list[str] = []
        self._buffer = ""  # the text from `_base` on, but for what waits
        self._base = 0
        self._waiting: list[str] = []
        self._length = 0
        self._due = 0  # nothing is read before here
        self._ticked = 0  # read up to here
        self._settled = 0  # nothing before here can still become part of a match
        self._released = 0  # delivered up to here
        self._masked: list[Masked] = []
        self._masking: set[tuple[Span, str]] = set()
        self._cut: int | None = None  # where the text ends for the client, once a rule stops it
        self._failures: dict[Finding, None] = {}
        self._writer = Writer()
        self.blocked = False
        self.verdict: Verdict | None = None

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Where Remit wrote in the delivered text."""
        return tuple(self._writer.marks)

    @property
    def text(self) -> str:
        """The text as it came, as far as it was read."""
        return "".join(self._parts)

    @property
    def complete(self) -> bool:
        """False where the text was stopped."""
        return self._cut is None

    def feed(self, chunk: str) -> str:
        """Takes a chunk; returns what may be delivered now. Ignored once blocked."""
        if self.blocked or not chunk:
            return ""
        self._parts.append(chunk)
        if self._passes:
            return self._writer.copy(chunk)
        self._length += len(chunk)
        if self._length < self._due or self._waiting:
            self._waiting.append(chunk)
            if self._length < self._due:
                return ""
            self._take()
        else:
            self._buffer += chunk
        out: list[str] = []
        while not self.blocked:
            match = _TICK.match(self._buffer, self._ticked - self._base)
            if match is None:
                break
            self._ticked = match.end() + self._base
            if self._ticked >= self._due:
                self._tick(self._ticked, final=False)
                out.append(self._release())
        return "".join(out)

    async def afeed(self, chunk: str) -> str:
        """As `feed`, without blocking the event loop on heavy detectors.

        They read where a sentence may end, so only such chunks are read in a thread.
        """
        if self._heavy and _MAY_END.search(chunk):
            return await asyncio.to_thread(self.feed, chunk)
        return self.feed(chunk)

    def _take(self) -> None:
        self._buffer += "".join(self._waiting)
        self._waiting.clear()

    def finish(self) -> str:
        """The rest, and the rule's words where the text was stopped. Sets `verdict`."""
        answers = []
        if not self.blocked and self._enforcer.slow(self._stage):
            answers = run(self._ask())
        return self._finish(answers)

    async def afinish(self) -> str:
        """As `finish`, without blocking the event loop on slow detectors."""
        answers = []
        if not self.blocked and self._enforcer.slow(self._stage):
            answers = await self._ask()
        if self._heavy:
            return await asyncio.to_thread(self._finish, answers)
        return self._finish(answers)

    async def _ask(self) -> list[tuple[Asked, tuple[Outcome, ...]]]:
        whole = self.text
        interaction = Interaction(
            (*self._context.before, Message("assistant", whole)),
            self._context.id,
            self._context.confidential,
            self._context.canaries,
        )
        return await self._enforcer.ask_slow(interaction, self._stage, Text(whole))

    def _finish(self, slow: list[tuple[Asked, tuple[Outcome, ...]]]) -> str:
        if self._passes:
            self.verdict = self._enforcer.clean(self._stage)
            return ""
        if not self.blocked:
            self._take()
            self._tick(self._length, final=True, slow=slow)
        out = self._release(final=True)
        answers = [(track.asked, track.outcomes) for track in self._tracks] + slow
        if not self._failures and all(o is CLEAN for _, outcomes in answers for o in outcomes):
            self.verdict = self._enforcer.clean(self._stage)
            return out
        found = [*findings(answers), *self._failures]
        self.verdict = decide(self._enforcer.policy, found, self._stage)
        return out + self._answer(self.verdict) if self._cut is not None else out

    def _tick(
        self,
        end: int,
        *,
        final: bool,
        slow: Sequence[tuple[Asked, tuple[Outcome, ...]]] = (),
    ) -> None:
        """Reads up to `end`, and decides what is masked and whether the text stops here."""
        before, lowest = self._settled, end
        buffer, base = self._buffer, self._base
        stops: list[tuple[int, Action]] = []
        read, piece, window = -1, "", None
        lead, moved, place, context = 0, -1, 0, ""  # where the last track went from `read`
        for track in self._tracks:
            if track.settled != read:
                read, window, moved = track.settled, None, -1
                lead = len(track.lead)
                piece = track.lead + buffer[read - base : end - base]
            known = track.quiet.get(piece) if lead == 1 and not final else None
            if known is None:
                window = window or Text(piece, lead)
                known = self._read(track, window, final, stops, before)
            if known != moved:
                moved, place, context = known, read, track.lead
                if passed := piece[lead:known]:
                    place, context = read + len(passed), last_seen(track.lead, passed)
            track.settled, track.lead = place, context
            if place < lowest:
                lowest = place
        self._settled = lowest
        for asked, outcomes in slow:
            for rule, outcome in zip(asked.rules, outcomes, strict=True):
                stops += self._act(rule, outcome, 0)
        long = end - lowest > _LONG_TAIL or end - self._released > _LONG_TAIL
        self._due = self._next(end) if long or self._holds else 0
        if stops:
            self._stop(min(cut for cut, _ in stops))
            self.blocked |= any(action is Action.BLOCK for _, action in stops)

    def _next(self, end: int) -> int:
        """The index before which the text need not be read again, a text read up to `end`."""
        if self._holds:
            return end + _HELD_PIECE
        tail = end - min(self._settled, self._released)
        return end + tail // 8 if tail > _LONG_TAIL else 0

    def _stop(self, index: int) -> None:
        """The text ends for the client where a violation begins, unless it has ended before."""
        if self._cut is None:
            index = min(index, self._settled)
            self._cut = min(index, self._begun(index))
        elif self._holds:
            self._cut = min(self._cut, index)

    def _begun(self, index: int) -> int:
        """Where the unit of release that holds a character begins."""
        if self._unit == "when-complete":
            return 0
        if self._unit == "by-sentence":
            self._move_sentence(index)
            return self._sentence
        return index

    def _move_sentence(self, index: int) -> None:
        """Moves to the last sentence that begins at or before a character."""
        piece = self._buffer[self._sentence - self._base : index - self._base]
        ends = [match.end() for match in _SENTENCE_END.finditer(piece)]
        if ends:
            self._sentence += ends[-1]

    def _read(
        self, track: Track, window: Text, final: bool, stops: list[tuple[int, Action]], before: int
    ) -> int:
        """Reads a window that is not known to be quiet; answers up to where it is settled."""
        reading = attempt(track.asked, track.reader, window, final=final)
        if all(outcome is CLEAN for outcome in reading.outcomes):
            short = len(window.raw) <= _QUIET_LENGTH and len(track.quiet) < _QUIET_WINDOWS
            if short and window.lead == 1 and not final:
                track.quiet[window.raw] = max(reading.settled, window.lead)
        else:
            shift = track.settled - window.lead
            for number, outcome in enumerate(reading.outcomes):
                if outcome is not CLEAN:
                    stops += self._note(track, number, outcome, shift, before)
        return max(reading.settled, window.lead)

    def _note(
        self, track: Track, number: int, outcome: Outcome, shift: int, before: int
    ) -> list[tuple[int, Action]]:
        """Adds a window's outcome to the track; answers where it stops the text, if it does."""
        rule = track.asked.rules[number]
        if isinstance(outcome, Failure):
            self._failures[Finding(rule.id, track.asked.kind, outcome)] = None
            return self._act(rule, outcome, before)
        spans = tuple(Span(s.start + shift, s.end + shift, s.label) for s in outcome.spans)
        outcome = Detection(outcome.score, spans, outcome.reason)
        found = track.found[number] = track.found[number] or Found()
        found.add(outcome)
        return self._act(rule, outcome, before)

    def _act(self, rule: Rule, outcome: Outcome, before: int) -> list[tuple[int, Action]]:
        """Masks what the outcome asks to mask; answers where it stops the text, if it does."""
        spans: tuple[Span, ...] = ()
        if isinstance(outcome, Failure):
            action = violation(rule.failure_action, spans)
        elif outcome.score >= rule.threshold:
            spans = outcome.spans
            action = violation(rule.action(self._stage) or Action.ALLOW, spans)
        else:
            return []
        if action is Action.REDACT:
            for span in spans:
                if (span, rule.id) not in self._masking:
                    self._masking.add((span, rule.id))
                    self._masked.append(Masked(span, rule.id))
        if not action.stops:
            return []
        return [(min((span.start for span in spans), default=before), action)]

    def _release(self, *, final: bool = False) -> str:
        """What may be delivered now."""
        limit = self._settled if not final else self._base + len(self._buffer)
        if self._cut is not None:
            limit = self._cut
        elif self._holds and not final:
            return ""
        elif self._unit == "by-sentence" and not final:
            self._move_sentence(limit)
            limit = self._sentence
        if not self._released and (not final or self._cut is not None):
            piece = self._buffer[: limit - self._base]
            if not piece.strip():
                return ""  # white space alone waits: all there may be before the rule's words
        out = self._writer.write(self._buffer, self._released, limit, self._masked, self._base)
        if limit > self._released:
            self._released = limit
        if self._masked:
            self._masked = [item for item in self._masked if item.span.end > self._released]
        if len(self._buffer) > _TRIMMED:
            self._trim()
        return out

    def _trim(self) -> None:
        over = self._cut is not None and not self._holds
        keep = self._settled if over else min(self._released, self._settled)
        if keep - self._base > len(self._buffer) // 2:
            self._buffer = self._buffer[keep - self._base :]
            self._base = keep

    def _answer(self, verdict: Verdict) -> str:
        policy = self._enforcer.policy
        decisive = verdict.decisive_rules[0] if verdict.decisive_rules else ""
        rule = policy.rule(decisive) if decisive else None
        language = spoken(policy, self._context.messages)
        words = answer_text(policy, rule, verdict.action, language)
        return self._writer.answer((cut_text(language) if self._released else "") + words, decisive)
