"""What became of a row, where a person's data is, and whether the files are as they were."""

from __future__ import annotations

import gzip
import hashlib

import orjson
import pytest
from corpus import BAD, filtered, lines, write

from remit.layers.data import keys, ledger
from remit.layers.data.ledger import LedgerError
from remit.layers.data.lookup import Run
from remit.layers.data.writing import Fresh

PEOPLE = [
    {"id": "a", "text": "Write to Jan.Smit@Example.com\nor call +31 6 1234 5678."},
    {"id": "b", "text": f"{BAD} He is client C-104829.", "meta": {"by": "jan.smit@example.com"}},
    {"id": 7, "text": "IBAN NL91 ABNA 0417 1643 00, for Zoë Müller."},
    {"id": "d", "text": "Nothing of a person."},
]
DATA = b"".join(orjson.dumps(row) + b"\n" for row in PEOPLE) + b'{"text": "104829\n'


@pytest.fixture
def run(tmp_path) -> Run:
    write(tmp_path / "in", [("c.jsonl", DATA), ("d.jsonl.gz", gzip.compress(lines(20)))])
    filtered(tmp_path / "out", tmp_path / "in")
    return Run(tmp_path / "out")


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("c.jsonl:1", [("c.jsonl", 1, "dropped")]),
        ("c.jsonl:3", [("c.jsonl", 3, "kept")]),
        ("c.jsonl:4", [("c.jsonl", 4, "quarantined")]),
        ("b", [("c.jsonl", 1, "dropped")]),
        ("7", [("c.jsonl", 2, "kept")]),
        ("r3", [("d.jsonl.gz", 3, "dropped")]),
        ("2", [("c.jsonl", 2, "kept"), ("d.jsonl.gz", 2, "kept")]),
        ("c.jsonl:99", []),
        ("nobody", []),
    ],
)
def test_a_row_is_explained_by_place_or_id(run, row, found):
    assert [(told.source, told.row, told.outcome) for told in run.explain(row)] == found


def test_a_row_is_explained_by_the_hash_of_its_bytes(run):
    digest = hashlib.sha256(DATA.splitlines()[1]).hexdigest()
    for form in (digest, digest[:16]):
        (told,) = run.explain(form)
        assert (told.source, told.row) == ("c.jsonl", 1)
        assert told.said["marks"][0]["step"] == "no-advice"
    assert run.explain("0" * 64) == []


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("jan.smit@example.com", [0, 1]),
        ("JAN.SMIT@EXAMPLE.COM", [0, 1]),
        ("+31612345678", [0]),
        ("6 1234 5678", [0]),
        ("C-104829", [1, 4]),
        ("NL91ABNA0417164300", [2]),
        ("d", [3]),
        ("piet@example.com", []),
    ],
)
def test_the_rows_that_hold_a_person_s_data_are_found_however_it_is_written(run, key, rows):
    touched = run.touched(key)
    assert touched is not None
    assert [told.row for told in touched] == rows


@pytest.mark.parametrize("name", ["zoë müller", "Zoë", "ZOË MÜLLER"])
def test_what_is_not_indexed_is_searched_for_in_what_was_put_out(run, name):
    assert run.touched(name) is None
    found = list(run.search(name, lambda size: None))
    assert [(one.file, one.line) for one in found] == [("data/c.jsonl-00000.jsonl", 2)]


def test_no_text_of_a_row_is_copied_into_the_ledger(tmp_path, run):
    for path in (tmp_path / "out").rglob("ledger*/*"):
        assert b"1234 5678" not in path.read_bytes()
        assert b"example.com" not in path.read_bytes().lower()


def test_records_of_more_than_one_run_of_sorting_are_all_found(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "_RUN", 100)
    records = keys.Records(b"s" * 16, Fresh(tmp_path, "k"))
    for number in range(0, 1_000, 10):
        rows = range(number, number + 10)
        for row in rows:
            records.id(f"r{row % 500}", row)
        records.block(b"x" * 10, rows, range(1, 11))
    records.commit()
    for row in range(500):
        prefix = keys.keyed(b"s" * 16, b"id", b"r%d" % row)
        assert keys.look_up(tmp_path / "k", prefix) == [row, row + 500]


ALTERED = [
    ("data/c.jsonl-00000.jsonl", lambda data: data + b"{}\n", "was changed"),
    ("ledger/c.jsonl-00000.jsonl.entries.jsonl", lambda data: data[1:], "was changed"),
    ("quarantine/c.jsonl-00000.jsonl.bin", None, "is missing"),
    ("ledger.jsonl", lambda data: data.replace(b'"kept":3', b'"kept":4'), "does not follow"),
    ("ledger.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[:-1]), "cut off"),
    ("ledger.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[1:]), "does not follow"),
]


@pytest.mark.parametrize(("name", "change", "told"), ALTERED, ids=range(len(ALTERED)))
def test_a_change_of_any_file_is_found(tmp_path, run, name, change, told):
    path = tmp_path / "out" / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    assert any(told in problem for problem in ledger.verify(tmp_path / "out").problems)


def test_a_folder_without_a_run_is_told_so(tmp_path):
    with pytest.raises(LedgerError, match="holds no finished run"):
        Run(tmp_path)
