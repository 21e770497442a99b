"""Plays cases against targets, grades them, records them: once each, whatever interrupts it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol

from remit.models.base import UpstreamError
from remit.types import Message
from remit.verify.cases import Case, Grade, Transcript
from remit.verify.journal import Journal, Record
from remit.verify.records import Done, Sample
from remit.verify.results import BROKEN, Measure, Outcome, State, measures
from remit.verify.targets import GUARDED, Target

Grading = Callable[[Transcript], Awaitable[Grade]]
Adaptive = Callable[[Case, Target, int], Awaitable[Transcript]]
"""Plays a case whose `meta` names an adaptive attack: many tries, of which the best counts."""
_STOPPED = tuple(GUARDED + word for word in ("replace", "hand_over", "block"))
_HOPELESS = 20
_TURNS = 100


class RunError(Exception):
    """The run cannot go on; the message names the target and the cure."""


class Decider(Protocol):
    """Says when a rule needs no more cases."""

    def decided(self, target: str, rule: str) -> bool:
        """True once more seeds would change nothing."""
        ...

    def add(self, target: str, rule: str, state: State) -> None:
        """Takes one whole seed, in the order of the plan."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played. `cases` can be gone through anew for each target, in the same order.

    The variants of a seed stand together.
    """

    cases: Callable[[], Iterable[Case]]
    repeats: int = 1


@dataclass(slots=True)
class Job:
    """A case to be played once; `seed` counts what is left of its scenario."""

    number: int
    case: Case
    repeat: int
    seed: Progress


@dataclass(slots=True)
class Progress:
    """How far a seed's unattacked variants are."""

    rule: str
    left: int
    state: State = "held"


@dataclass(slots=True)
class Run:
    """A run over targets. `watch` is told each sample as it is counted."""

    plan: Plan
    grade: Grading
    outcomes: dict[str, Outcome]
    watch: Callable[[Sample], None] = lambda sample: None
    decider: Decider | None = None
    adaptive: Adaptive | None = None
    concurrency: int = 16
    done: dict[str, Done] = field(default_factory=dict)
    stopped: str = ""

    def held(self, samples: Iterable[Sample]) -> None:
        """Takes over what an earlier run recorded; a number that stands twice counts once."""
        for sample in samples:
            outcome = self.outcomes.get(sample.target)
            if outcome is None:
                have = ", ".join(self.outcomes)
                raise RunError(f"the record holds target {sample.target}, and this run {have}")
            if self.done.setdefault(sample.target, Done()).add(sample.number):
                outcome.add(sample)

    async def play(self, targets: Sequence[Target], record: Record | None) -> None:
        """Plays what is not yet done. Raises RunError where a target does not answer at all.

        What was played is on the disk when this returns or raises.
        """
        journal = None if record is None else Journal(record)
        try:
            async with asyncio.TaskGroup() as group:
                for target in targets:
                    group.create_task(self._target(target, journal))
        except* (RunError, OSError) as errors:
            raise _first(errors) from None
        finally:
            if journal is not None:
                await journal.flush()

    async def _target(self, target: Target, journal: Journal | None) -> None:
        course = _Course(self, target, journal)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.concurrency):
                group.create_task(course.work())


class _Course:
    """One target's way through the plan, shared by its workers."""

    def __init__(self, run: Run, target: Target, journal: Journal | None) -> None:
        self._run = run
        self._target = target
        self._journal = journal
        self._done = run.done.setdefault(target.name, Done())
        self._outcome = run.outcomes[target.name]
        self._waiting: list[Progress] = []
        self._jobs = self._all()
        self._hopeless = max(_HOPELESS, 2 * run.concurrency)
        self._failures = 0

    async def work(self) -> None:
        """Plays jobs until there are none."""
        for job in self._jobs:
            played = await self._played(job)
            sample = Sample(
                job.number, self._target.name, job.repeat, played, await self._graded(played)
            )
            self._count_failures(sample)
            if self._journal is not None:
                await self._journal.add(sample)
            self._done.add(job.number)
            self._outcome.add(sample)
            self._run.watch(sample)
            self._seed(job, sample)
            # A model in this process never waits: without this nobody else would have a turn.
            await asyncio.sleep(0)

    async def _played(self, job: Job) -> Transcript:
        adaptive = self._run.adaptive
        if adaptive is None or "adaptive" not in job.case.meta:
            return await play(job.case, self._target, job.repeat)
        try:
            return await adaptive(job.case, self._target, job.repeat)
        except (UpstreamError, ValueError) as error:
            return Transcript(job.case, job.case.opening, f"attacker: {error}"[:500])

    async def _graded(self, played: Transcript) -> Grade:
        if played.error and not played.replies:
            return Grade("undecided", "none", "", 0.0, "not played")
        try:
            grade = await self._run.grade(played)
        except Exception as error:  # noqa: BLE001  a grader that breaks has not graded; all else goes on
            reason = f"the grader failed: {type(error).__name__}: {error}"
            return Grade("undecided", "none", BROKEN, 0.0, reason[:500])
        if grade.refusal == "none" and played.finish.startswith(_STOPPED):
            return replace(grade, refusal="partial")
        return grade

    def _count_failures(self, sample: Sample) -> None:
        broken = sample.grade.by == BROKEN
        self._failures = self._failures + 1 if sample.failed or broken else 0
        if self._failures >= self._hopeless:
            last = sample.grade.reason if broken else sample.transcript.error
            raise RunError(
                f"target {self._target.name}: {self._failures} conversations in a row failed, the "
                f"last with {last}; see to that, then run again (what --record kept is gone on "
                "with by --resume)"
            )

    # --- what is left -------------------------------------------------------------------------

    def _all(self) -> Iterator[Job]:
        run, decider, number = self._run, self._run.decider, 0
        for (rule, _), cases in groupby(run.plan.cases(), key=lambda case: (case.rule, case.seed)):
            variants = list(cases)
            skipped = decider is not None and decider.decided(self._target.name, rule)
            seed = Progress(rule, run.plan.repeats * sum(map(_is_traffic, variants)))
            if not skipped and decider is not None:
                self._waiting.append(seed)
            begun: set[Measure] = set()
            for case in variants:
                for repeat in range(run.plan.repeats):
                    if number in self._done:
                        self._seed_again(seed, case)
                        begun.update(measures(case))
                    elif not skipped and self._stop():
                        self._outcome.missed(case, begun)
                    elif not skipped:
                        begun.update(measures(case))
                        yield Job(number, case, repeat, seed)
                    number += 1
            if run.stopped:
                return

    def _stop(self) -> bool:
        if self._target.upstream.budget.exhausted:
            self._run.stopped = "the cost cap is reached"
        return bool(self._run.stopped)

    def _seed(self, job: Job, sample: Sample) -> None:
        if self._run.decider is None or not _is_traffic(job.case):
            return
        state: State = "held"
        if sample.grade.label != "held" or sample.failed:
            state = "failed" if sample.grade.label == "violated" else "unknown"
        self._advance(job.seed, state)

    def _seed_again(self, seed: Progress, case: Case) -> None:
        """A sample of an earlier run: what its seed came to is in the counts already."""
        if self._run.decider is not None and _is_traffic(case):
            group = self._outcome.groups.get((case.rule, "violations"))
            known = group.seeds.get(case.seed) if group else None
            self._advance(seed, known.state if known else "held")

    def _advance(self, seed: Progress, state: State) -> None:
        """Tells the decider of seeds that are complete, in the plan's order.

        Slow replies may be the bad ones: in the order of completion they would come too late.
        """
        order: tuple[State, ...] = ("held", "unknown", "failed")
        seed.state = max(seed.state, state, key=order.index)
        seed.left -= 1
        decider = self._run.decider
        while decider is not None and self._waiting and self._waiting[0].left <= 0:
            complete = self._waiting.pop(0)
            decider.add(self._target.name, complete.rule, complete.state)


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    """Workers of one target fail together and for one reason; it is told once."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _is_traffic(case: Case) -> bool:
    return "violations" in measures(case)


async def play(case: Case, target: Target, repeat: int = 0) -> Transcript:
    """Holds one conversation. What goes wrong stands in the transcript's `error`."""
    messages = list(case.opening)
    start = time.perf_counter()
    finish = served_by = error = ""
    tokens_in = tokens_out = 0
    try:
        # A case without turns is answered as its opening stands.
        for turn in case.turns[:_TURNS] or (None,):
            if turn is not None:
                messages.append(Message("user", turn))
            answer = await target.reply(messages, repeat)
            messages.append(Message("assistant", answer.text))
            finish, served_by = answer.finish, answer.served_by or served_by
            tokens_in += answer.tokens_in
            tokens_out += answer.tokens_out
    except UpstreamError as fault:
        error = f"{fault.kind}: {fault}"
    except (TypeError, ValueError) as fault:
        error = f"request: {type(fault).__name__}: {fault}"
    seconds = time.perf_counter() - start
    return Transcript(
        case, tuple(messages), error[:500], finish, served_by, tokens_in, tokens_out, seconds
    )
