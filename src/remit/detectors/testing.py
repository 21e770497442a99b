"""A test kit for those who write a detector: the duties of a kind, each with a clear message.

    check_detector(MyKind(), config, breaks=["a text that breaks"], keeps=["one that keeps"])
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from remit.detectors.base import Kind, Reader, Reading, Setting, SlowMatcher, Use
from remit.detectors.text import Text, visible
from remit.types import Detection, Failure, Interaction, Message, Outcome, Span

_TICK = re.compile(r"\S{0,63}\s|\S{64}")
_HOSTILE = ("", "\0", "\ud800", "a\u200b" * 50, "(" * 500, "1 " * 500, "e\u0301" * 99, "x" * 1_000_000)


def check_detector(
    kind: Kind,
    config: object,
    *,
    breaks: Sequence[str] = (),
    keeps: Sequence[str] = (),
    setting: Setting | None = None,
    context: Interaction | None = None,
    threshold: float = 0.5,
) -> None:
    """Raises AssertionError, naming the duty, where a kind does not keep to its protocol.

    `breaks` are texts that the detector must score at `threshold` or above, `keeps` texts that it
    must score below. `context` is the conversation that they end. Config errors are raised as
    they are.
    """
    setting, context = setting or Setting(), context or Interaction(())
    parsed = kind.parse(config)
    assert kind.name, "a kind needs a name, by which remits call it"
    uses = [Use("first", parsed), Use("second", parsed)]
    matcher = kind.compile(uses, setting)
    texts = [*breaks, *keeps, *_HOSTILE]
    if isinstance(matcher, SlowMatcher):
        answers = [asyncio.run(matcher.ask(Text(t), _ending(context, t))) for t in texts]
    else:
        readers = [matcher.bind(_ending(context, text)) for text in texts]
        answers = [_read_whole(r, t, len(uses)) for r, t in zip(readers, texts, strict=True)]
        for reader, text in zip(readers, texts, strict=True):
            _check_windows(reader, text if len(text) < 5_000 else text[:300], len(uses))
    for text, outcomes in zip(texts, answers, strict=True):
        _check_outcomes(text, outcomes, len(uses))
    for text, outcomes in zip(texts, answers[: len(breaks) + len(keeps)], strict=False):
        breaking = text in breaks
        for outcome in outcomes:
            assert isinstance(outcome, Detection), f"{text!r}: the detector failed: {outcome}"
            hit = outcome.score >= threshold
            assert hit is breaking, f"{text!r}: scored {outcome.score}, threshold {threshold}"


def _ending(context: Interaction, text: str) -> Interaction:
    messages = (*context.messages, Message("assistant", text))
    return Interaction(messages, context.id, context.confidential, context.canaries)


def _read_whole(reader: Reader, text: str, count: int) -> tuple[Outcome, ...]:
    try:
        first, second = reader.read(Text(text)), reader.read(Text(text))
    except Exception as error:
        raise AssertionError(f"{text[:60]!r}: raised {error!r}; answer Failure instead") from error
    assert first.outcomes == second.outcomes, f"{text[:60]!r}: two readings differ; be pure"
    assert len(first.outcomes) == count, f"{text[:60]!r}: {len(first.outcomes)} answers for {count}"
    return first.outcomes


def _check_outcomes(text: str, outcomes: Sequence[Outcome], count: int) -> None:
    shown = repr(text[:60])
    assert len(outcomes) == count, f"{shown}: {len(outcomes)} answers for {count} uses"
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            continue
        assert isinstance(outcome, Detection), f"{shown}: {outcome!r} is no Detection or Failure"
        assert 0 <= outcome.score <= 1, f"{shown}: the score {outcome.score} is no probability"
        for span in outcome.spans:
            inside = 0 <= span.start < span.end <= len(text)
            assert inside, f"{shown}: the span {span} is empty or outside the text"


def _check_windows(reader: Reader, text: str, count: int) -> None:
    """The window duty: windows that grow word by word find together what the whole shows."""
    whole = _marked([reader.read(Text(text))], [0], count)
    readings, shifts = [], []
    for window, shift, final in _windows(text):
        reading = reader.read(window, final=final)
        low, high = 0, len(window.raw)
        assert low <= reading.settled <= high, f"{text!r}: settled {reading.settled} of {high}"
        readings.append(reading)
        shifts.append(shift)
    for ends in _growing(text):
        settled = [reader.read(Text(text[:end]), final=False).settled for end in ends]
        for before, after in pairwise(settled):
            assert before <= after, f"{text!r}: settled went back from {before} to {after}"
        apart = _marked(_follow(reader, text, ends), None, count)
        assert apart == whole, (
            f"{text!r}: windows find {_lines(apart)}, the whole {_lines(whole)}; settle less, and "
            "report nothing that more text could change"
        )
