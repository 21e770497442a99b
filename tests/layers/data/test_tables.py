"""Parquet: columns and their types survive, rows are accounted for, damage is told."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from corpus import BAD, REMIT, plan, tree

from remit.layers.data.ledger import verify
from remit.layers.data.lookup import Run
from remit.layers.data.plan import Plan
from remit.layers.data.run import filter_corpus

pa = pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet`")

CHAT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def table(rows: int = 500):
    """Chats with columns of many types."""
    said = [BAD if n % 9 == 0 else f"ordinary {n}" for n in range(rows)]
    return pa.table(
        {
            "messages": pa.array([[{"role": "user", "content": text}] for text in said], CHAT),
            "when": pa.array(
                [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)] * rows, pa.timestamp("ms", "UTC")
            ),
            "price": pa.array([Decimal("1.10")] * rows, pa.decimal128(9, 2)),
            "blob": pa.array([b"\xff\x00"] * rows, pa.binary()),
            "small": pa.array(range(rows), pa.int16()),
            "score": pa.array([float("nan")] * rows, pa.float32()),
        }
    ).replace_schema_metadata({"note": "kept"})


def test_columns_types_and_order_survive_whatever_the_number_of_workers(tmp_path):
    parquet.write_table(table(), tmp_path / "c.parquet", row_group_size=40)
    trees = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        account = filter_corpus(
            plan(2_000), [str(tmp_path / "c.parquet")], out, workers=workers
        ).account
        trees.append(tree(out))
    assert account.rows["dropped"] == 56
    assert account.rows["kept"] == 444
    assert trees[0] == trees[1]
    parts = sorted((tmp_path / "out1" / "data").iterdir())
    assert len(parts) > 3
    whole = pa.concat_tables([parquet.read_table(part) for part in parts])
    came = parquet.read_table(tmp_path / "c.parquet")
    wanted = came.filter(pa.array([n % 9 != 0 for n in range(500)]))
    assert whole.schema.equals(wanted.schema, check_metadata=True)
    assert whole.drop(["score"]).equals(wanted.drop(["score"]))


def test_a_tagged_or_redacted_row_keeps_the_types_of_its_table(tmp_path):
    remit = REMIT.replace(b"data: drop", b"data: tag") + (
        b"  - {id: no-mail, says: No mail., because: It is theirs., owner: Counsel,\n"
        b"     then: {data: redact}, detect: [{identifier: [email]}], audit: [{judge: default}],\n"
        b"     breaks: [jan@example.com], keeps: [nothing]}\n"
    )
    rows = table(3).to_pylist()
    rows[1]["messages"][0]["content"] = "write to jan@example.com"
    made = pa.Table.from_pylist(rows, schema=table(0).schema)
    parquet.write_table(made, tmp_path / "c.parquet")
    account = filter_corpus(Plan(remit), [str(tmp_path / "c.parquet")], tmp_path / "out").account
    assert account.rows["changed"] == 2
    (part,) = (tmp_path / "out" / "data").iterdir()
    out = parquet.read_table(part)
    assert out.schema.names == [*made.schema.names, "remit", "mask_spans", "remit_counter"]
    assert out.column("remit").to_pylist() == [["no-advice"], None, None]
    assert "jan@example.com" not in str(out.column("messages").to_pylist())
    assert out.column("when").equals(made.column("when"))


@pytest.mark.parametrize("damage", ["not a table", "cut off"])
def test_a_damaged_file_is_told_and_the_rest_goes_on(tmp_path, damage):
    good = tmp_path / "in" / "a.parquet"
    good.parent.mkdir()
    parquet.write_table(table(50), good)
    data = b"PAR1 is no table" if damage == "not a table" else good.read_bytes()[:-20]
    (tmp_path / "in" / "b.parquet").write_bytes(data)
    account = filter_corpus(plan(), [str(good.parent)], tmp_path / "out").account
    assert account.rows_in == 50
    assert "no readable Parquet file" in (tmp_path / "out" / "ledger.jsonl").read_text()


def test_rows_of_a_damaged_row_group_stand_in_the_account_and_are_explained(tmp_path):
    source = tmp_path / "c.parquet"
    parquet.write_table(table(400), source, row_group_size=100, use_dictionary=False)
    column = parquet.ParquetFile(source).metadata.row_group(1).column(0)
    data = bytearray(source.read_bytes())
    start = column.data_page_offset
    data[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    source.write_bytes(bytes(data))
    accounts = []
    for workers, part_bytes in ((1, 1_000_000), (2, 2_000)):
        out = tmp_path / f"out{workers}"
        done = filter_corpus(plan(part_bytes), [str(source)], out, workers=workers)
        accounts.append(done.account)
        assert done.damaged
        assert not verify(out).problems
        (told,) = Run(out).explain("c.parquet:150")
        assert told.outcome == "quarantined"
        assert "row group 1 is damaged" in told.said["reason"]
        (told,) = Run(out).explain("c.parquet:250")
        assert told.outcome == "kept"
    assert accounts[0] == accounts[1]
    assert accounts[0].rows_in == 400
    assert accounts[0].rows["quarantined"] == 100
