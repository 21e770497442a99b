"""Which files are filtered, under which names, and what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from corpus import filtered, lines, write

from remit.layers.data.ledger import verify
from remit.layers.data.lookup import Run
from remit.layers.data.sources import SourceError, find


def test_names_do_not_depend_on_where_the_corpus_lies(tmp_path):
    for place in ("here", "there/deeper"):
        folder = write(tmp_path / place, [("a/x.jsonl", b""), ("b/x.jsonl", b""), ("c.txt", b"")])
        assert [source.name for source in find([str(folder)]).sources] == [
            "a/x.jsonl",
            "b/x.jsonl",
            "c.txt",
        ]


def test_files_folders_and_globs_go_together_and_a_file_counts_once(tmp_path):
    folder = write(tmp_path, [("a/1.jsonl", b""), ("a/2.jsonl.gz", b""), ("b/3.ndjson", b"")])
    given = [str(folder / "a"), str(folder / "*" / "*.ndjson"), str(folder / "a" / "1.jsonl")]
    assert [s.name for s in find(given).sources] == ["a/1.jsonl", "a/2.jsonl.gz", "b/3.ndjson"]


def test_what_is_in_no_known_format_is_told_and_never_silently_left(tmp_path):
    folder = write(tmp_path, [("a.jsonl", b""), ("readme.md", b"hello"), (".x/b.bin", b"")])
    assert find([str(folder)]).passed_over == (".x/b.bin", "readme.md")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("missing.jsonl", "no such file"),
        ("notes.md", "of no known format"),
        ("empty", "nothing to filter"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(tmp_path, given, told):
    write(tmp_path, [("notes.md", b"x")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=told):
        find([str(tmp_path / given)])


def test_the_output_may_not_lie_in_the_input(tmp_path):
    write(tmp_path, [("in/a.jsonl", lines(1))])
    with pytest.raises(SourceError, match="outside it"):
        filtered(tmp_path / "in" / "out", tmp_path / "in")


def test_a_link_to_nowhere_or_a_pipe_is_told_and_not_waited_for(tmp_path):
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="no regular file"):
        find([str(tmp_path)])
    (tmp_path / "a.jsonl").unlink()
    os.mkfifo(tmp_path / "b.jsonl")
    with pytest.raises(SourceError, match="no regular file"):
        find([str(tmp_path / "b.jsonl")])


def test_a_link_to_a_folder_is_told_and_not_followed(tmp_path):
    folder = write(tmp_path / "in", [("a.jsonl", b"")])
    (folder / "loop").symlink_to(folder)
    (folder / "b.jsonl").symlink_to(folder / "a.jsonl")
    found = find([str(folder)])
    assert [source.name for source in found.sources] == ["a.jsonl"]
    assert found.passed_over == ("loop/",)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system has no such names")
def test_a_name_that_no_ledger_can_write_is_refused(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")).write_bytes(lines(1))
    with pytest.raises(SourceError, match="is not UTF-8; rename it"):
        find([str(tmp_path)])


def test_names_with_line_breaks_are_accounted_for(tmp_path):
    name = "new\nline\x1b[31m.jsonl"
    folder = write(tmp_path / "in", [(name, lines(5))])
    filtered(tmp_path / "out", folder)
    assert not verify(tmp_path / "out").problems
    (told,) = Run(tmp_path / "out").explain("r1")
    assert told.source == name
