"""Cutting: every byte is in one row, every row in one part, whatever the borders and the pieces."""

from __future__ import annotations

import pytest
from corpus import lines

from remit.layers.data.batches import Batch, Break, Cutter, Piece
from remit.layers.data.plan import Job
from remit.layers.data.shard import count_lines
from remit.layers.data.sources import Shard, find, starts
from remit.layers.data.streams import DamagedError, between

DATA = b'{"a": 1}\n\n{"b": 22}\r\n' + b"x" * 300 + b"\n{}\n" + lines(5) + b"no end"


def nothing(size: int) -> None:
    """Nobody listens."""


def pieces(data: bytes, size: int):
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 3, 64, 1_000, 10_000])
@pytest.mark.parametrize("part_bytes", [1, 9, 100, 10_000])
def test_batches_are_the_lines_with_their_numbers_and_places(size, part_bytes):
    offset = number = 0
    for item in Cutter(part_bytes).cut(pieces(DATA, size)):
        assert isinstance(item, Batch)
        assert (item.number, item.offset) == (number, offset)
        assert item.block == b"".join(item.lines)
        last = item.offset + len(item.block) - len(item.lines[-1])
        assert item.offset // part_bytes == last // part_bytes
        number += len(item.lines)
        offset += len(item.block)
    assert offset == len(DATA)
    assert number == DATA.count(b"\n") + 1


def test_shards_of_a_file_hold_each_row_once_with_its_number(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(DATA)
    (source,) = find([str(path)]).sources
    wanted = DATA.splitlines(keepends=True)
    for part_bytes in range(1, 400, 3):
        found = {}
        for part, start in enumerate(starts(source, part_bytes)):
            stop = min(start + part_bytes, source.size)
            rows = between(str(path), start, stop, nothing)
            first = DATA.count(b"\n", 0, max(start - 1, 0)) + (1 if start else 0)
            for item in Cutter(part_bytes, first, start).cut(rows):
                for index, line in enumerate(item.lines, item.number):
                    assert index not in found
                    found[index] = (part, line)
        assert [found[index][1] for index in range(len(wanted))] == wanted


def test_lines_are_counted_up_to_where_the_next_shard_may_begin(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(DATA)
    (source,) = find([str(path)]).sources
    job = Job(None, str(tmp_path / "out"))
    for start, stop in ((0, 9), (9, 10), (10, 200), (200, len(DATA))):
        shard = Shard(source, start, start, stop)
        count_lines(shard, job, nothing)
        counted = int((job.work / "counted" / shard.key).read_bytes())
        assert counted == DATA.count(b"\n", max(start - 1, 0), stop - 1)


@pytest.mark.parametrize("size", [7, 64, 600, 1_300, 5_000])
def test_a_row_over_the_limit_is_passed_on_in_pieces_and_the_next_is_read(size):
    data = b"one\n" + b"y" * 1_000 + b"\ntwo\n" + b"z" * 500
    items = list(Cutter(10_000, most=100).cut(pieces(data, size)))
    long = [item for item in items if isinstance(item, Piece)]
    assert b"".join(item.data for item in long) == b"y" * 1_000 + b"\n" + b"z" * 500
    assert {item.number for item in long} == {1, 3}
    assert {item.offset for item in long} == {4, 1_009}
    assert [item.number for item in long if item.last] == [1, 3]
    short = [line for item in items if isinstance(item, Batch) for line in item.lines]
    assert short == [b"one\n", b"two\n"]


@pytest.mark.parametrize("size", [3, 5_000])
@pytest.mark.parametrize("torn", [b"", b'{"half', b"z" * 500])
def test_a_damaged_stream_ends_with_its_torn_row_and_a_break(size, torn):
    def damaged():
        yield from pieces(b"one\ntwo\n" + torn, size)
        raise DamagedError("broken", 5, 6)

    *items, last = Cutter(10_000, most=100).cut(damaged())
    assert last == Break(2 + bool(torn), 8 + len(torn), "broken", 5, 6)
    read = [line for item in items if isinstance(item, Batch) for line in item.lines]
    assert read == [b"one\n", b"two\n"]
    assert b"".join(item.data for item in items if isinstance(item, Piece)) == torn


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_paragraphs_end_at_an_empty_line(size):
    text = b"one\nstill one\n\ntwo\n\n\n\nthree"
    items = list(Cutter(1_000).cut(pieces(text, size), paragraphs=True))
    assert [line for item in items for line in item.lines] == [
        b"one\nstill one\n\n",
        b"two\n\n",
        b"\n\n",
        b"three",
    ]
