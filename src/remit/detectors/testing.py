"""A test kit for those who write a detector: the duties of a kind, each with a clear message.

check_detector(MyKind(), config, breaks=["a text that breaks"], keeps=["one that keeps"])
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from remit.detectors.base import Kind, Reader, Reading, Setting, SlowMatcher, Use
from remit.detectors.text import Text, visible
from remit.types import Detection, Failure, Interaction, Message, Outcome

_TICK = re.compile(r"\S{0,63}\s|\S{64}")
_HOSTILE = (
    "",
    "\0",
    "\ud800",
    "a\u200b" * 50,
    "(" * 500,
    "1 " * 500,
    "e\u0301" * 99,
    "x" * 1_000_000,
)
_WINDOWED = 5_000  # of a longer text only so many characters are read in windows


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

    `breaks` are texts that the detector must score at `threshold` (a probability) or above,
    `keeps` texts that it must score below. `context` is the conversation whose last message they
    become. What `parse` and `compile` raise is raised as it is.
    """
    assert kind.name, "a kind needs a name, by which remits call it"
    parsed = kind.parse(config)
    matcher = kind.compile([Use("first", parsed), Use("second", parsed)], setting or Setting())
    for text in (*breaks, *keeps, *_HOSTILE):
        ending = _ending(context or Interaction(()), text)
        if isinstance(matcher, SlowMatcher):
            outcomes = asyncio.run(matcher.ask(Text(text), ending))
        else:
            reader = matcher.bind(ending)
            outcomes = _read(reader, Text(text)).outcomes
            _check_windows(reader, text[:_WINDOWED])
        _check_outcomes(text, outcomes)
        if text in breaks or text in keeps:
            _check_example(text, outcomes, threshold, breaks=text in breaks)


def _ending(context: Interaction, text: str) -> Interaction:
    messages = (*context.messages, Message("assistant", text))
    return Interaction(messages, context.id, context.confidential, context.canaries)


def _read(reader: Reader, text: Text, *, final: bool = True) -> Reading:
    shown = repr(text.raw[:60])
    try:
        one, other = (reader.read(Text(text.raw, text.lead), final=final) for _ in range(2))
    except Exception as error:
        raise AssertionError(f"{shown}: raised {error!r}; answer a Failure instead") from error
    assert one == other, f"{shown}: two readings differ; a reader must be pure"
    assert 0 <= one.settled <= len(text.raw), f"{shown}: settled {one.settled} is not in the text"
    if final and not any(isinstance(outcome, Failure) for outcome in one.outcomes):
        assert one.settled == len(text.raw), f"{shown}: a final reading settles all of the text"
    return one


def _check_outcomes(text: str, outcomes: Sequence[Outcome]) -> None:
    shown = repr(text[:60])
    assert len(outcomes) == 2, f"{shown}: {len(outcomes)} answers for 2 uses; give one for each"
    assert outcomes[0] == outcomes[1], f"{shown}: two uses of one configuration differ"
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            continue
        assert isinstance(outcome, Detection), f"{shown}: {outcome!r} is no Detection or Failure"
        assert 0 <= outcome.score <= 1, f"{shown}: the score {outcome.score} is no probability"
        for span in outcome.spans:
            inside = 0 <= span.start < span.end <= len(text)
            assert inside, f"{shown}: {span} is empty or outside the text"


def _check_example(
    text: str, outcomes: Sequence[Outcome], threshold: float, *, breaks: bool
) -> None:
    for outcome in outcomes:
        assert isinstance(outcome, Detection), f"{text!r}: the detector failed: {outcome}"
        wanted = "at least" if breaks else "less than"
        assert (outcome.score >= threshold) is breaks, (
            f"{text!r}: scored {outcome.score}, not {wanted} {threshold}"
        )


def _check_windows(reader: Reader, text: str) -> None:
    """The window duty: windows that grow word by word find together what the whole shows."""
    whole = reader.read(Text(text))
    if any(isinstance(outcome, Failure) for outcome in whole.outcomes):
        return
    ends = [match.end() for match in _TICK.finditer(text)]
    for step in (1, 3):
        readings = _windows(reader, text, ends[::step])
        for use, outcome in enumerate(whole.outcomes):
            mine = [(reading.outcomes[use], shift) for reading, shift in readings]
            assert _covered(mine) == _covered([(outcome, 0)]), (
                f"{text!r}: windows find characters {sorted(_covered(mine))}, the whole text "
                f"{sorted(_covered([(outcome, 0)]))}; settle nothing that may still match, and "
                "report nothing that more text may change"
            )


def _windows(reader: Reader, text: str, ends: Sequence[int]) -> list[tuple[Reading, int]]:
    """The readings of a stream, and how far each window's indices are from the text's."""
    readings, settled = [], 0
    for end in [*(end for end in ends if end < len(text)), len(text)]:
        lead = _lead(text[:settled])
        window = Text(lead + text[settled:end], len(lead))
        reading, shift = _read(reader, window, final=end == len(text)), settled - len(lead)
        readings.append((reading, shift))
        settled = max(settled, reading.settled + shift)
    return readings


def _lead(passed: str) -> str:
    """The last character, and before an invisible one the last that can be seen."""
    if not passed or visible(passed[-1]):
        return passed[-1:]
    return "".join([char for char in passed if visible(char)][-1:]) + passed[-1]


def _covered(found: Sequence[tuple[Outcome, int]]) -> set[int]:
    return {
        index + shift
        for outcome, shift in found
        if isinstance(outcome, Detection)
        for span in outcome.spans
        for index in range(span.start, span.end)
    }
