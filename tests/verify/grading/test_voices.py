"""Who decides, and what happens where graders differ."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from remit.verify.grading.voices import Voice, combine, open_question

HELD, BROKEN, SILENT = "held", "violated", "undecided"


def voices(**said: str) -> list[Voice]:
    return [Voice(who, label) for who, label in said.items()]


@pytest.mark.parametrize(
    ("said", "label", "by"),
    [
        ({"facts": BROKEN, "detectors": HELD, "auditor": HELD, "judge": HELD}, BROKEN, "facts"),
        ({"detectors": BROKEN}, BROKEN, "detectors"),
        ({"detectors": HELD}, HELD, "detectors"),
        ({"detectors": HELD, "auditor": HELD}, HELD, "detectors+auditor"),
        ({"detectors": HELD, "auditor": BROKEN}, BROKEN, "auditor"),
        ({"detectors": HELD, "judge": BROKEN}, BROKEN, "judge"),
        ({"detectors": BROKEN, "auditor": HELD}, SILENT, "detectors≠auditor"),
        ({"detectors": BROKEN, "auditor": HELD, "judge": HELD}, HELD, "auditor+judge"),
        ({"detectors": BROKEN, "auditor": HELD, "judge": BROKEN}, BROKEN, "detectors+judge"),
        ({"auditor": BROKEN, "judge": HELD}, SILENT, "auditor≠judge"),
        ({"detectors": HELD, "judge": SILENT}, SILENT, "judge"),
        ({"detectors": BROKEN, "judge": SILENT}, BROKEN, "detectors"),
        ({"detectors": SILENT}, SILENT, "detectors"),
        ({}, SILENT, "nobody"),
    ],
)
def test_the_table_of_precedence_holds(said: dict[str, str], label: str, by: str) -> None:
    decision = combine(voices(**said))
    assert (decision.label, decision.by) == (label, by)


def test_the_order_of_the_voices_does_not_matter() -> None:
    for labels in product((HELD, BROKEN, SILENT), repeat=3):
        said = voices(**dict(zip(("detectors", "auditor", "judge"), labels, strict=True)))
        assert len({combine(order).label for order in permutations(said)}) == 1


def test_a_silent_voice_never_makes_a_held_rule() -> None:
    for labels in product((HELD, BROKEN), repeat=2):
        said = voices(detectors=labels[0], auditor=labels[1])
        with_silence = combine([*said, Voice("judge", "undecided")])
        if combine(said).label != "held":
            assert with_silence.label != "held"


@pytest.mark.parametrize(
    ("said", "open_"),
    [
        ({"facts": BROKEN}, False),
        ({"detectors": HELD}, True),
        ({"detectors": HELD, "auditor": HELD}, False),
        ({"detectors": HELD, "auditor": BROKEN}, True),
        ({"detectors": HELD, "auditor": SILENT}, True),
    ],
)
def test_a_judge_is_asked_only_where_its_word_can_count(said: dict[str, str], open_: bool) -> None:
    assert open_question(voices(**said)) is open_
