"""Compiled patterns are kept between starts, and never trusted further than they deserve."""

import hyperscan
import pytest

from remit.detectors.compiled import Shelf

FLAGS = hyperscan.HS_FLAG_CASELESS
SOURCES = [r"abc\d{3}", "xyz"]


def found(database, text):
    numbers = []
    database.scan(text, match_event_handler=lambda number, *_: numbers.append(number))
    return numbers


def test_what_is_kept_finds_what_was_compiled(tmp_path):
    shelf = Shelf(tmp_path / "cache")
    first = shelf.database(SOURCES, FLAGS)
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    again = Shelf(tmp_path / "cache").database(SOURCES, FLAGS)
    for text in (b"ABC123 xyz", b"nothing"):
        assert found(again, text) == found(first, text)


def test_other_expressions_are_other_databases(tmp_path):
    shelf = Shelf(tmp_path)
    assert found(shelf.database(["abc"], FLAGS), b"abc") == [0]
    assert found(shelf.database(["abd"], FLAGS), b"abc") == []
    assert found(shelf.database(["ABC"], 0), b"abc") == []


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, None])
def test_a_damaged_file_is_compiled_anew(tmp_path, damage):
    Shelf(tmp_path).database(SOURCES, FLAGS)
    (kept,) = tmp_path.iterdir()
    good = kept.read_bytes()
    kept.write_bytes(good[:-40] + bytes(40) if damage is None else damage)
    assert found(Shelf(tmp_path).database(SOURCES, FLAGS), b"xyz") == [1]
    assert kept.read_bytes() == good


def test_a_file_that_others_may_write_is_not_used(tmp_path):
    Shelf(tmp_path).database(SOURCES, FLAGS)
    (kept,) = tmp_path.iterdir()
    other = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    other.compile(expressions=[b"planted"], ids=[9], elements=1, flags=[0])
    kept.write_bytes(hyperscan.dumpb(other))
    kept.chmod(0o666)
    assert found(Shelf(tmp_path).database(SOURCES, FLAGS), b"planted xyz") == [1]


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert found(Shelf(blocked / "cache").database(SOURCES, FLAGS), b"abc123") == [0]
