"""Rows that a rule wants said anew are asked of a model, judged again, and accounted for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from corpus import REMIT, output, plan, tree

from remit.layers.data.entries import entries_in
from remit.layers.data.run import Finished, filter_corpus
from remit.layers.data.writers import Writer

REWRITES = REMIT.replace(b"data: drop", b"data: rewrite")
ROWS = (
    '{"id": "a", "text": "You should sue him today."}\n'
    '{"id": "b", "text": "You should sue her; be stubborn."}\n'
    '{"id": "c", "text": "An ordinary text."}\n'
    '{"id": "d", "text": "You should sue them; say nothing."}\n'
)


class _Model(BaseHTTPRequestHandler):
    """Says it mildly, but for the stubborn and the silent."""

    asked: list[str]
    keys: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][0]["content"]
        self.asked.append(prompt)
        self.keys.append(self.headers.get("authorization", ""))
        words = "You should sue." if "stubborn" in prompt else "A colleague will call you."
        reply = json.dumps({"choices": [{"message": {"content": words}}]}).encode()
        self.send_response(500 if "say nothing" in prompt else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def model() -> Iterator[tuple[str, type[_Model]]]:
    handler = type("Model", (_Model,), {"asked": [], "keys": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rewritten(source: Path, out: Path, url: str) -> Finished:
    wanted = replace(plan(remit=REWRITES), writer=Writer(url, "writer", "secret-key"))
    return filter_corpus(wanted, [str(source)], out)


def test_a_row_said_anew_is_kept_and_what_still_breaks_a_rule_is_dropped(model, tmp_path):
    url, handler = model
    source = tmp_path / "a.jsonl"
    source.write_text(ROWS)
    account = rewritten(source, tmp_path / "out", url).account
    told = {name: rows for name, rows in account.rows.items() if rows}
    assert told == {"kept": 1, "changed": 1, "dropped": 1, "quarantined": 1}
    left = [json.loads(line) for line in output(tmp_path / "out").splitlines()]
    assert left == [
        {"id": "a", "text": "A colleague will call you."},
        {"id": "c", "text": "An ordinary text."},
    ]
    (path,) = (tmp_path / "out" / "ledger").rglob("*.entries.jsonl")
    entries = {entry["id"]: entry for entry in entries_in(path)}
    assert entries["b"]["notes"] == ["no-advice: broken by what was rewritten too"]
    assert entries["d"]["reason"].startswith("no-advice: writer gave no answer")
    assert set(entries) == {"a", "b", "d"}
    assert len(handler.asked) == 3
    assert set(handler.keys) == {"Bearer secret-key"}


def test_the_key_is_written_nowhere_and_a_finished_run_asks_no_one_again(model, tmp_path):
    url, handler = model
    source = tmp_path / "a.jsonl"
    source.write_text(ROWS)
    rewritten(source, tmp_path / "out", url)
    before = tree(tmp_path / "out")
    plan_file = (tmp_path / "out" / "plan.json").read_bytes()
    assert not any(b"secret-key" in data for data in [*before.values(), plan_file])
    assert b'"model":' in plan_file
    assert rewritten(source, tmp_path / "out", url).before
    assert len(handler.asked) == 3
    assert tree(tmp_path / "out") == before


def test_without_a_model_such_rows_are_set_aside(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text(ROWS)
    account = filter_corpus(plan(remit=REWRITES), [str(source)], tmp_path / "out").account
    assert (account.rows["kept"], account.rows["quarantined"]) == (1, 3)
