"""A whole run: what comes out, what is accounted for, and that how it was done does not matter."""

from __future__ import annotations

import gzip
import hashlib
import json

import orjson
import pytest
from corpus import BAD, REMIT, filtered, lines, output, plan, tree, write

from remit.layers.data import ledger
from remit.layers.data.plan import Plan
from remit.layers.data.run import RunError, filter_corpus

DATA = lines(2_000)
KEPT = b"".join(line for line in DATA.splitlines(keepends=True) if BAD.encode() not in line)


def packed(data: bytes, packing: str) -> bytes:
    if packing == "gz":
        return gzip.compress(data, mtime=0)
    if packing == "zst":
        zstandard = pytest.importorskip("zstandard", reason="needs the extra `data`")
        return zstandard.ZstdCompressor().compress(data)
    return data


def unpacked(path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst", "json", "ndjson"])
def test_a_row_that_keeps_the_rules_leaves_byte_for_byte_as_it_came(tmp_path, ending):
    write(tmp_path, [(f"c.{ending}", packed(DATA, ending.rpartition(".")[2]))])
    finished = filtered(tmp_path / "out", tmp_path / f"c.{ending}")
    parts = sorted((tmp_path / "out" / "data").iterdir())
    assert b"".join(unpacked(path) for path in parts) == KEPT
    assert len(parts) > 3
    account = finished.account
    assert account.rows_in == 2_000
    assert account.bytes_in == len(DATA)
    assert account.rows["dropped"] == 286
    assert account.steps == {"no-advice": {"drop": 286}}


def test_more_workers_or_smaller_pieces_give_the_same_bytes(tmp_path):
    write(
        tmp_path / "in", [("a.jsonl", DATA), ("b.jsonl.gz", packed(DATA, "gz")), ("e.jsonl", b"")]
    )
    trees = []
    for workers in (1, 2, 8):
        filtered(tmp_path / f"out{workers}", tmp_path / "in", workers=workers)
        trees.append(tree(tmp_path / f"out{workers}"))
    assert trees[0] == trees[1] == trees[2]
    assert "ledger.jsonl" in trees[0]
    assert not any(name.startswith(".") for name in trees[0])


@pytest.mark.parametrize("part_bytes", [1_000, 4_999])
def test_wherever_a_file_is_cut_no_row_is_lost_doubled_or_misnumbered(tmp_path, part_bytes):
    data = lines(60) + b"\n  \n" + lines(5) + b'{"text": "no line end"}'
    write(tmp_path, [("c.jsonl", data)])
    finished = filtered(tmp_path / "out", tmp_path / "c.jsonl", part_bytes=part_bytes)
    whole = filtered(tmp_path / "whole", tmp_path / "c.jsonl", part_bytes=1_000_000)
    assert output(tmp_path / "out") == output(tmp_path / "whole")
    assert finished.account == whole.account
    assert finished.account.rows_in == 66
    numbers = [
        orjson.loads(line)["row"]
        for path in sorted((tmp_path / "out" / "ledger").iterdir())
        if path.name.endswith("entries.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    assert numbers == [*range(3, 60, 7), 65]


def test_the_ledger_names_rule_owner_place_and_the_hash_of_the_row(tmp_path):
    write(tmp_path, [("c.jsonl", DATA)])
    filtered(tmp_path / "out", tmp_path / "c.jsonl", part_bytes=1_000_000)
    (path,) = (tmp_path / "out" / "ledger").glob("*.entries.jsonl")
    entry = orjson.loads(path.read_bytes().splitlines()[0])
    assert entry["row"] == 3
    assert entry["id"] == "r3"
    assert entry["outcome"] == "dropped"
    assert entry["sha256"] == hashlib.sha256(DATA.splitlines()[3]).hexdigest()
    (mark,) = entry["marks"]
    assert (mark["step"], mark["owner"], mark["asks"]) == ("no-advice", "Counsel", "drop")
    assert mark["path"] == ["text"]
    start, end, _ = mark["spans"][0]
    assert BAD[start:end] == "you should sue"


def test_the_ledger_holds_the_policy_and_what_sha256sum_says_of_the_source(tmp_path):
    write(tmp_path, [("c.jsonl", DATA)])
    finished = filtered(tmp_path / "out", tmp_path / "c.jsonl")
    first, *_, source, _, end = ledger.read(tmp_path / "out")
    assert first["policy"] == plan().policy.digest
    assert source["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert end["totals"] == finished.account.to_json()
    assert ledger.verify(tmp_path / "out").head == finished.head
    assert not ledger.verify(tmp_path / "out").problems


def test_a_finished_run_is_not_done_again_and_another_one_is_refused(tmp_path):
    write(tmp_path, [("c.jsonl", DATA)])
    first = filtered(tmp_path / "out", tmp_path / "c.jsonl")
    again = filtered(tmp_path / "out", tmp_path / "c.jsonl")
    assert not first.before
    assert again.before
    assert again.account == first.account
    with pytest.raises(RunError, match="another remit"):
        filtered(tmp_path / "out", tmp_path / "c.jsonl", part_bytes=5_000)
    with pytest.raises(RunError, match="not empty"):
        filtered(tmp_path, tmp_path / "out" / "data" / "c.jsonl-00000.jsonl")


def test_plain_text_is_a_document_a_paragraph_and_goes_out_as_json(tmp_path):
    text = f"First paragraph,\ntwo lines.\n\n{BAD}\n\n\n\nLast one."
    for name, data in (("unix", text), ("dos", text.replace("\n", "\r\n"))):
        write(tmp_path, [(f"{name}.txt", data.encode())])
        finished = filtered(tmp_path / name, tmp_path / f"{name}.txt")
        rows = [orjson.loads(line)["text"] for line in output(tmp_path / name).splitlines()]
        assert [row.replace("\r", "") for row in rows] == [
            "First paragraph,\ntwo lines.",
            "Last one.",
        ]
        assert finished.account.rows_in == 3
        assert finished.account.bytes_in == len(data)


def test_a_source_that_changes_under_the_run_is_an_error(tmp_path):
    write(tmp_path, [("c.jsonl", DATA)])
    from remit.layers.data.processes import WorkError
    from remit.layers.data.run import Listener

    def meddle(stage: str, size: int) -> None:
        if stage == "filtering":
            (tmp_path / "c.jsonl").write_bytes(DATA + DATA)

    with pytest.raises(WorkError, match="changed while it was read"):
        filter_corpus(
            plan(), [str(tmp_path / "c.jsonl")], tmp_path / "out", listener=Listener(stage=meddle)
        )


def test_a_changed_row_keeps_its_other_columns_and_their_large_numbers(tmp_path):
    remit = REMIT.replace(b"data: drop", b"data: redact")
    row = b'{"n": 123456789012345678901234567890, "text": "So you should sue.", "x": [null, {}]}\n'
    write(tmp_path, [("c.jsonl", row)])
    account = filter_corpus(Plan(remit), [str(tmp_path / "c.jsonl")], tmp_path / "out").account
    assert account.rows["changed"] == 1
    changed = json.loads(output(tmp_path / "out"))
    assert list(changed) == ["n", "text", "x"]
    assert changed["n"] == 123456789012345678901234567890
    assert "sue" not in changed["text"]


def test_control_tokens_begin_good_and_bad_texts(tmp_path):
    remit = REMIT.replace(b"data: drop", b"data: tag")
    write(tmp_path, [("c.jsonl", lines(5))])
    wanted = Plan(remit, prefix=("<|good|>", "<|bad|>"))
    account = filter_corpus(wanted, [str(tmp_path / "c.jsonl")], tmp_path / "out").account
    rows = [orjson.loads(line) for line in output(tmp_path / "out").splitlines()]
    assert [row["text"].partition(">")[0] for row in rows] == [
        "<|good|",
        "<|good|",
        "<|good|",
        "<|bad|",
        "<|good|",
    ]
    assert rows[3]["remit"] == ["no-advice"]
    assert account.rows["changed"] == 5


def test_what_must_see_the_whole_corpus_first_gives_the_same_bytes_for_any_workers(tmp_path):
    pytest.importorskip("numpy", reason="needs the extra `data`")
    twice = b"".join(b'{"text": "the same words %d times"}\n' % (n % 50) for n in range(1_000))
    folder = write(tmp_path / "in", [("a.jsonl", twice), ("b.jsonl", twice)])
    trees = []
    for workers in (1, 2):
        wanted = Plan(REMIT, dedup=("exact",), part_bytes=10_000)
        out = tmp_path / f"out{workers}"
        account = filter_corpus(wanted, [str(folder)], out, workers=workers).account
        assert account.steps == {"exact-duplicates": {"drop": 1_950}}
        trees.append(tree(out))
    assert trees[0] == trees[1]


def test_a_note_that_a_power_cut_left_empty_is_made_again(tmp_path, monkeypatch):
    folder = write(tmp_path / "in", [("a.jsonl", lines(2_000)), ("b.jsonl", lines(3))])
    wanted = filtered(tmp_path / "whole", folder)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr("remit.layers.data.run.account", stopped)
        with pytest.raises(KeyboardInterrupt):
            filtered(out, folder)
    emptied = [path for kind in ("shards", "hashed") for path in (out / ".work" / kind).iterdir()]
    assert len(emptied) > 3
    for path in emptied:
        path.write_bytes(b"")
    assert filtered(out, folder).head == wanted.head
