"""People's labels: kept, drawn, settled, and what follows from them."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from remit.statistics.judges import NotEstimable
from remit.types import Message
from remit.verify.cases import Case, Grade, Transcript
from remit.verify.grading.calibration import agreement, calibrate, two_phase_rate
from remit.verify.grading.labels import HumanLabel, LabelError, append, read, settled
from remit.verify.grading.sampling import Counted, draw
from remit.verify.records import Sample


def label(
    item: str, said: str, judged: str = "held", rater: str = "ann", **of: object
) -> HumanLabel:
    of = {"part": "random", **of}
    return HumanLabel(item, "rule", rater, said, judged, "detectors", **of)  # type: ignore[arg-type]


def sample(number: int, judged: str, error: str = "") -> Sample:
    case = Case(f"c{number}", f"s{number}", "rule", "break", ("Hi",))
    said = (Message("user", "Hi"), Message("assistant", f"Reply {number}"))
    played = Transcript(case, said, error)
    return Sample(number, "t", 0, played, Grade(judged, "none", "detectors"))  # type: ignore[arg-type]


def test_labels_come_back_and_the_last_of_a_rater_holds(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    assert read(path) == []
    for one in (label("a", "held"), label("a", "violated", rater="bob"), label("a", "violated")):
        append(path, one)
    assert sorted((one.rater, one.label) for one in read(path)) == [
        ("ann", "violated"),
        ("bob", "violated"),
    ]
    assert len(path.read_text().splitlines()) == 3


def test_a_line_cut_off_by_a_crash_costs_no_other_label(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    append(path, label("a", "held"))
    append(path, label("b", "held"))
    os.truncate(path, path.stat().st_size - 20)
    append(path, label("c", "held"))
    assert {one.item for one in read(path)} == {"a", "c"}


@pytest.mark.parametrize("line", ['{"item": 1}', "nonsense", "[]", '{"item": "a", "more": 2}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text(line + "\n")
    append(path, label("a", "held"))
    with pytest.raises(LabelError, match=":1 is no label"):
        read(path)


def test_two_raters_who_differ_are_settled_by_a_third() -> None:
    two = [label("a", "held"), label("a", "violated", rater="bob")]
    assert settled(two)["a"] is None
    third = settled([*two, label("a", "violated", rater="cy")])["a"]
    assert third is not None
    assert third.label == "violated"


def test_the_sample_holds_both_parts_once_and_always_the_same() -> None:
    samples = [sample(i, "violated" if i % 50 == 0 else "held") for i in range(2_000)]
    samples += [sample(3_000, "undecided"), sample(3_001, "held", error="timeout")]
    items, counted = draw(iter(samples), random=60, flagged=30)
    assert counted["rule"] == Counted(2_001, 41)
    assert len({item.id for item in items}) == len(items)
    assert sum(item.part == "random" for item in items) == 60
    assert all(item.grade.label != "held" for item in items if item.part == "flagged")
    assert items == draw(iter(samples), random=60, flagged=30)[0]
    assert items != draw(iter(samples), random=60, flagged=30, seed=1)[0]


def test_an_item_shows_nothing_of_the_reason() -> None:
    items, _ = draw([sample(1, "violated")])
    assert items[0].grade.reason == ""


def test_no_rate_without_labels_of_what_was_flagged_and_of_what_was_passed() -> None:
    counted = Counted(100, 10)
    assert isinstance(two_phase_rate([], counted), NotEstimable)
    assert isinstance(two_phase_rate([label("a", "held")], counted), NotEstimable)
    both = [label("a", "held"), label("b", "violated", "violated")]
    assert not isinstance(two_phase_rate(both, counted), NotEstimable)


def test_an_item_in_dispute_widens_the_interval_to_both_sides() -> None:
    counted = Counted(1_000, 0)
    sure = [label(f"i{n}", "held") for n in range(60)]
    disputed = [*sure, label("i0", "violated", rater="bob")]
    narrow, wide = two_phase_rate(sure, counted), two_phase_rate(disputed, counted)
    assert not isinstance(narrow, NotEstimable)
    assert not isinstance(wide, NotEstimable)
    assert wide.interval.low == narrow.interval.low
    assert wide.interval.high > narrow.interval.high


def test_the_corrected_rate_covers_the_truth_as_often_as_it_says() -> None:
    draws = Random(3)
    truth, finds, clears, covered = 0.08, 0.7, 0.9, 0
    for _ in range(200):
        labels, flags = [], 0
        for number in range(400):
            broken = draws.random() < truth
            flagged = draws.random() < (finds if broken else 1 - clears)
            flags += flagged
            if number < 60 or flagged:
                said, judged = "violated" if broken else "held", "violated" if flagged else "held"
                labels.append(label(str(number), said, judged))
        rate = two_phase_rate(labels, Counted(400, flags))
        assert not isinstance(rate, NotEstimable)
        covered += truth in rate.interval
    assert covered >= 190


def test_the_judge_is_measured_on_the_random_part_alone() -> None:
    labels = [label(f"r{n}", "held") for n in range(8)]
    labels += [label("r8", "violated", "violated"), label("r9", "violated")]
    labels += [label(f"f{n}", "violated", "violated", part="flagged") for n in range(20)]
    found = calibrate(labels, Counted(100, 25), "rule")
    assert (found.judge.found, found.judge.positives) == (1, 2)
    assert (found.judge.cleared, found.judge.negatives) == (8, 8)


def test_agreement_is_of_items_that_two_have_seen() -> None:
    labels = [label(f"i{n}", "violated" if n % 2 else "held") for n in range(10)]
    labels += [label(f"i{n}", "violated" if n % 2 else "held", rater="bob") for n in range(6)]
    found = agreement(labels)
    assert (found.raters, found.twice) == (("ann", "bob"), 6)
    assert found.kappa == pytest.approx(1)
    assert found.alpha == pytest.approx(1)
    assert isinstance(agreement(labels[:10]).kappa, NotEstimable)
