"""The labelling page: rows read from their sources, checked by hash, and labels that are kept."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from corpus import REMIT, filtered, lines, write

from remit.layers.data.bounds import read_labels
from remit.layers.data.card.labels import read
from remit.layers.data.card.measures import sampled
from remit.layers.data.label import LabelServer
from remit.layers.data.label.desk import Desk
from remit.layers.data.plan import Plan
from remit.layers.data.run import filter_corpus
from remit.layers.data.sources import SourceError

LONG = "An ordinary clause. " * 5_000
CHAT = {
    "messages": [
        {"role": "user", "content": "Is it <b>void</b>?"},
        {"role": "assistant", "content": "You should sue\u202e <script>alert(1)</script> him."},
    ]
}


@contextmanager
def serving(folder: Path, *inputs: str) -> Iterator[LabelServer]:
    server = LabelServer(folder, inputs)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(
    server: LabelServer, below: str = "", form: dict[str, str] | None = None, token: str = ""
) -> tuple[int, str, dict[str, str]]:
    """An answer's status, text and headers."""
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    path = f"/{token or server.token}/{below}"
    body = None if form is None else urlencode(form)
    line.request("GET" if form is None else "POST", path, body)
    answer = line.getresponse()
    told = answer.read().decode()
    line.close()
    return answer.status, told, {name.lower(): value for name, value in answer.getheaders()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write(tmp_path / "in", [("a.jsonl", lines(600, bad_every=10))])
    filtered(tmp_path / "out", tmp_path / "in")
    return tmp_path / "out"


def test_a_person_labels_a_row_and_comes_back_to_the_next(out):
    with serving(out) as server:
        status, told, _ = ask(server)
        assert status == 200
        assert "30 rows" in told
        assert ask(server, form={"rater": "Anna K."})[2]["location"].endswith("/rate/anna-k")
        assert ask(server, "rate/anna-k")[2]["location"].endswith("/rate/anna-k/0")
        _, told, headers = ask(server, "rate/anna-k/0")
        assert "Does not give advice." in told
        assert "Then <mark>you should sue</mark> him." in told
        assert "default-src 'none'" in headers["content-security-policy"]
        form = {"answer": "wrong", "note": "A quotation.\r\nNot advice."}
        status, _, headers = ask(server, "rate/anna-k/0", form)
        assert (status, headers["location"][-14:]) == (303, "/rate/anna-k/1")
    (label,) = read(out / "labels.jsonl")
    first = sampled(out)[0]
    assert (label.rule, label.row, label.right) == ("no-advice", first["sha256"], False)
    assert (label.rater, label.note) == ("anna-k", "A quotation.\nNot advice.")
    with serving(out) as server:  # another day
        assert ask(server, "rate/anna-k")[2]["location"].endswith("/1")
        assert ask(server, "rate/ben")[2]["location"].endswith("/0")
        assert "Not advice." in ask(server, "rate/anna-k/0")[1]
        assert "Not advice." not in ask(server, "rate/ben/0")[1]


def test_all_labels_let_a_bounded_rule_drop_at_the_next_run(tmp_path):
    write(tmp_path / "in", [("a.jsonl", lines(700))])
    remit = REMIT.replace(b"owner: Counsel", b"owner: Counsel\n    wrongly: 5%")
    source = [str(tmp_path / "in")]
    first = filter_corpus(Plan(remit, samples=60), source, tmp_path / "out")
    assert first.account.steps == {"no-advice": {"tag": 100}}
    with serving(tmp_path / "out") as server:
        for place in range(60):
            assert ask(server, f"rate/a/{place}", {"answer": "right"})[0] == 303
        assert "All 60 rows are labelled" in ask(server, "rate/a")[1]
    labels = tmp_path / "out" / "labels.jsonl"
    again = filter_corpus(Plan(remit, labels=str(labels)), source, tmp_path / "again")
    assert again.account.steps == {"no-advice": {"drop": 100}}


def test_doubt_disputes_and_other_samples_do_not_count_for_a_bound():
    label = {"rule": "r", "row": "1", "right": True, "rater": "a"}
    lines = [
        label,
        {**label, "rater": "b", "right": False},  # disputed
        {**label, "row": "2", "right": None},
        {**label, "row": "3"},
        {**label, "row": "4", "sample": "near", "drawn": ["step"], "right": False},
        {**label, "row": "5", "sample": "found", "drawn": ["language"], "right": False},
    ]
    evidence = read_labels(json.dumps(line).encode() for line in lines)["r"]
    assert (evidence.wrong, evidence.of) == (2, 3)


@pytest.mark.parametrize(
    ("method", "below", "form", "token", "status"),
    [
        ("GET", "", None, "guess", 404),
        ("GET", "label.css", None, "guess", 404),
        ("GET", "../labels.jsonl", None, "", 404),
        ("GET", "rate/a/999", None, "", 404),
        ("GET", "rate/a/-1", None, "", 404),
        ("GET", "rate/A%2f/0", None, "", 404),
        ("POST", "rate/a/999", {"answer": "right"}, "", 404),
        ("POST", "rate/a/0", {"answer": "perhaps"}, "", 422),
        ("POST", "rate/a/0", {"answer": "right"}, "guess", 404),
        ("POST", "rate/a/0", {"answer": "right", "note": "n" * 40_000}, "", 400),
        ("POST", "", {"rater": "!!"}, "", 422),
    ],
)
def test_what_is_not_offered_is_refused_and_nothing_written(
    out, method, below, form, token, status
):
    with serving(out) as server:
        assert ask(server, below, form, token)[0] == status
    assert not (out / "labels.jsonl").exists()


def row(folder: Path, rater: str = "a", place: int = 0) -> str:
    with serving(folder) as server:
        return ask(server, f"rate/{rater}/{place}")[1]


def test_hostile_text_is_shown_as_text_and_what_is_hidden_shows(tmp_path):
    write(tmp_path / "in", [("c.jsonl", json.dumps(CHAT).encode() + b"\n")])
    filtered(tmp_path / "out", tmp_path / "in")
    told = row(tmp_path / "out")
    assert "<script>alert" not in told
    assert "&lt;script&gt;alert(1)" in told
    assert "Is it &lt;b&gt;void&lt;/b&gt;?" in told
    assert "⟨202E⟩" in told
    assert "messages.1.content" in told


def test_of_a_long_text_the_marked_passage_is_shown_and_how_much_is_not(tmp_path):
    text = LONG + "You should sue him. " + LONG
    write(tmp_path / "in", [("a.jsonl", json.dumps({"text": text}).encode() + b"\n")])
    filtered(tmp_path / "out", tmp_path / "in")
    told = row(tmp_path / "out")
    assert len(told) < 10_000
    assert "<mark>You should sue</mark> him." in told
    assert "… 98,800 more characters …" in told


PACKED = [
    ("a.jsonl.gz", gzip.compress(lines(900))),
    ("torn.jsonl.gz", gzip.compress(lines(900))[:-400]),
    ("t.txt", b"Fine.\n\nYou should sue him.\n\nFine again.\n"),
    ("w.jsonl", b"\xef\xbb\xbf" + lines(900)),
]


@pytest.mark.parametrize(("name", "data"), PACKED, ids=[name for name, _ in PACKED])
def test_rows_are_found_again_in_every_format(tmp_path, name, data):
    write(tmp_path / "in", [(name, data)])
    filtered(tmp_path / "out", tmp_path / "in", part_bytes=10_000)
    desk = Desk(tmp_path / "out")
    views = [desk.view("a", place) for place in range(len(desk))]
    assert views
    assert all(view and not view.gone for view in views)
    marked = [piece.text for v in views for p in v.shown for piece in p.pieces if v and not v.gone]
    assert sum("ou should sue" in text for text in marked) == len(views)


def test_rows_of_a_table_are_found_again(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = ["You should sue him." if n % 9 == 4 else f"Text {n}." for n in range(500)]
    (tmp_path / "in").mkdir()
    table = arrow.table({"text": texts})
    parquet.write_table(table, tmp_path / "in" / "t.parquet", row_group_size=100)
    filtered(tmp_path / "out", tmp_path / "in", part_bytes=1_000)
    desk = Desk(tmp_path / "out")
    assert len(desk) == 30
    assert not any(desk.view("a", place).gone for place in range(30))


def test_a_source_that_changed_is_told_and_not_shown(tmp_path, out):
    source = tmp_path / "in" / "a.jsonl"
    source.write_bytes(source.read_bytes().replace(b"Then you", b"Thus you"))
    told = row(out)
    assert "was changed since the run" in told
    assert "Thus" not in told
    assert 'name="answer"' not in told


def test_a_source_that_moved_is_found_where_it_is_said_to_be(tmp_path, out):
    (tmp_path / "in").rename(tmp_path / "moved")
    assert "name the inputs after the folder" in row(out)
    with serving(out, str(tmp_path / "moved")) as server:
        assert "<mark>you should sue</mark>" in ask(server, "rate/a/0")[1]
    with pytest.raises(SourceError):
        LabelServer(out, [str(tmp_path / "nowhere")])


def test_a_name_that_leads_out_of_the_inputs_is_not_followed(tmp_path, out):
    write(tmp_path, [("secret.jsonl", lines(9))])
    sample = out / "sample.jsonl"
    sample.write_bytes(sample.read_bytes().replace(b'"a.jsonl"', b'"../secret.jsonl"'))
    assert "is no name of a source" in row(out)
