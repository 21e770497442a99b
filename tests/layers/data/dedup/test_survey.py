"""Duplicates are found out-of-core, whatever the shards, the batches and the memory."""

import io
import json
import random
import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from remit.layers.data import dedup
from remit.layers.data.dedup.near import Shape
from remit.layers.data.dedup.notes import NoteError, write
from remit.layers.data.dedup.outcome import OutcomeError
from remit.layers.data.dedup.simplify import simplify
from remit.layers.data.rows import WHOLE_ROW, Row, Segment, Survey, Way

WORDS = [f"{a}{b}" for a in "bcdfghjklm" for b in ("ana", "ero", "ilu", "omi", "uste", "ayo")]


def document(text: str, number: int, source: str = "a.jsonl") -> Row:
    return Row(source, number, b"", {}, (Segment("document", ("text",), text),))


def chat(number: int, *turns: tuple[str, str]) -> Row:
    segments = tuple(
        Segment(role, ("messages", place, "content"), text)
        for place, (role, text) in enumerate(turns)
    )
    return Row("chat.jsonl", number, b"", {}, segments)


def settled(survey: Survey, shards: list[list[Row]], folder: Path, batch: int = 100) -> Path:
    notes = []
    for place, rows in enumerate(shards):
        note = folder / f"{place}.note"
        with note.open("wb") as file:
            for start in range(0, len(rows), batch):
                survey.note(rows[start : start + batch], file)
        notes.append(note)
    outcome = folder / "outcome"
    survey.settle(notes, outcome)
    return outcome


def marks(survey: Survey, rows: list[Row], folder: Path) -> list:
    return survey.step(settled(survey, [rows], folder)).judge(rows)


def corpus(count: int, seed: int) -> list[str]:
    """Texts of 60 words, a third of them copies of earlier ones with up to 6 words changed."""
    draw = random.Random(seed)
    texts: list[str] = []
    for _ in range(count):
        words = draw.choices(WORDS, k=60)
        if texts and draw.random() < 0.35:
            words = draw.choice(texts).split()
            for _ in range(draw.randrange(7)):
                words[draw.randrange(60)] = draw.choice(WORDS)
        texts.append(" ".join(words))
    return texts


@cache
def runs(text: str) -> frozenset[tuple[str, ...]]:
    words = simplify(text).split()
    return frozenset(tuple(words[i : i + 5]) for i in range(len(words) - 4))


def jaccard(left: str, right: str) -> float:
    a, b = runs(left), runs(right)
    both = len(a & b)
    return both / (len(a) + len(b) - both)


def rows_of(texts: list[str], sources: int = 1) -> list[Row]:
    per = -(-len(texts) // sources)
    return [document(text, n % per, f"s{n // per}") for n, text in enumerate(texts)]


def test_the_first_of_equal_texts_is_kept(tmp_path):
    rows = [document(text, n) for n, text in enumerate(["one", "two", " one\n", "Two", "two", ""])]
    found = marks(dedup.exact(owner="DPO"), rows, tmp_path)
    assert [len(row) for row in found] == [0, 0, 1, 0, 1, 0]
    mark = found[2][0]
    assert (mark.step, mark.owner, mark.way) == ("exact-duplicates", "DPO", Way.DROP)
    assert (mark.segment, mark.reason) == (WHOLE_ROW, "repeats a.jsonl row 0")


def test_unicode_forms_of_one_text_are_equal(tmp_path):
    rows = [document("caf\u00e9", 0), document("cafe\u0301", 1)]
    assert [len(row) for row in marks(dedup.exact(), rows, tmp_path)] == [0, 1]


def test_texts_that_are_cut_elsewhere_are_not_equal(tmp_path):
    rows = [
        chat(0, ("user", "ab"), ("assistant", "c")),
        chat(1, ("user", "a"), ("assistant", "bc")),
    ]
    assert not any(marks(dedup.exact(), rows, tmp_path))


def test_each_text_of_a_row_can_be_compared_by_itself(tmp_path):
    rows = [
        chat(0, ("user", "hello"), ("assistant", "We are open at nine.")),
        chat(1, ("user", "hello"), ("assistant", "We are open at nine."), ("assistant", "Bye.")),
    ]
    survey = dedup.exact(scope="segment", roles=("assistant",), way=Way.MASK)
    first, second = marks(survey, rows, tmp_path)
    assert not first
    assert [(mark.segment, mark.way) for mark in second] == [(1, Way.MASK)]
    assert second[0].reason == "repeats chat.jsonl row 0, text 1"


@pytest.mark.parametrize("survey", [dedup.exact(), dedup.minhash(), dedup.minhash(verify=0.7)])
def test_the_outcome_does_not_depend_on_shards_batches_or_memory(survey, tmp_path):
    rows = rows_of(corpus(400, seed=1), sources=3)
    outcomes = set()
    for shards, batch, memory in ((1, 400, 200_000_000), (3, 7, 1 << 20), (40, 1, 1 << 20)):
        per = -(-len(rows) // shards)
        folder = tmp_path / str(shards)
        folder.mkdir()
        cut = [rows[start : start + per] for start in range(0, len(rows), per)]
        made = type(survey)(
            **{name: getattr(survey, name) for name in survey.__slots__ if name != "memory"},
            memory=memory,
        )
        outcomes.add(settled(made, cut, folder, batch).read_bytes())
    assert len(outcomes) == 1


def test_near_duplicates_are_those_that_brute_force_finds(tmp_path):
    texts = corpus(300, seed=2)
    found = marks(dedup.minhash(), rows_of(texts), tmp_path)
    near: dict[int, float] = {}
    for later in range(len(texts)):
        near[later] = max((jaccard(texts[later], texts[n]) for n in range(later)), default=0.0)
    clear = [n for n, most in near.items() if most >= 0.8]
    assert len(clear) > 20
    caught = sum(bool(found[n]) for n in clear)
    assert caught >= 0.9 * len(clear)
    false = [n for n, row in enumerate(found) if row and near[n] < 0.4]
    assert not false


def test_a_pair_that_met_by_chance_is_taken_out_by_its_signatures(tmp_path):
    texts = corpus(300, seed=4)
    loose = {"bands": 100, "hashes": 1}
    met = marks(dedup.minhash(**loose), rows_of(texts), tmp_path)
    verified = marks(dedup.minhash(**loose, verify=0.7), rows_of(texts), tmp_path)
    assert sum(map(bool, verified)) < sum(map(bool, met))
    for row in verified:
        for mark in row:
            assert "repeats s0 row" in mark.reason
    exact = [max(jaccard(t, u) for u in texts[:n]) for n, t in enumerate(texts) if n]
    assert all(exact[n - 1] > 0.3 for n, row in enumerate(verified) if row)


def test_duplicates_of_duplicates_are_one_group_kept_by_its_first(tmp_path):
    base = corpus(1, seed=9)[0].split()
    rows = []
    for step in range(30):
        rows.append(document(" ".join(base), step))
        base[step] = f"changed{chr(97 + step % 26)}"
    found = marks(dedup.minhash(), rows, tmp_path)
    assert not found[0]
    assert sum(bool(row) for row in found) >= 25
    assert found[1][0].reason == "repeats a.jsonl row 0"


def test_one_text_many_times_needs_no_more_memory(tmp_path):
    survey = dedup.minhash(memory=1 << 20)
    rows = [document("the same five words again and again", n) for n in range(12_000)]
    found = survey.step(settled(survey, [rows], tmp_path, batch=5000)).judge(rows)
    assert sum(map(bool, found)) == 11_999
    assert {mark.reason for row in found for mark in row} == {"repeats a.jsonl row 0"}


def test_settling_stays_within_its_memory_whatever_the_corpus(tmp_path):
    record = Shape(words=5, bands=14, hashes=8, seed=1).record
    draw = np.random.default_rng(1)
    count = 100_000
    entries = np.zeros(count, record)
    entries["number"] = np.arange(count)
    entries["segment"] = WHOLE_ROW
    entries["keys"] = draw.integers(0, 2**63, (count, 14))
    entries["keys"][draw.integers(1, count, 10_000)] = entries["keys"][0]
    repeated = int((entries["keys"] == entries["keys"][0]).all(axis=1).sum()) - 1
    with (tmp_path / "0.note").open("wb") as note:
        write([document("", 0)], entries, [0] * count, note)
    del entries
    memory = 4_000_000
    tracemalloc.start()
    dedup.minhash(memory=memory).settle([tmp_path / "0.note"], tmp_path / "outcome")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory + 8_000_000 < count * 14 * 16
    step = dedup.minhash().step(tmp_path / "outcome")
    assert json.loads((tmp_path / "outcome").read_bytes().split(b"\n")[0])["count"] == repeated
    assert not step.judge([document("", 0)])[0]


@pytest.mark.parametrize("cut", [1, 15, 30, 200])
def test_a_note_that_is_cut_off_is_refused(cut, tmp_path):
    survey = dedup.minhash()
    note = io.BytesIO()
    survey.note(rows_of(corpus(3, seed=1)), note)
    path = tmp_path / "0.note"
    path.write_bytes(note.getvalue()[:-cut])
    with pytest.raises(NoteError, match=r"0\.note.*note its shard again"):
        survey.settle([path], tmp_path / "outcome")
    assert not (tmp_path / "outcome").exists()


def test_a_note_of_other_settings_is_refused(tmp_path):
    with (tmp_path / "0.note").open("wb") as note:
        dedup.exact().note(rows_of(corpus(3, seed=1)), note)
    with pytest.raises(NoteError, match="other settings"):
        dedup.minhash().settle([tmp_path / "0.note"], tmp_path / "outcome")


def test_rows_out_of_order_are_refused(tmp_path):
    rows = rows_of(corpus(20, seed=1))
    with pytest.raises(NoteError, match="order of the corpus"):
        settled(dedup.minhash(), [rows[10:], rows[:10]], tmp_path)


def test_an_outcome_that_is_cut_off_is_refused(tmp_path):
    rows = [document("same", 0), document("same", 1)]
    outcome = settled(dedup.exact(), [rows], tmp_path)
    outcome.write_bytes(outcome.read_bytes()[:-1])
    with pytest.raises(OutcomeError, match="cut off"):
        dedup.exact().step(outcome)
    outcome.write_bytes(b"[]\n")
    with pytest.raises(OutcomeError, match="no outcome"):
        dedup.exact().step(outcome)


@pytest.mark.parametrize("survey", [dedup.exact(), dedup.minhash(verify=0.9)])
def test_a_corpus_without_rows_has_an_outcome_without_entries(survey, tmp_path):
    rows = [document("", 0), document(" \n ", 1)]
    assert marks(survey, rows, tmp_path) == [(), ()]
    survey.settle([], tmp_path / "none")
    assert survey.step(tmp_path / "none").judge(rows) == [(), ()]


def test_nothing_but_the_outcome_is_left_behind(tmp_path):
    settled(dedup.minhash(), [rows_of(corpus(50, seed=1))], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.note", "outcome"]


@pytest.mark.parametrize(("figure", "value"), [("words", 0), ("bands", 2000), ("hashes", -1)])
def test_figures_that_make_no_sense_are_refused(figure, value):
    with pytest.raises(ValueError, match=figure):
        dedup.minhash(**{figure: value})
