"""Input that is broken or means harm: each row is quarantined with its reason, none is lost."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import orjson
import pytest
from corpus import BAD, filtered, lines, output, plan, write

from remit.layers.data.batches import MAX_ROW

DEEP = b'{"text": ' + b"[" * 3_000 + b"]" * 3_000 + b"}"
ROWS = [
    (b'{"text": "a"', "no JSON"),
    (b'["text"]', "no JSON object"),
    (b"3", "no JSON object"),
    (b'{"text": NaN}', "no JSON"),
    (b'{"text": "a\xff"}', "no JSON"),
    (b'{"text": "a\xed\xa0\x80"}', "no JSON"),
    (b'{"text": "\\ud800"}', "no JSON"),
    (b'{"text": "a", "n": 1e999}', "no JSON"),
    (DEEP, "no JSON"),
    (b'{"text": "you should sue", "text": "b"}', "a key stands twice"),
    (b'{"text": "a", "m": {"x": 1, "x": 2}}', "a key stands twice"),
    (b'{"text" : "you should sue", "text":"b"}', "a key stands twice"),
    (b'{"a\\":":1,"text":"you should sue","text":"b"}', "a key stands twice"),
    (b'{"text": 3}', "text is a number"),
    (b'{"messages": "hello"}', "messages is a text"),
    (b'{"messages": [3]}', "messages.0 is a number"),
    (b'{"messages": [{"role": "user", "content": 3}]}', "messages.0.content is a number"),
    (b'{"instruction": "a", "output": "b"}', "no column with text (have instruction, output)"),
    (b"{}", "no column with text"),
]


def counted(rows):
    """The outcomes that occurred."""
    return {outcome: count for outcome, count in rows.items() if count}


@pytest.mark.parametrize(("row", "reason"), ROWS, ids=range(len(ROWS)))
def test_a_row_that_cannot_be_judged_is_quarantined_as_it_came(tmp_path, row, reason):
    data = b'{"text": "before"}\n' + row + b"\r\n" + b'{"text": "after"}\n'
    write(tmp_path, [("c.jsonl", data)])
    account = filtered(tmp_path / "out", tmp_path / "c.jsonl").account
    assert counted(account.rows) == {"kept": 2, "quarantined": 1}
    assert account.bytes["quarantined"] == len(row) + 2
    (told,) = account.reasons
    assert reason in told
    (quarantine,) = (tmp_path / "out" / "quarantine").iterdir()
    assert quarantine.read_bytes() == row + b"\r\n"
    assert output(tmp_path / "out") == data.replace(row + b"\r\n", b"")


@pytest.mark.parametrize(
    "row",
    [
        {"text": 'say "x": and {"y": 1}'},
        {"text": "a", "big": 10**40, "small": -(10**30)},
        {"text": "a", "meta": {"text": "b", "l": [{"text": 1}, {"text": 2}]}},
        {"text": ""},
        {"text": None},
        {"text": "\0"},
    ],
)
def test_a_row_that_only_looks_odd_is_kept(tmp_path, row):
    data = json.dumps(row).encode() + b"\n"
    write(tmp_path, [("c.jsonl", b"\xef\xbb\xbf" + data)])
    account = filtered(tmp_path / "out", tmp_path / "c.jsonl").account
    assert counted(account.rows) == {"kept": 1}
    assert output(tmp_path / "out") == b"\xef\xbb\xbf" + data


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_truncated_stream_loses_no_row_before_the_break(tmp_path, packing):
    data = lines(3_000)
    if packing == "gz":
        whole = gzip.compress(data, mtime=0)
    else:
        zstandard = pytest.importorskip("zstandard", reason="needs the extra `data`")
        maker = zstandard.ZstdCompressor(write_checksum=True)
        whole = maker.compress(data[:100_000]) + maker.compress(data[100_000:])
    cut = whole[: len(whole) * 4 // 5]
    write(tmp_path, [(f"c.jsonl.{packing}", cut)])
    account = filtered(tmp_path / "out", tmp_path / f"c.jsonl.{packing}").account
    came = readable(cut, packing)
    assert account.bytes_in == len(came)
    assert account.rows_in == came.count(b"\n") + bool(came.rpartition(b"\n")[2])
    assert account.rows["kept"] > 1_500
    assert len(account.reasons) <= 1
    ledger = (tmp_path / "out" / "ledger.jsonl").read_text()
    damage = [orjson.loads(line)["damage"] for line in ledger.splitlines() if '"damage"' in line]
    assert len(damage) == 1
    assert "cut off" in damage[0]["reason"]


def readable(cut: bytes, packing: str) -> bytes:
    if packing == "gz":
        return zlib.decompressobj(31).decompress(cut)
    import zstandard

    came, left = b"", cut
    while left:
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        came += unpacker.decompress(left)
        left = unpacker.unused_data
    return came


def test_a_flipped_bit_loses_no_row_before_it(tmp_path):
    data = lines(3_000)
    whole = bytearray(gzip.compress(data, mtime=0))
    whole[len(whole) // 2] ^= 0x40
    write(tmp_path, [("c.jsonl.gz", bytes(whole))])
    account = filtered(tmp_path / "out", tmp_path / "c.jsonl.gz").account
    kept = output(tmp_path / "out") or b"".join(
        gzip.decompress(path.read_bytes()) for path in sorted((tmp_path / "out/data").iterdir())
    )
    assert kept[:20_000] == _kept(data)[:20_000]
    assert account.rows_in > 500


def _kept(data: bytes) -> bytes:
    return b"".join(row for row in data.splitlines(keepends=True) if BAD.encode() not in row)


def test_members_and_frames_that_follow_each_other_are_all_read(tmp_path):
    zstandard = pytest.importorskip("zstandard", reason="needs the extra `data`")
    one, two = lines(10), lines(20)
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    frames = zstandard.compress(one) + skippable + zstandard.compress(two)
    members = gzip.compress(one) + gzip.compress(b"") + gzip.compress(two) + b"\0" * 512
    write(tmp_path / "in", [("a.jsonl.zst", frames), ("b.jsonl.gz", members)])
    account = filtered(tmp_path / "out", tmp_path / "in").account
    assert account.rows_in == 60
    assert not account.reasons


def test_no_file_and_no_row_makes_memory_grow(tmp_path):
    zstandard = pytest.importorskip("zstandard", reason="needs the extra `data`")
    row = b'{"text": "' + b"a" * (4 * MAX_ROW) + b'"}\n'
    bomb = zstandard.compress(row + b'{"text": "after"}\n')
    assert len(bomb) < 20_000
    write(tmp_path / "in", [("bomb.jsonl.zst", bomb), ("long.jsonl", row + b'{"text": "after"}')])
    tracemalloc.start()
    account = filtered(tmp_path / "out", tmp_path / "in", part_bytes=64_000_000).account
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counted(account.rows) == {"kept": 2, "quarantined": 2}
    assert account.bytes["quarantined"] == 2 * len(row)
    assert peak < 100_000_000


def test_plans_of_one_meaning_have_one_digest():
    assert plan().digest == plan().digest
    assert plan().digest != plan(part_bytes=5).digest
