"""The test kit passes every shipped kind, and names the duty that a bad one breaks."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from remit.detectors.base import Reading, Setting
from remit.detectors.echo import Echo
from remit.detectors.identifier import IdentifierKind
from remit.detectors.judge import Judge
from remit.detectors.pattern import Pattern
from remit.detectors.phrases import Phrases
from remit.detectors.testing import check_detector
from remit.types import CLEAN, Detection, Interaction, Message, Span

SHIPPED = [
    (Phrases(), ["you should sue", "advis*"], ["you should  sue"], ["you should not"]),
    (Pattern(), [r"\bHF-\d{6}\b", "a{2,3}"], ["file HF-123456"], ["HF-12345"]),
    (IdentifierKind(), ["iban", "email"], ["NL91 ABNA 0417 1643 00"], ["NL91 ABNA 0417 1643 01"]),
    (Echo(), "all", ["file 48 213 377"], ["file 48 213 378"]),
]


@pytest.mark.parametrize(("kind", "config", "breaks", "keeps"), SHIPPED, ids=lambda v: str(v)[:20])
def test_the_shipped_kinds_keep_their_duties(kind, config, breaks, keeps):
    context = Interaction((Message("user", "my file is 48213377"),))
    check_detector(kind, config, breaks=breaks, keeps=keeps, context=context)


def test_a_slow_kind_is_checked_too():
    class Model:
        name = "model"

        async def answer(self, prompt):
            return '{"scores": [0.9, 0.9]}'

    with pytest.raises(AssertionError, match=r"scored 0.9, not less than 0.5"):
        check_detector(
            Judge(), "default", keeps=["fine"], setting=Setting(models={"default": Model()})
        )


@dataclass
class Shout:
    """Finds exclamation marks; `fault` says what it does wrong."""

    fault: str = ""
    name: str = "shout"
    quiet: dict[str, int] = field(default_factory=dict)
    calls: int = 0

    def parse(self, config):
        return config

    def compile(self, uses, setting):
        self.count = 1 if self.fault == "count" else len(uses)
        return self

    def bind(self, context):
        return self

    def read(self, text, *, final=True):
        self.calls += 1
        if self.fault == "raise" and "\0" in text.raw:
            raise ValueError("no NUL")
        marks = [i for i, c in enumerate(text.raw) if c == "!" and i >= text.lead]
        if self.fault == "whole" and "!" in text.raw[:-1] and text.raw.find("!") < 5:
            marks = marks[:1] if final and not text.lead else marks
        spans = tuple(Span(i, i + 1 + (self.fault == "outside")) for i in marks)
        score = 7.0 if self.fault == "score" else 1.0
        if self.fault == "impure" and self.calls % 2:
            score = 0.5
        outcome = Detection(score, spans) if spans else CLEAN
        settled = len(text.raw) + (self.fault == "settled")
        return Reading((outcome,) * self.count, settled)


def test_a_good_plugin_passes():
    check_detector(Shout(), None, breaks=["Hey!"], keeps=["Hey."])


FAULTS = {
    "raise": r"raised ValueError\('no NUL'\); answer a Failure instead",
    "count": "1 answers for 2 uses; give one for each",
    "outside": "is empty or outside the text",
    "score": "the score 7.0 is no probability",
    "impure": "two readings differ; a reader must be pure",
    "settled": "settled 5 is not in the text",
    "whole": "windows find characters",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_plugin_is_told_its_duty(fault):
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        check_detector(Shout(fault), None, breaks=["Hey!", "a! b! c! d! "])


def test_an_example_on_the_wrong_side_is_told():
    with pytest.raises(AssertionError, match=r"'Hey.': scored 0.0, not at least 0.5"):
        check_detector(Shout(), None, breaks=["Hey."])
