"""The data card: its numbers are the ledger's, its bytes do not depend on who did the work."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from corpus import BAD, REMIT, filtered, lines, tree, write

from remit.layers.data import ledger
from remit.layers.data.card import page
from remit.layers.data.card.facts import facts
from remit.layers.data.card.labels import Label, LabelFileError, append, counted, read, settled
from remit.layers.data.card.measures import sampled
from remit.layers.data.plan import Plan
from remit.layers.data.run import filter_corpus
from remit.statistics.intervals import clopper_pearson, upper_bound

DATA = lines(600, bad_every=4) + b"broken\n\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write(tmp_path / "in", [("a.jsonl", DATA), ("b.jsonl", lines(50))])
    filtered(tmp_path / "out", tmp_path / "in")
    return tmp_path / "out"


def labelled(item: dict[str, object], *, right: bool | None, rater: str = "a") -> Label:
    return Label(
        rule=str(item["step"]),
        row=str(item["sha256"]),
        right=right,
        sample=str(item["sample"]),
        drawn=("language", "step"),
        language="und",
        rater=rater,
    )


def rule(folder: Path) -> dict[str, object]:
    (step,) = (step for step in facts(folder)["steps"] if step["id"] == "no-advice")
    return step


def test_the_card_says_what_the_ledger_says_and_the_sum_holds(out):
    told = orjson.loads((out / "card.json").read_bytes())
    assert told["totals"] == list(ledger.read(out))[-1]["totals"]
    rows = told["identity"]["rows"]
    assert rows == {"in": 651, "kept": 493, "changed": 0, "dropped": 157, "quarantined": 1}
    assert told["identity"]["holds"] is True
    assert told["ledger_head"] == ledger.head(out)
    assert told["command"] == "remit filter REMIT INPUT… --out DIR --samples 30"
    assert [source["rows"]["dropped"] for source in told["sources"]] == [150, 7]
    came, left = told["lengths"]["before"], told["lengths"]["after"]
    assert sum(came.values()) == 650
    assert sum(left.values()) == 493
    step = rule(out)
    assert step["owner"] == "Counsel"
    assert step["outcomes"] == {"dropped": 157}
    assert step["alone"] == 157
    assert sum(step["scores"]) == 157
    assert step["offered"] == [["found", "no-advice", "", 157], ["found", "no-advice", "und", 157]]


@pytest.mark.parametrize(("workers", "part_bytes"), [(2, 20_000), (1, 3_000)])
def test_the_same_rows_are_sampled_by_any_number_of_workers(tmp_path, out, workers, part_bytes):
    other = tmp_path / "other"
    filtered(other, tmp_path / "in", workers=workers, part_bytes=part_bytes)
    if part_bytes == 20_000:
        assert tree(other) == tree(out)
    places = [[(i["source"], i["row"]) for i in sampled(folder)] for folder in (other, out)]
    assert len(places[1]) == 30
    # Another size of parts is another plan, which keys the sample anew.
    assert (places[0] == places[1]) is (part_bytes == 20_000)


def test_every_marked_row_is_as_likely_to_be_sampled_as_any_other(tmp_path):
    write(tmp_path, [("a.jsonl", lines(300, bad_every=4))])
    drawn = [0, 0]
    for turn in range(20):
        plan = Plan(REMIT + b"#" * turn + b"\n", samples=10, part_bytes=4_000)
        filter_corpus(plan, [str(tmp_path / "a.jsonl")], tmp_path / f"out{turn}")
        for item in sampled(tmp_path / f"out{turn}"):
            drawn[item["row"] >= 150] += 1
    assert sum(drawn) == 200
    # Of 200 draws a fair one puts fewer than 70 in a half with a probability of 0.00001.
    assert min(drawn) >= 70


def test_no_text_of_a_row_is_in_the_card_the_sample_or_the_measures(out):
    secret = BAD.removeprefix("Then ").encode()
    for name in ("sample.jsonl", "card.json", "measures.json"):
        told = (out / name).read_bytes().replace(b"You should sue him.", b"")  # the rule's example
        assert secret not in told
        assert b"An ordinary text" not in told


def test_no_sample_is_drawn_where_none_is_wanted(tmp_path):
    write(tmp_path, [("a.jsonl", DATA)])
    filter_corpus(Plan(REMIT, samples=0), [str(tmp_path / "a.jsonl")], tmp_path / "out")
    assert sampled(tmp_path / "out") == []
    assert rule(tmp_path / "out")["labels"]["found"]["sampled"] == 0
    assert ledger.verify(tmp_path / "out").problems == ()


def test_labels_give_exact_bounds_and_doubt_counts_on_both_sides(out):
    items = sampled(out)
    for number, item in enumerate(items):
        right = None if number == 0 else number > 2
        append(out / "labels.jsonl", labelled(item, right=right))
    found = rule(out)["labels"]["found"]
    assert (found["right"], found["wrong"], found["open"]) == (27, 2, 1)
    low, high = clopper_pearson(2, 30).low, clopper_pearson(3, 30).high
    assert found["interval"] == [round(low, 6), round(high, 6)]
    assert found["most"] == round(upper_bound(3, 30), 6)
    told = page.write(out)
    assert told == facts(out)
    shown = (out / "card.html").read_text()
    assert f"{low:.1%} to {high:.1%}" in shown
    assert ledger.verify(out).problems == ()


def test_two_people_settle_a_row_only_where_more_than_half_agree(out):
    (item, *_) = sampled(out)
    assert [settled(said) for said in ([True, False], [True, True, False], [None, False])] == [
        None,
        True,
        None,
    ]
    labels = [labelled(item, right=True), labelled(item, right=False, rater="b")]
    assert counted([item], labels).open == 1
    for label in [*labels, labelled(item, right=True, rater="b")]:
        append(out / "labels.jsonl", label)
    assert counted([item], read(out / "labels.jsonl")).right == 1


def test_a_label_that_a_crash_cut_off_is_passed_over_and_other_nonsense_refused(out):
    path = out / "labels.jsonl"
    (first, second, *_) = sampled(out)
    append(path, labelled(first, right=True))
    path.write_bytes(path.read_bytes() + b'{"rule":"no-adv')
    append(path, labelled(second, right=False))
    assert [label.right for label in read(path)] == [True, False]
    path.write_bytes(b"[1]\n")
    with pytest.raises(LabelFileError, match=r"labels.jsonl:1 is no label"):
        page.write(out)


HOSTILE = "<script>alert(1)</script>\u202e{{ 7*7 }}"


def test_what_a_corpus_or_a_remit_says_stays_text(tmp_path):
    remit = REMIT.replace(b"organisation: Test", b"organisation: '" + HOSTILE[:25].encode() + b"'")
    row = json.dumps({HOSTILE: 1}).encode() + b"\n"
    name = "a<b>&'.jsonl"
    write(tmp_path / "in", [(name, row + lines(20))])
    filter_corpus(Plan(remit), [str(tmp_path / "in")], tmp_path / "out")
    shown = (tmp_path / "out" / "card.html").read_text()
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "a&lt;b&gt;&amp;&#39;.jsonl" in shown
    assert "49" not in shown.split("no column with text")[1][:80]
    assert "⟨202E⟩" in shown
    assert "\u202e" not in shown
    assert "default-src 'none'" in shown
    assert "http" not in shown.replace("http-equiv", "")


def test_a_run_killed_before_its_card_writes_it_when_run_again(tmp_path, out):
    before = tree(out)
    (out / "card.html").unlink()
    (out / "card.json").unlink()
    assert filtered(out, tmp_path / "in").before
    assert tree(out) == before
